CREATE SOURCE s (a TIMESTAMP FORMAT '%d.%m.%Y') WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_zone = 'Europe/Berlin');
SELECT * FROM s;
