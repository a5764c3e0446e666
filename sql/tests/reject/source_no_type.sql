CREATE SOURCE s (a, b TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
