CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', ssl_keystore_location = '/etc/passwd');
SELECT * FROM s;
