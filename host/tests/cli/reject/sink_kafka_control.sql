CREATE SINK k WITH (connector = 'kafka', brokers = 'b:9092', topic = 'rows', control_topic = 'rows');
