#!/usr/bin/env python3
"""What queries.sql must print, from a plain loop over the events: expected/<sink>.jsonl."""

import csv
import json
import math
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
MINUTE = timedelta(minutes=1)


def lines(name):
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def end_of(finished):
    start = finished.replace(second=0, microsecond=0)
    return (start + MINUTE).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def percentile(values, percent):
    """Nearest rank."""
    return sorted(values)[max(1, math.ceil(percent * len(values) / 100)) - 1]


def main(folder):
    with (HERE / "prices.csv").open(encoding="utf-8", newline="") as file:
        prices = {row["model"]: (float(row["input_usd"]), float(row["output_usd"])) for row in csv.DictReader(file)}
    budgets = {row["name"]: row["budget"]["usd_per_minute"] for row in lines("teams.json")}
    requests, spent, unpriced = [], {}, {}
    for event in lines("events.jsonl"):
        started, first, finished = (
            datetime.fromisoformat(event[name]).astimezone(UTC) for name in ("started_at", "first_token_at", "finished_at")
        )
        tokens_in, tokens_out = event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"]
        price, cost = prices.get(event["model"]), None
        if price:
            cost = (tokens_in * price[0] + tokens_out * price[1]) / 1_000_000
        ttft = (first - started) / timedelta(seconds=1)
        requests.append({
            "request_id": event["request_id"],
            "model": event["model"],
            "cost_usd": cost,
            "ttft_s": ttft,
            "tpot_s": (finished - first) / timedelta(seconds=1) / (tokens_out - 1) if tokens_out > 1 else None,
            "tokens_per_s": tokens_out / ((finished - started) / timedelta(seconds=1)),
        })
        if price:
            spent.setdefault((end_of(finished), event["team"]), []).append((cost, tokens_in + tokens_out, ttft))
        else:
            unpriced[end_of(finished), event["model"]] = unpriced.get((end_of(finished), event["model"]), 0) + 1
    spending = []
    for (end, team), rows in sorted(spent.items()):
        cost, budget = sum(row[0] for row in rows), budgets.get(team)
        spending.append({
            "window_end": end,
            "team": team,
            "requests": len(rows),
            "cost_usd": cost,
            "usd_per_million_tokens": 1_000_000 * cost / sum(row[1] for row in rows),
            "p95_ttft_s": percentile([row[2] for row in rows], 95),
            "over_budget": None if budget is None else cost > budget,
        })
    counts = [{"window_end": end, "model": model, "requests": count} for (end, model), count in sorted(unpriced.items())]
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("requests", requests), ("spending", spending), ("unpriced", counts)):
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected")
