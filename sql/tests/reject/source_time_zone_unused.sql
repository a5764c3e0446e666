CREATE SOURCE s (a TIMESTAMP FORMAT 'unix_s') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_zone = 'UTC');
SELECT * FROM s;
