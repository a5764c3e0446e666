CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl', rotate_bytes = '0');
