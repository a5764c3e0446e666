CREATE SOURCE orders (
  id VARCHAR(64),
  note STRING,
  n INT,
  f FLOAT,
  price DECIMAL(10, 2),
  at DATETIME,
  created TIMESTAMP(3),
  tz TIMESTAMPTZ,
  ltz TIMESTAMP_LTZ(3),
  ok BOOL,
  doc JSON,
  labels MAP<STRING, STRING>,
  tags ARRAY<STRING>,
  more TEXT[],
  usage ROW<input INT, output INT>,
  u UUID,
  raw BYTES,
  WATERMARK FOR created AS created - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'g',
  'properties.sasl.username' = 'u',
  'scan.startup.mode' = 'earliest-offset',
  'value.format' = 'json',
  'json.ignore-parse-errors' = 'true'
);
CREATE SOURCE pageviews (id TEXT) WITH (KAFKA_TOPIC = 'pageviews', VALUE_FORMAT = 'JSON', TIMESTAMP = 'ts', PARTITIONS = 1);
CREATE SOURCE spark (id TEXT) WITH (connector = 'kafka', "kafka.bootstrap.servers" = 'a:9092', subscribe = 'events', startingOffsets = 'earliest');
SELECT id FROM orders;
