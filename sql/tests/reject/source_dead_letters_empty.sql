CREATE SOURCE s (ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', dead_letters = ''); SELECT ts FROM s;
