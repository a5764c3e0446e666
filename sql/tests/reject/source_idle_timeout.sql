CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', idle_timeout = '10');
SELECT * FROM s;
