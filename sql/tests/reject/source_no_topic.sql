CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092');
SELECT * FROM s;
