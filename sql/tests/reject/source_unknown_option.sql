CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', tpoic = 'x');
SELECT * FROM s;
