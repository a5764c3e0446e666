CREATE SOURCE a (x TEXT) WITH (connector = 'kafka', brokers = 'b', topic = 't', sasl_password = env('PW'));
CREATE SOURCE b (x TEXT) WITH (connector = 'kafka', brokers = 'b', topic = 't', sasl_password = env('PW', 'hunter2'));
CREATE SOURCE c (x TEXT) WITH (connector = 'kafka', brokers = 'b', topic = 't', sasl_password = 'hunter2' || secret('PW'));
CREATE SINK d WITH (connector = 'webhook', url = secret('A'), signing_secret = env('B'));
CREATE SINK e WITH (connector = 'webhook', url = 'https://h/' || secret('TOKEN'));
CREATE SINK f WITH (connector = 'webhook', url = 'https://' || env('USER_AND', 'u:hunter2') || '@h/');
SELECT 1 AS x FROM a;
