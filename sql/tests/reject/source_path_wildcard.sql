CREATE SOURCE s (a TEXT PATH 'choices[*].text') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
