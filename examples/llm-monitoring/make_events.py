#!/usr/bin/env python3
"""Makes events.jsonl: twenty minutes of requests to three models, with what goes wrong in them.

12:05 to 12:09  atlas-70b is slow: five times its latency
12:11 to 12:15  every third answer of piccolo-3b is bad
always          records arrive up to three seconds out of order, some without a quality score
now and then    a record that arrives too late for some of its windows, or for all of them
                a record that cannot be used: not JSON, cut off, no time, the wrong type

The file is the same on every machine: the only randomness is a seeded generator.
"""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECONDS = 20 * 60
PER_SECOND = 2

#         share, latency in ms at best and at worst, quality
MODELS = {"atlas-70b": (0.5, 900, 1900, 0.92), "corvid-8x7b": (0.3, 500, 1300, 0.90), "piccolo-3b": (0.2, 80, 320, 0.86)}

UNUSABLE = [
    '{"request_id":"cut-off","timestamp":"2026-01-01T12:0',
    "plain text from a misconfigured producer",
    '["an","array"]',
    '{"request_id":"two","timestamp":"2026-01-01T12:04:00.000Z","latency_ms":1,"quality_score":1,"model_name":"atlas-70b"} {}',
    '{"request_id":"no-time","latency_ms":99000.0,"quality_score":0.0,"model_name":"atlas-70b"}',
    '{"request_id":"null-time","timestamp":null,"latency_ms":99000.0,"quality_score":0.0,"model_name":"atlas-70b"}',
    '{"request_id":"no-zone","timestamp":"2026-01-01T12:04:00","latency_ms":99000.0,"quality_score":0.0,"model_name":"atlas-70b"}',
    '{"request_id":"no-day","timestamp":"2026-02-30T12:04:00Z","latency_ms":99000.0,"quality_score":0.0,"model_name":"atlas-70b"}',
]


def stamp(seconds):
    return (START + timedelta(milliseconds=round(seconds * 1000))).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(number, seconds, latency, quality, model):
    fields = {"request_id": f"r-{number:05}", "timestamp": stamp(seconds), "latency_ms": latency, "quality_score": quality, "model_name": model}
    return json.dumps(fields, separators=(",", ":"))


def request(dice, number, seconds):
    model = dice.choices(list(MODELS), [share for share, *_ in MODELS.values()])[0]
    _, best, worst, quality = MODELS[model]
    latency = best + (worst - best) * dice.random() ** 2
    if model == "atlas-70b" and 5 * 60 <= seconds < 9 * 60:
        latency *= 5
    quality += 0.08 * (dice.random() - 0.5)
    if model == "piccolo-3b" and 11 * 60 <= seconds < 15 * 60 and dice.random() < 1 / 3:
        quality -= 0.5
    rated = dice.random() < 0.9
    return record(number, seconds, round(latency, 1), round(quality, 3) if rated else None, model)


def main():
    dice = random.Random(2026)
    arrivals = []  # (when it arrives, the record)
    for number in range(SECONDS * PER_SECOND):
        seconds = number / PER_SECOND + dice.random() / PER_SECOND
        arrivals.append((seconds + 3 * dice.random(), request(dice, number, seconds)))
    number = len(arrivals)
    # Late for the windows that ended at 12:06 and 12:10, in time for the others that cover them.
    arrivals.append((6 * 60 + 20, record(number, 6 * 60 - 1, 60000.0, 0.1, "corvid-8x7b")))
    arrivals.append((10 * 60 + 40, record(number + 1, 10 * 60 - 30, 60000.0, 0.1, "corvid-8x7b")))
    # Late for all windows.
    arrivals.append((14 * 60, record(number + 2, 5 * 60 + 30, 60000.0, 0.1, "corvid-8x7b")))
    # A latency that is a text: of no use to the query that reads it, good for the one that does not.
    for minute, model in ((8, "atlas-70b"), (13, "piccolo-3b")):
        text = record(number + 3, minute * 60, 0, 0.2, model).replace('"latency_ms":0', '"latency_ms":"n/a"')
        arrivals.append((minute * 60 + 1, text))
    # No model: a group of its own. Two requests, so that their quality has a deviation.
    for quality in (0.2, 0.9):
        arrivals.append((16 * 60 + 1, record(number + 4, 16 * 60 + quality, 700.0, quality, None)))
    for place, line in enumerate(UNUSABLE):
        arrivals.append((60 * (2 * place + 1), line))
    arrivals.sort(key=lambda arrival: arrival[0])
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "events.jsonl"
    target.write_text("".join(line + "\n" for _, line in arrivals), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
