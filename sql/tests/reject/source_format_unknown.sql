CREATE SOURCE s (a TIMESTAMP FORMAT 'epoch') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
