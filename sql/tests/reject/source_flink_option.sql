CREATE SOURCE s (a TEXT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'localhost:9092');
SELECT * FROM s;
