#!/usr/bin/env python3
"""Makes events.jsonl: five minutes of requests of three teams to four models, one of which has no price.

The file is the same on every machine: the only randomness is a seeded generator.
"""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
#         milliseconds to the first token, and per further token
MODELS = {"atlas-70b": (350, 28), "corvid-8x7b": (180, 14), "piccolo-3b": (60, 5), "preview-1": (500, 35)}


def stamp(ms):
    return (START + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main(path):
    dice = random.Random(20260101)
    requests = []
    for number in range(300):
        model = dice.choices(list(MODELS), [5, 3, 3, 1])[0]
        first_ms, token_ms = MODELS[model]
        started = number * 1000 + dice.randrange(1000)
        first = started + round(first_ms * (0.7 + dice.random()))
        tokens = dice.choice([1, 12, 80, 240, 400])
        finished = first + round((tokens - 1) * token_ms * (0.8 + 0.4 * dice.random()))
        requests.append((finished, {
            "request_id": f"r-{number:03}",
            "team": dice.choice(["chat", "chat", "search", "batch"]),
            "model": model,
            "started_at": stamp(started),
            "first_token_at": stamp(first),
            "finished_at": stamp(finished),
            "usage": {"prompt_tokens": dice.randrange(20, 3000), "completion_tokens": tokens},
        }))
    requests.sort(key=lambda request: (request[0], request[1]["request_id"]))
    lines = [json.dumps(fields, separators=(",", ":")) + "\n" for _, fields in requests]
    Path(path).write_text("".join(lines), encoding="utf-8")


main(sys.argv[1] if len(sys.argv) > 1 else HERE / "events.jsonl")
