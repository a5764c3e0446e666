CREATE SOURCE s (a TEXT, PRIMARY KEY (a)) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
