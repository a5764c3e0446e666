CREATE SOURCE s (a CHAR(3)) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
