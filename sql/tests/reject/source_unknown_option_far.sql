CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', colour = 'x');
SELECT * FROM s;
