CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_format = 'yyyy-MM-dd HH:mm:ss');
SELECT * FROM s;
