-- Values of options: env() with defaults, joined with texts, and headers.
CREATE SOURCE s (a TEXT, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (
  connector = env('CONNECTOR', 'kafka'), brokers = env('BROKERS', 'b:9092'), topic = ENV('STAGE', 'dev') || '-' || 'requests',
  idle_timeout = env('IDLE', '5 s'), time_format = env('TIMES', 'unix_ms'), 'client.id' = env('EMPTY', '')
);
CREATE SINK hook WITH (
  connector = 'webhook', url = 'https://' || env('HOST', 'h') || '/${PATH}', allow_private = false,
  headers = (authorization = 'Bearer ' || secret('TOKEN'), "X-Team" = env('TEAM', 'ml') || '-1', 'x_empty' = '',)
);
CREATE SINK topic WITH (connector = 'kafka', brokers = 'b', topic = 't', headers = (stage = env('STAGE', 'dév'), list = ''));
INSERT INTO hook SELECT a FROM s;
INSERT INTO topic SELECT a FROM s;
SELECT a AS env, n AS secret FROM s WHERE a <> 'env(''STAGE'')';
