CREATE SOURCE s (a TEXT PATH 'attributes."gen_ai') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
