CREATE SOURCE s (ts BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
