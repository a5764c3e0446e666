#!/usr/bin/env python3
"""Compares the rows that Streamgauge printed with the expected ones.

    compare.py EXPECTED.jsonl ACTUAL.jsonl

The same rows in the same order with the same fields. Integers, texts, times and nulls are equal; doubles to 1e-9
(relative); fields whose name begins with p and digits are percentiles: to 0.1 %. A whole double is written `2000.0`,
an integer `2000`, and a row has no spaces between its fields.
"""

import json
import re
import sys

DOUBLE, PERCENTILE = 1e-9, 1e-3


def same(name, expected, actual):
    if type(expected) is not type(actual):
        return False
    if not isinstance(expected, float):
        return expected == actual
    tolerance = PERCENTILE if re.match(r"p\d+(_|$)", name) else DOUBLE
    return abs(expected - actual) <= tolerance * abs(expected)


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def differences(expected, actual):
    for number, (wanted, got) in enumerate(zip(expected, actual), start=1):
        want = json.loads(wanted, object_pairs_hook=list)
        have = json.loads(got, object_pairs_hook=list)
        if [name for name, _ in want] != [name for name, _ in have]:
            yield f"row {number}: other fields\n  expected {wanted}\n  actual   {got}"
            continue
        wrong = [name for (name, a), (_, b) in zip(want, have) if not same(name, a, b)]
        if wrong:
            yield f"row {number}: {', '.join(wrong)}\n  expected {wanted}\n  actual   {got}"
        elif " " in re.sub(r'"(\\.|[^"\\])*"', '""', got):
            yield f"row {number}: spaces between fields\n  actual   {got}"
    if len(expected) != len(actual):
        yield f"{len(expected)} rows expected, {len(actual)} printed"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = list(differences(rows(sys.argv[1]), rows(sys.argv[2])))
    for text in found[:10]:
        print(text, file=sys.stderr)
    if found:
        sys.exit(f"{sys.argv[2]}: {len(found)} differences from {sys.argv[1]}")


if __name__ == "__main__":
    main()
