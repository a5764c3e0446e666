CREATE SOURCE s (a TEXT NOT NULL) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't');
SELECT * FROM s;
