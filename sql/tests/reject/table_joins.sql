CREATE SOURCE requests (
  model TEXT, team BIGINT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE TABLE prices (model TEXT PRIMARY KEY, input_usd DOUBLE)
  WITH (connector = 'file', path = 'prices.csv', format = 'csv');
SELECT r.model FROM requests r LEFT JOIN price p ON r.model = p.model;
SELECT r.model FROM requests r JOIN requests q ON r.model = q.model;
SELECT r.model FROM requests r JOIN prices p ON r.latency_ms = p.input_usd;
SELECT r.model FROM requests r JOIN prices p ON r.team = p.model;
SELECT r.model FROM requests r JOIN prices p ON r.model = p.model AND r.team > 3;
SELECT r.model FROM requests r JOIN prices p ON r.model = r.model;
SELECT r.model FROM requests r JOIN prices p USING (model);
SELECT r.model FROM requests r JOIN prices p;
SELECT model FROM requests r JOIN prices p ON r.model = p.model;
SELECT r.model, q.input_usd FROM requests r JOIN prices p ON r.model = p.model;
SELECT r.nothing FROM requests r JOIN prices p ON r.model = p.model;
SELECT nothing FROM requests r JOIN prices p ON r.model = p.model;
SELECT r.model FROM requests r JOIN prices r ON r.model = r.model;
SELECT * FROM requests r JOIN prices p ON r.model = p.model;
SELECT r.model FROM requests r RIGHT JOIN prices p ON r.model = p.model;
SELECT r.model FROM requests r FULL OUTER JOIN prices p ON r.model = p.model;
SELECT r.model FROM requests r CROSS JOIN prices;
SELECT r.model FROM requests r LEFT JOIN prices FOR SYSTEM_TIME AS OF r.ts AS p ON r.model = p.model;
SELECT r.model FROM requests r JOIN requests q ON r.model = q.model WITHIN INTERVAL '5' SECOND;
SELECT r.model FROM requests r JOIN (SELECT model FROM requests) q ON r.model = q.model;
SELECT model FROM prices;
SELECT count(*) FROM TUMBLE(prices, ts, INTERVAL '1' MINUTE);
SELECT p.model FROM prices p JOIN requests r ON r.model = p.model;
INSERT INTO prices SELECT model FROM requests;
CREATE VIEW prices AS SELECT model FROM requests;
CREATE VIEW lower_case AS SELECT lower(model) AS model, ts FROM requests;
SELECT p.input_usd, count(*) FROM TUMBLE(lower_case, ts, INTERVAL '1' MINUTE) l JOIN prices p ON l.model = p.model GROUP BY p.input_usd;
