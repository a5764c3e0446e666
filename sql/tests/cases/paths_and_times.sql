CREATE SOURCE calls (
  model TEXT PATH 'attributes."gen_ai.request.model"', app VARCHAR(64) PATH 'labels.app\.kubernetes\.io/name',
  reason STRING PATH 'choices[0].finish_reason', created TIMESTAMP FORMAT 'unix_s' PATH 'meta.created',
  day TIMESTAMP PATH 'day' FORMAT '%d.%m.%Y', ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 't', time_zone = '+02:00');
SELECT model, app, reason, created, day, ts FROM calls;
