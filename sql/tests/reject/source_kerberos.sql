CREATE SOURCE s (a TEXT) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', "kafka.sasl.kerberos.kinit.cmd" = 'rm -rf /');
SELECT * FROM s;
