CREATE SOURCE s (a BIGINT) WITH (connector = 'file', path = 'events.jsonl', format = 'json');
CREATE SINK k WITH (connector = 'webhook', url = 'https://hooks.example.com/{secret:TOKEN}');
INSERT INTO k SELECT a FROM s;
