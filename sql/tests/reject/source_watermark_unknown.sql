CREATE SOURCE s (ts TIMESTAMP, WATERMARK FOR tz AS tz - INTERVAL '5' SECOND) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
