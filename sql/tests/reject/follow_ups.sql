CREATE SOURCE s (a BIGINT, p BOOLEAN, x DOUBLE, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (connector='kafka', brokers='localhost:1', topic='x', format='json');
CREATE VIEW v AS SELECT a, ts FROM s;
CREATE SOURCE b1 (a BIGINT, WATERMARK FOR ts AS ts, WATERMARK FOR ts AS ts) WITH (connector='file', path='x');
CREATE SOURCE b2 (ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '-5' SECOND) WITH (connector='file', path='x');
CREATE SOURCE b3 (a BIGINT) WITH (connector='file', path='x', path='y');
CREATE SOURCE b4 (a BIGINT) WITH (connector='file', path='x', max_future_skew='-5 s');
CREATE SOURCE b5 (a BIGINT) WITH (connector='file', path='x', idle_timeout='0 s');
CREATE SOURCE b6 (a BIGINT a) WITH (connector='file', path='x');
CREATE SOURCE b7 (a BIGINT) WITH (connector 'file', path='x');
CREATE SOURCE "b8" (a BIGINT) WITH (connector 'file', path='x');
SELECT a FROM b1; SELECT a FROM B2; SELECT a FROM b3; SELECT a FROM b8; SELECT count(*) FROM TUMBLE(b6, ts, INTERVAL '1' MINUTE);
CREAT SOURCE b9 (a BIGINT) WITH (connector='file', path='x');
CREATE SOURC b10 (a BIGINT) WITH (connector='file', path='x');
CREATE SOURCE IF NOT EXISTS b11 (a BIGINT) WITH (connector='file', path='x');
CREATE b12 (a BIGINT);
SELECT a FROM b9; SELECT a FROM b10; SELECT a FROM b11; SELECT a FROM b12;

