CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW latency AS
SELECT window_end AS until, upper(model) AS name, avg(latency_ms) AS mean
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, upper(model);
CREATE VIEW numbered AS
SELECT l.*, row_number() OVER (PARTITION BY l.name ORDER BY l.until) AS n,
       ROW_NUMBER() OVER (PARTITION BY name, name ORDER BY until ASC) AS again,
       row_number() OVER (PARTITION BY mean > 1000 ORDER BY until), mean / 1000 AS seconds
FROM latency l WHERE mean > 10;
SELECT until, row_number() OVER (ORDER BY until) FROM numbered WHERE n >= 12;
