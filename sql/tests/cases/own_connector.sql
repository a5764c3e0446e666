CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE CONNECTOR Pager FROM 'plugins/pager.wasm' WITH (memory = '64 MiB');
CREATE SINK team WITH (connector = 'pager', url = 'https://pages.example.com/v2', routing_key = secret('KEY'), level = 3);

INSERT INTO team SELECT t, a FROM s WHERE a > 1;
