CREATE SOURCE s (a TIMESTAMP, b TIMESTAMP, WATERMARK FOR a AS b - INTERVAL '5' SECOND) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
