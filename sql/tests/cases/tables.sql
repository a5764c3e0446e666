-- Tables: joined row by row, before windows, behind the window function, and behind the windows.
CREATE SOURCE requests (
  model TEXT, team BIGINT, latency_ms DOUBLE, tokens BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE TABLE prices (model TEXT PRIMARY KEY, input_usd DOUBLE, output_usd DOUBLE, owner BIGINT)
  WITH (connector = 'file', path = 'prices.csv', format = 'csv');
CREATE TABLE teams (id BIGINT, name TEXT PATH 'about.name', PRIMARY KEY (id) NOT ENFORCED)
  WITH (connector = 'file', path = 'teams.json', format = 'json', reload_interval = '10 s');
CREATE SINK late WITH (connector = 'console');
CREATE VIEW priced AS
SELECT r.*, p.input_usd * tokens AS cost, t.name AS owner_name
FROM requests r
LEFT JOIN prices p ON r.model = p.model
JOIN teams AS t ON t.id = owner
WHERE p.output_usd > 0;
CREATE VIEW spent AS
SELECT model, owner_name, sum(cost) AS cost
FROM TUMBLE(priced, ts, INTERVAL '1' MINUTE)
GROUP BY model, owner_name, window_start, window_end;
SELECT s.*, p.output_usd, p.model AS listed
FROM spent s LEFT OUTER JOIN prices p ON p.model = s.model;
SELECT t.name, count(*) AS requests
FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) r
INNER JOIN teams t ON (r.team = t.id)
GROUP BY t.name LATE DATA TO late;
CREATE VIEW spent_by AS SELECT window_start, window_end, team, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY team;
SELECT window_end, count(*) AS rich
FROM TUMBLE(spent_by, window_end, INTERVAL '1' HOUR) s JOIN teams t ON s.team = t.id;
SELECT model FROM requests LEFT JOIN teams ON team = teams.id;
