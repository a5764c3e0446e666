CREATE SINK k WITH (connector = 'kafka', brokers = 'b:9092');
