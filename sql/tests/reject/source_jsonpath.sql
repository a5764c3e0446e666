CREATE SOURCE s (a TEXT PATH '$.a.b') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
