#!/usr/bin/env python3
"""What queries.sql must send, from the events in plain Python: rows.jsonl to all sinks but Slack, slow.jsonl to Slack.

    oracle.py [FOLDER]

How Slack is told, expected/slack.json, is not made here: people have read it, and it stays as it is.
"""

import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent


def rows():
    latencies = defaultdict(list)
    for line in (HERE / "events.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        minute = datetime.fromisoformat(event["timestamp"]).replace(second=0, microsecond=0)
        latencies[minute, event["model_name"]].append(event["latency_ms"])
    for (start, model), found in sorted(latencies.items()):
        yield {
            "window_start": instant(start),
            "window_end": instant(start + timedelta(minutes=1)),
            "model_name": model,
            "requests": len(found),
            "avg_latency_ms": sum(found) / len(found),
            "max_latency_ms": float(max(found)),
        }


def instant(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected"
    target.mkdir(parents=True, exist_ok=True)
    found = list(rows())
    slow = [row for row in found if row["avg_latency_ms"] > 2000]
    for name, sent in {"rows": found, "slow": slow}.items():
        with open(target / f"{name}.jsonl", "w", encoding="utf-8", newline="\n") as out:
            out.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in sent)


if __name__ == "__main__":
    main()
