-- What requests to language models cost, and how fast they were answered. See README.md.

CREATE SOURCE llm_requests (
  request_id     TEXT,
  team           TEXT,
  model          TEXT,
  started_at     TIMESTAMP,
  first_token_at TIMESTAMP,
  finished_at    TIMESTAMP,
  input_tokens   BIGINT PATH 'usage.prompt_tokens',
  output_tokens  BIGINT PATH 'usage.completion_tokens',
  WATERMARK FOR finished_at AS finished_at - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'llm_requests', format = 'json');

-- Prices in US dollars per million tokens. Edit the file while the queries run: later requests have the new prices.
CREATE TABLE prices (model TEXT PRIMARY KEY, input_usd DOUBLE, output_usd DOUBLE)
WITH (connector = 'file', path = env('PRICES', 'examples/costs/prices.csv'), format = 'csv');

CREATE TABLE teams (name TEXT PRIMARY KEY, budget_usd DOUBLE PATH 'budget.usd_per_minute')
WITH (connector = 'file', path = env('TEAMS', 'examples/costs/teams.json'), format = 'json');

CREATE SINK requests WITH (connector = 'console');
CREATE SINK spending WITH (connector = 'console');
CREATE SINK unpriced WITH (connector = 'console');

-- Each request: its cost, the time to its first token, the time per output token behind the first one, and tokens per second.
CREATE VIEW priced AS
SELECT r.*, p.model IS NOT NULL AS is_priced,
       (r.input_tokens * p.input_usd + r.output_tokens * p.output_usd) / 1000000 AS cost_usd,
       extract(epoch FROM r.first_token_at - r.started_at) AS ttft_s,
       CASE WHEN r.output_tokens > 1
            THEN extract(epoch FROM r.finished_at - r.first_token_at) / (r.output_tokens - 1) END AS tpot_s,
       CASE WHEN r.finished_at > r.started_at
            THEN r.output_tokens / extract(epoch FROM r.finished_at - r.started_at) END AS tokens_per_s
FROM llm_requests r LEFT JOIN prices p ON r.model = p.model;

INSERT INTO requests
SELECT request_id, model, cost_usd, ttft_s, tpot_s, tokens_per_s FROM priced;

-- Each team and minute, and behind the windows what it may spend.
CREATE VIEW spent AS
SELECT window_end, team, count(*) AS requests, sum(cost_usd) AS cost_usd,
       sum(input_tokens + output_tokens) AS tokens, p95(ttft_s) AS p95_ttft_s
FROM TUMBLE(priced, finished_at, INTERVAL '1' MINUTE)
WHERE is_priced
GROUP BY window_end, team;

INSERT INTO spending
SELECT s.window_end, s.team, s.requests, s.cost_usd, 1000000 * s.cost_usd / s.tokens AS usd_per_million_tokens,
       s.p95_ttft_s, s.cost_usd > t.budget_usd AS over_budget
FROM spent s LEFT JOIN teams t ON s.team = t.name;

-- Models that no price is known of.
INSERT INTO unpriced
SELECT window_end, model, count(*) AS requests
FROM TUMBLE(priced, finished_at, INTERVAL '1' MINUTE)
WHERE NOT is_priced
GROUP BY window_end, model;
