#!/usr/bin/env python3
"""What queries.sql must print, from DuckDB: expected/<sink>.jsonl.

Independent on purpose. Python decides which records a query can use; DuckDB joins every window with its events,
which is slow and plain, and leaves out those that came too late for it: an event counts for a window unless an event
before it in the file was already five seconds past the window's end.
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
DELAY_US, SLIDE_US, SIZE_US = 5_000_000, 60_000_000, 300_000_000
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

WINDOWED = f"""
CREATE OR REPLACE VIEW windowed AS
WITH seen AS (
       SELECT *, max(ts_us) OVER (ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - {DELAY_US} AS watermark_us
       FROM events),
     starts AS (
       SELECT unnest(generate_series((min(ts_us) - {SIZE_US}) // {SLIDE_US} * {SLIDE_US}, max(ts_us), {SLIDE_US})) AS start_us
       FROM events)
SELECT make_timestamp(start_us) AS window_start, make_timestamp(start_us + {SIZE_US}) AS window_end, seen.*
FROM starts JOIN seen ON ts_us >= start_us AND ts_us < start_us + {SIZE_US}
                     AND coalesce(watermark_us < start_us + {SIZE_US}, true)
"""

# Sink: the columns that its query reads beside the time, and the query.
QUERIES = {
    "slow": (["latency_ms"], """
        SELECT window_start, window_end,
               avg(latency_ms) AS avg_latency,
               quantile_disc(latency_ms, 0.95) AS p95_latency,
               count(*) AS requests
        FROM windowed GROUP BY ALL HAVING avg(latency_ms) > 2000
        ORDER BY window_end"""),
    "unstable": (["quality_score", "model_name"], """
        SELECT window_start, window_end, model_name,
               avg(quality_score) AS avg_quality,
               stddev_samp(quality_score) AS quality_deviation,
               count(*) AS requests
        FROM windowed GROUP BY ALL HAVING stddev_samp(quality_score) > 0.1
        ORDER BY window_end, model_name COLLATE "binary" NULLS LAST"""),
}

FITS = {
    "latency_ms": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "quality_score": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "model_name": lambda value: isinstance(value, str),
}


def usable(line, columns):
    """(microseconds, the columns) of a record, or None for a dead letter."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not INSTANT.fullmatch(str(record.get("timestamp"))):
        return None
    try:
        time = datetime.fromisoformat(record["timestamp"])
    except ValueError:
        return None
    values = [record.get(column) for column in columns]
    if not all(value is None or FITS[column](value) for column, value in zip(columns, values)):
        return None
    return (round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) * 1000, *values)


def field(value):
    """Timestamps as Streamgauge prints them; numbers as Python does, which is the shortest round trip too."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected"
    target.mkdir(parents=True, exist_ok=True)
    lines = (HERE / "events.jsonl").read_text(encoding="utf-8").splitlines()
    db = duckdb.connect()
    for sink, (columns, query) in QUERIES.items():
        types = ", ".join(f"{name} {'VARCHAR' if name == 'model_name' else 'DOUBLE'}" for name in columns)
        db.execute(f"CREATE OR REPLACE TABLE events (line BIGINT, ts_us BIGINT, {types})")
        rows = [(number, *row) for number, row in enumerate(usable(line, columns) for line in lines) if row]
        db.executemany(f"INSERT INTO events VALUES ({', '.join('?' * len(rows[0]))})", rows)
        db.execute(WINDOWED)
        result = db.execute(query)
        names = [column[0] for column in result.description]
        with open(target / f"{sink}.jsonl", "w", encoding="utf-8", newline="\n") as out:
            for row in result.fetchall():
                out.write(json.dumps(dict(zip(names, map(field, row))), ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
