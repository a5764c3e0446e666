CREATE SOURCE a (n BIGINT) WITH (connector = 'kafka', brokers = 'localhost:99999', topic = 't', format = 'json');
CREATE SOURCE b (n BIGINT) WITH (connector = 'kafka', brokers = 'k1:9092, http://k2:9092', topic = 't', format = 'json');
CREATE SINK c WITH (connector = 'kafka', brokers = 'k1:', topic = 't');
