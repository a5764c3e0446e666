#!/usr/bin/env python3
"""What queries.sql must print, from DuckDB: expected/<sink>.jsonl.

Independent on purpose: every window is written out as a row of generate_series and joined with the events in it, and
percentiles are exact (quantile_disc, the nearest rank). The trace is in order, so no event is late.
"""

import json
import sys
from datetime import UTC
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent

EVENTS = f"""
CREATE TABLE events AS
SELECT CAST(ts AS TIMESTAMP) AS ts, model, status,
       usage.prompt_tokens AS prompt_tokens, usage.completion_tokens AS completion_tokens,
       ttft_ms, latency_ms, cost_usd, quality_score
FROM read_json('{HERE}/events.jsonl.gz', format = 'newline_delimited', columns = {{
  ts: 'VARCHAR', model: 'VARCHAR', status: 'BIGINT', usage: 'STRUCT(prompt_tokens BIGINT, completion_tokens BIGINT)',
  ttft_ms: 'DOUBLE', latency_ms: 'DOUBLE', cost_usd: 'DOUBLE', quality_score: 'DOUBLE'}})
"""

# Windows [window_start, window_end): starts are multiples of the slide since the epoch.
WINDOWS = """
CREATE OR REPLACE TABLE windowed AS
WITH bounds AS (SELECT epoch_us(min(ts)) AS first, epoch_us(max(ts)) AS last FROM events),
     starts AS (SELECT unnest(generate_series((first - {size}) // {slide} * {slide}, last, {slide})) AS start FROM bounds)
SELECT make_timestamp(start) AS window_start, make_timestamp(start + {size}) AS window_end, events.*
FROM starts JOIN events ON epoch_us(ts) >= start AND epoch_us(ts) < start + {size}
"""

SECOND = 1_000_000
MINUTE = 60 * SECOND

QUERIES = {
    "speed": (1 * MINUTE, 5 * MINUTE, """
        SELECT window_start, window_end, model,
               count(*) AS requests,
               avg(latency_ms) AS avg_latency_ms,
               quantile_disc(latency_ms, 0.50) AS p50_latency_ms,
               quantile_disc(latency_ms, 0.95) AS p95_latency_ms,
               quantile_disc(ttft_ms, 0.99) AS p99_ttft_ms
        FROM windowed WHERE status = 200
        GROUP BY ALL HAVING avg(latency_ms) > 3000
        ORDER BY window_end, window_start, model COLLATE "binary" NULLS LAST"""),
    "traffic": (45 * SECOND, 2 * MINUTE, """
        SELECT window_start, window_end, model,
               count(completion_tokens) AS answered,
               CAST(sum(prompt_tokens + completion_tokens) AS BIGINT) AS tokens,
               max(completion_tokens) AS longest_answer,
               min(ttft_ms) AS min_ttft_ms,
               stddev_samp(ttft_ms) AS stddev_ttft_ms,
               fsum(cost_usd) * 30 AS usd_an_hour
        FROM windowed WHERE model IS NOT NULL AND model <> 'piccolo-3b'
        GROUP BY ALL HAVING count(*) >= 40 OR stddev_samp(ttft_ms) > 150
        ORDER BY window_end, window_start, model COLLATE "binary" """),
    "quality": (7 * MINUTE, 10 * MINUTE, """
        SELECT window_end,
               CASE WHEN model = 'atlas-70b' OR model = 'étoile-24b' THEN 'large' WHEN suffix(model, 'b') THEN 'small' END AS tier,
               count(*) AS requests,
               count(quality_score) AS rated,
               avg(quality_score) AS avg_quality,
               stddev_pop(quality_score) AS deviation,
               quantile_disc(quality_score, 0.10) AS p10_quality,
               count(*) FILTER (WHERE status >= 500) AS errors,
               100.0::DOUBLE * count(*) FILTER (WHERE status <> 200) / count(*) AS failed_percent
        FROM windowed
        GROUP BY ALL
        ORDER BY window_end, tier COLLATE "binary" NULLS LAST"""),
}


def field(value):
    """Timestamps as Streamgauge prints them; numbers as Python does, which is the shortest round trip too."""
    if hasattr(value, "astimezone"):
        return value.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected"
    target.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect()
    db.execute(EVENTS)
    for sink, (slide, size, query) in QUERIES.items():
        db.execute(WINDOWS.format(slide=slide, size=size))
        result = db.execute(query)
        names = [column[0] for column in result.description]
        with open(target / f"{sink}.jsonl", "w", encoding="utf-8", newline="\n") as out:
            for row in result.fetchall():
                out.write(json.dumps(dict(zip(names, map(field, row))), ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
