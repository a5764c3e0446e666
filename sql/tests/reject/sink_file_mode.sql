CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl', mode = 'truncate');
