CREATE SOURCE s (a VARCHAR(36)) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
