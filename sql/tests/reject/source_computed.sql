CREATE SOURCE s (a TEXT, b AS upper(a)) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
