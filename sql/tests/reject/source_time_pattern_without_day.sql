CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_format = '%H:%M:%S%z');
SELECT * FROM s;
