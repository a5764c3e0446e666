CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', sasl_password = secret('../../etc/passwd'));
SELECT * FROM s;
