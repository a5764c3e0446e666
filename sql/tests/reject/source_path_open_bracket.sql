CREATE SOURCE s (a TEXT PATH 'choices[0') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
