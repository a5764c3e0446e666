-- A file is the whole program: CREATE OR REPLACE says no more than CREATE.
CREATE OR REPLACE SOURCE requests (model TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'requests.jsonl');
CREATE OR REPLACE SINK out WITH (connector = 'console');
CREATE OR REPLACE VIEW v AS SELECT model FROM requests;
INSERT INTO out SELECT * FROM v;
