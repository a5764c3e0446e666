CREATE SOURCE s (a TEXT) WITH (connector = 'file', path = 'e.jsonl');
SELECT trim(BOTH FROM) FROM s;
SELECT trim(BOTH FROM a, 'x') FROM s;
SELECT trim(FROM a) FROM s;
