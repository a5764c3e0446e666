CREATE SOURCE a (x BIGINT) WITH (connector = 'kafka', brokers = 'h:1', topic = 't', 'sasl.password'='hunter2');
CREATE SOURCE b (x BIGINT) WITH (connector = 'kafka', brokers = 'h:1', topic = 't', ssl.key.pem =
  'hunter2');
CREATE SOURCE c (x BIGINT) WITH (connector = 'kafka', brokers = 'h:1', topic = 't', sasl_password = hunter2);
CREATE SOURCE d (x BIGINT) WITH (connector = 'kafka', brokers = 'h:1', topc = 't', kafka.ssl.key.password = 'hunter2');
CREATE SINK e WITH (connector = 'webhook', url = 'https://a.test', signing_secret = 'hunter2');
SELECT x FROM a;
