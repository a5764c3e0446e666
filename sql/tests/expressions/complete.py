#!/usr/bin/env python3
"""Asks PostgreSQL what the expressions of the files here give, and writes the results behind them.

The files are like those of sqllogictest: `query` and the letter of a type (B BOOLEAN, I BIGINT, R DOUBLE, T TEXT, D TIMESTAMP), the
expression, `postgres: ...` where PostgreSQL spells it otherwise, `----`, and one result for each row of `rows.tsv`: a value, `NULL`,
`(empty)` or `error`. Run it with the address of a PostgreSQL 15 or newer, whose database has the locale C.UTF-8:

    psql=... sql/tests/expressions/complete.py [FILE...]

where `$psql` is a command such as `psql -h /run/postgresql -U postgres`.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
TYPES = {"b": "boolean", "i": "bigint", "j": "bigint", "x": "float8", "y": "float8", "t": "text", "u": "text",
         "ts": "timestamptz", "ts2": "timestamptz"}
RESULTS = {
    "B": "({})::boolean::text",
    "I": "({})::text",
    "R": "({})::float8::text",
    "T": "({})::text",
    "D": """to_char(({}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}
PRELUDE = r"""
SET timezone = 'UTC';
CREATE FUNCTION pg_temp.result(expression text, number int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  EXECUTE format('SELECT %s FROM r WHERE id = %s', expression, number) INTO found;
  RETURN CASE WHEN found IS NULL THEN 'NULL' WHEN found = '' THEN '(empty)' ELSE found END;
EXCEPTION WHEN data_exception THEN RETURN 'error';
END $$;
-- Lengths are of 32 bits there; no text here has a thousand characters.
CREATE FUNCTION pg_temp.short(number bigint) RETURNS int LANGUAGE sql STRICT AS 'SELECT greatest(-1000, least(1000, number))::int';
"""


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def table():
    header, *rows = [line.split("\t") for line in (HERE / "rows.tsv").read_text().splitlines()]
    assert header == list(TYPES), header
    values = []
    for number, row in enumerate(rows):
        cells = ["NULL" if cell == "NULL" else f"{quoted(cell)}::{TYPES[name]}" for name, cell in zip(header, row, strict=True)]
        values.append(f"({number}, {', '.join(cells)})")
    names = ", ".join(["id", *header])
    return f"CREATE TEMP TABLE r AS SELECT * FROM (VALUES {', '.join(values)}) AS r({names});"


def complete(path):
    blocks = re.split(r"\n\n+", path.read_text().strip())
    cases = []
    for block in blocks:
        lines = block.splitlines()
        if lines[0].startswith("#"):
            cases.append((block, None, None))
            continue
        kind = re.fullmatch(r"query ([BIRTD])", lines[0]).group(1)
        head = lines[: lines.index("----")] if "----" in lines else lines
        other = [line.removeprefix("postgres: ") for line in head if line.startswith("postgres: ")]
        cases.append(("\n".join(head), kind, other[0] if other else head[1]))
    asked = [(kind, expression) for _, kind, expression in cases if kind]
    selects = [
        f"SELECT string_agg(pg_temp.result({quoted(RESULTS[kind].format(expression))}, id), E'\\x1e' ORDER BY id) FROM r;"
        for kind, expression in asked
    ]
    script = "\n".join([PRELUDE, table(), *selects])
    command = [*shlex.split(os.environ.get("psql", "psql")), "-XAtq", "-v", "ON_ERROR_STOP=1"]
    found = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(f"{path}: {found.stderr}")
    # `splitlines` would take the separator of rows for an end of a line, too.
    results = iter([line.split("\x1e") for line in found.stdout.rstrip("\n").split("\n")])
    written = [head if not kind else "\n".join([head, "----", *next(results)]) for head, kind, _ in cases]
    path.write_text("\n\n".join(written) + "\n")
    print(f"{path.name}: {len(asked)} expressions")


for argument in sys.argv[1:] or sorted(HERE.glob("*.test")):
    complete(pathlib.Path(argument))
