CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl', rotate_bytes = secret('X'));
