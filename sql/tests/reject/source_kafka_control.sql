CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = 'b:9092', topic = 'rows', format = 'json', control_topic = 'c');
