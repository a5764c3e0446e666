#!/usr/bin/env python3
"""Makes events.jsonl: five minutes of requests to three models; one of them is slow in the second and the third.

    make_events.py [PATH]
"""

import json
import sys
from pathlib import Path

MODELS = {"claude-sonnet": 900, "gpt-4o": 700, "llama-3-70b": 600}
MINUTES, EVERY_S = 5, 5


def events():
    for second in range(0, MINUTES * 60, EVERY_S):
        minute = second // 60
        for place, (model, usual_ms) in enumerate(MODELS.items()):
            slow = model == "gpt-4o" and minute in (1, 2)
            yield {
                "timestamp": f"2026-01-01T12:{minute:02}:{second % 60:02}.{place * 250:03}Z",
                "model_name": model,
                "latency_ms": usual_ms * (4 if slow else 1) + second * 7 % 90,
            }


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "events.jsonl"
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for event in events():
            out.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
