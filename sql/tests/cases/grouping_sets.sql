-- GROUPING SETS, ROLLUP and CUBE, beside plain columns and each other.
CREATE SOURCE requests (
  model TEXT, tier TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', topic = 'requests', brokers = 'b:9092');
SELECT window_end, model, count(*) AS n, grouping(model) AS total
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, ROLLUP (model);
SELECT model, tier, status, avg(latency_ms) AS mean, grouping(status, model, tier) AS sets
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY status, CUBE (model, tier) HAVING grouping(tier) = 0;
SELECT lower(model) AS m, tier, count(*) AS n
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY GROUPING SETS ((lower(model), tier), tier, ROLLUP ((status, model)));
SELECT model, count(*) AS n, grouping(model) AS none
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY GROUPING SETS ((window_start, window_end, model));
SELECT count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY ();
