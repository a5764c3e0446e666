CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', kafka.plugin.library.paths = '/tmp/x.so');
SELECT * FROM s;
