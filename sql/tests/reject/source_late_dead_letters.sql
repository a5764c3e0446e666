CREATE SOURCE s (ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:9092', topic = 't', late_dead_letters = 'no'); SELECT ts FROM s;
