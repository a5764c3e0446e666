CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', kafka.fetch_min_byte = '1');
SELECT * FROM s;
