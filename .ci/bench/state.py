#!/usr/bin/env python3
"""What state costs, and how soon it is back.

    state.py [--events N] [--repeat N] [--binary PATH]

Cost: the same events with and without `--state` in turn, a checkpoint a second. There are so many groups that each
checkpoint holds 16 MiB of changes or more; the ratios are of the medians.
Recovery: a run is ended by a crash point behind a checkpoint of 100 MB or more; how long the next one takes until its
state is back, from the start of the process.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench"
SQL = """
CREATE SOURCE s (ts TIMESTAMP, user TEXT, latency_ms DOUBLE, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'x:1', topic = 't', format = 'json', time_format = 'unix_ms');
CREATE SINK o WITH (connector = 'console');
INSERT INTO o SELECT window_end, user, avg(latency_ms) AS a, count(*) AS n{more}
FROM TUMBLE(s, ts, INTERVAL '10' HOUR) GROUP BY window_end, user HAVING count(*) > 1000;
"""


def events(count, groups):
    generator, path = WORK / "groups", WORK / f"groups-{count}-{groups}.jsonl"
    WORK.mkdir(parents=True, exist_ok=True)
    if not generator.exists():
        subprocess.run(["rustc", "--edition", "2024", "-O", str(HERE / "groups.rs"), "-o", str(generator)], check=True)
    if not path.exists():
        with open(path, "wb") as out:
            subprocess.run([str(generator), str(count), str(groups)], stdout=out, check=True)
    with open(path, "rb") as file:  # into the page cache
        while file.read(1 << 24):
            pass
    return path


def run(command, environment=None):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, wall, cpu, done.stderr.decode()


def command(options, folder, sql, source, *more):
    path = folder / "query.sql"
    path.write_text(sql)
    return [options.binary, "run", str(path), "--input", f"s={source}", "--output", f"o={folder / 'rows'}", *more]


def forget(state):
    """Removes the state and the rows, which a new state refuses."""
    shutil.rmtree(state, ignore_errors=True)
    state.with_name("rows").unlink(missing_ok=True)


def data_sizes(state):
    return sorted(path.stat().st_size for path in state.glob("insert_o_1/data-*"))


def cost(options, folder):
    source, state = events(options.events, 250_000), folder / "state"
    plain = command(options, folder, SQL.format(more=""), source)
    kept = plain + ["--state", str(state), "--checkpoint-interval", "1s"]
    walls, cpus, changed = ([], []), ([], []), []
    for _ in range(options.repeat):
        for which, arguments in enumerate((plain, kept)):
            forget(state)
            code, wall, cpu, said = run(arguments)
            if code != 0:
                sys.exit(said)
            walls[which].append(wall)
            cpus[which].append(cpu)
        changed += data_sizes(state)
    for name, values in (("wall", walls), ("cpu", cpus)):
        before, after = (statistics.median(value) for value in values)
        print(f"state {name} without={before:.2f} s with={after:.2f} s ratio={after / before:.3f}")
    print(f"state changed a checkpoint: median {statistics.median(changed) / 2**20:.1f} MiB")


def recovery(options, folder):
    source, state = events(options.events // 2, 900_000), folder / "state"
    sql = SQL.format(more=", percentile(latency_ms, 95) AS p95")
    arguments = command(options, folder, sql, source, "--state", str(state), "--checkpoint-interval", "1s")
    forget(state)
    code, *_ = run(arguments, {"STREAMGAUGE_CRASH": "checkpoint.after_manifest:4"})
    size = sum(data_sizes(state)) / 1e6
    if code == 0 or size < 100:
        sys.exit(f"the run ended with {code} and {size:.0f} MB: give more events")
    times = [run(arguments, {"STREAMGAUGE_CRASH": "recovery.restored"})[1] for _ in range(options.repeat)]
    print(f"state recovery of {size:.0f} MB: {min(times):.2f} s at best, median {statistics.median(times):.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "streamgauge"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cost(options, Path(folder))
        recovery(options, Path(folder))


if __name__ == "__main__":
    main()
