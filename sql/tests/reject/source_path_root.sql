CREATE SOURCE s (a TEXT PATH '[0].a') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
