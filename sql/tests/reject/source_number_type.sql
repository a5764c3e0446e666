CREATE SOURCE s (a DECIMAL(10, 2)) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
