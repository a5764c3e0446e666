CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_format = '%Y-%m-%d %Q%z');
SELECT * FROM s;
