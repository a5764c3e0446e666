#!/usr/bin/env python3
"""Makes events.jsonl.gz from trace.csv.gz: one request of the trace, one event.

Arrival times and token counts are the trace's own. What it does not have is derived, the same on every machine,
from the request's number (its line, from 0) by SHA-256, so nothing here is random:

model      by share: 45 % atlas-70b, 30 % corvid-8x7b, 20 % piccolo-3b, 4 % étoile-24b, 1 % null (never routed)
status     200, but 429 for 1 %, and 500 for 0.5 %, 8 % for corvid-8x7b from 18:50 to 18:55
ttft_ms    (base + prefill x prompt tokens) x noise in 0.8 .. 1.6
latency_ms ttft_ms + decode x completion tokens x noise in 0.9 .. 1.3, rounded to 0.001;
           decode is 3 times slower for atlas-70b from 18:35 to 18:41
cost_usd   prompt and completion tokens at the model's price, rounded to 0.000001
quality    null for seven of ten; else 0.93 +- 0.05, for piccolo-3b from 18:25 to 18:35 0.70 +- 0.28, rounded to 0.001

A request that failed has usage null, no times but a latency, no cost and no quality.
"""

import csv
import gzip
import hashlib
import io
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

#        share  base  prefill  decode (ms, ms a token)  price of 1,000 prompt / completion tokens (USD)
MODELS = {
    "atlas-70b": (0.45, 90.0, 0.35, 28.0, 0.0009, 0.0027),
    "corvid-8x7b": (0.30, 60.0, 0.20, 16.0, 0.0005, 0.0015),
    "piccolo-3b": (0.20, 25.0, 0.05, 6.0, 0.0001, 0.0002),
    "étoile-24b": (0.04, 50.0, 0.15, 20.0, 0.0004, 0.0012),
    None: (0.01, 25.0, 0.05, 6.0, 0.0001, 0.0002),
}


def uniforms(number):
    """Eight numbers in [0, 1) that depend on the request's number alone."""
    digest = hashlib.sha256(b"streamgauge %d" % number).digest()
    return [int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in range(0, 32, 4)]


def pick_model(u):
    for model, (share, *_) in MODELS.items():
        if u < share:
            return model
        u -= share
    return None


def pick_status(model, time, u):
    failing = 0.08 if model == "corvid-8x7b" and "18:50" <= time < "18:55" else 0.005
    if u < failing:
        return 500
    return 429 if u < failing + 0.01 else 200


def quality(model, time, rated, spread):
    if rated >= 0.3:
        return None
    middle, reach = (0.70, 0.28) if model == "piccolo-3b" and "18:25" <= time < "18:35" else (0.93, 0.05)
    return round(middle + reach * (2 * spread - 1), 3)


def event(number, row):
    day, clock = row["TIMESTAMP"].split(" ")
    time = clock[:5]
    prompt, completion = int(row["ContextTokens"]), int(row["GeneratedTokens"])
    u = uniforms(number)
    model = pick_model(u[0])
    status = pick_status(model, time, u[1])
    _, base, prefill, decode, prompt_price, completion_price = MODELS[model]
    if model == "atlas-70b" and "18:35" <= time < "18:41":
        decode *= 3
    ttft = (base + prefill * prompt) * (0.8 + 0.8 * u[2])
    latency = ttft + decode * completion * (0.9 + 0.4 * u[3])
    ok = status == 200
    return {
        "request_id": f"req-{number:05}",
        "ts": f"{day}T{clock[:15]}Z",
        "model": model,
        "status": status,
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion} if ok else None,
        "ttft_ms": round(ttft, 3) if ok else None,
        "latency_ms": round(latency if ok else base * u[3], 3),
        "cost_usd": round((prompt * prompt_price + completion * completion_price) / 1000, 6) if ok else None,
        "quality_score": quality(model, time, u[4], u[5]) if ok else None,
    }


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "events.jsonl.gz"
    with gzip.open(HERE / "trace.csv.gz", "rt", encoding="utf-8", newline="") as trace:
        lines = [json.dumps(event(n, row), ensure_ascii=False, separators=(",", ":")) for n, row in enumerate(csv.DictReader(trace))]
    with open(target, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=9, mtime=0, filename="") as out:
        with io.TextIOWrapper(out, encoding="utf-8", newline="\n") as text:
            text.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    main()
