CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'b', topic = secret('T'));
SELECT * FROM s;
