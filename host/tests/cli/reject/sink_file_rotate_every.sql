CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl', rotate_every = '20 ms');
