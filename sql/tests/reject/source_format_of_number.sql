CREATE SOURCE s (a BIGINT FORMAT 'unix_s') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
