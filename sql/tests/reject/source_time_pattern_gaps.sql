CREATE SOURCE a (ts TIMESTAMP FORMAT '%F %M:%S%z') WITH (connector = 'file', path = 'e.jsonl');
CREATE SOURCE b (ts TIMESTAMP FORMAT '%F %I:%M%z') WITH (connector = 'file', path = 'e.jsonl');
CREATE SOURCE c (ts TIMESTAMP) WITH (connector = 'file', path = 'e.jsonl', time_format = '%d.%m.%Y %H:%S%z');
CREATE SOURCE d (ts TIMESTAMP) WITH (connector = 'file', path = 'e.jsonl', time_format = '%Y-%m-%d %H:%M:%H%z');
