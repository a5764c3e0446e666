-- A share of counts is 0 or 1 in BIGINT: a warning. What has digits, or may be meant, has none.
CREATE SOURCE s (model TEXT, ok BOOLEAN, tokens BIGINT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:9092', topic = 't');

SELECT
  model,
  count(*) FILTER (WHERE NOT ok) / count(*) AS error_rate,
  (count(tokens) + count(ms)) / nullif(count(*), 0) AS per_event,
  sum(CASE WHEN ok THEN 1 ELSE 0 END) / count(*) AS ok_rate,
  100 * count(*) FILTER (WHERE NOT ok) / count(*) AS percent,
  1.0 * count(*) FILTER (WHERE NOT ok) / count(*) AS share,
  sum(tokens) / count(*) AS tokens_each,
  count(*) / 60 AS a_second
FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)
GROUP BY window_end, model
HAVING error_rate > 0;
