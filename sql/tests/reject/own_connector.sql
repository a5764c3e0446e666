CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE CONNECTOR webhook FROM 'plugins/pager.wasm';
CREATE CONNECTOR File FROM 'plugins/pager.wasm';
CREATE CONNECTOR broken FROM 'nowhere.wasm';
CREATE CONNECTOR pager FROM 'plugins/pager.wasm';
CREATE CONNECTOR Pager FROM 'plugins/pager.wasm';
CREATE SINK a WITH (connector = 'broken', url = 'https://pages.example.com/v2');
CREATE SINK b WITH (connector = 'later', url = 'https://pages.example.com/v2');
CREATE SINK c WITH (connector = 'pager');
CREATE SINK d WITH (connector = 'pager', url = 'https://pages.example.com/v2', level = 'high');
CREATE SINK e WITH (connector = 'pager', url = 'https://pages.example.com/v2', key = 'k');
CREATE SINK f WITH (connector = 'pagr', url = 'https://pages.example.com/v2');
CREATE CONNECTOR later FROM 'plugins/pager.wasm';
CREATE SOURCE r (a BIGINT) WITH (connector = 'pager', url = 'https://pages.example.com/v2', format = 'json');
INSERT INTO a SELECT a FROM s;
