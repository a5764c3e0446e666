#!/usr/bin/env python3
"""Events per CPU second of Q1, Q2, a cumulating query and one of sessions, whole process: reading and parsing included.

    run.py [--events N] [--repeat N] [--query q1] [--binary PATH] [-- MORE ARGUMENTS OF `streamgauge run`]

The events are made once by generate.rs and kept in target/bench. A first read puts the file into the page cache; of the
repeats the one with the least CPU time counts (what else the machine does only adds to it), and the median is shown too.
One more run, with `--timings`, says where the CPU time goes; it is not one of the repeats, as timing costs a little.
`start` is what a file of one event takes: compiling the query and its reducers.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench"


def make_events(count):
    source, generator = HERE / "generate.rs", WORK / "generate"
    events = WORK / f"events-{count}.jsonl"
    if not generator.exists() or generator.stat().st_mtime < source.stat().st_mtime:
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(["rustc", "--edition", "2024", "-O", str(source), "-o", str(generator)], check=True)
        events.unlink(missing_ok=True)
    if not events.exists():
        for other in WORK.glob("events-*.jsonl"):
            other.unlink()
        part = events.with_suffix(".part")
        with open(part, "wb") as out:
            subprocess.run([str(generator), str(count)], stdout=out, check=True)
        part.rename(events)
    with open(events, "rb") as file:  # into the page cache
        while file.read(1 << 20):
            pass
    return events


def command(options, query, events):
    bound = ["--input", f"llm_requests={events}", "--output", f"bench={WORK / query}.jsonl"]
    return [options.binary, "run", str(HERE / f"{query}.sql"), *bound, *options.more]


def measure(command, log):
    """(CPU seconds, wall seconds, peak MiB) of one run."""
    started = time.monotonic()
    with open(log, "wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{Path(log).read_text(errors='replace')}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024


def shares(log, cpu, start):
    """The steps of a run with --timings as per cent of its CPU seconds."""
    found = re.search(r"^.*\bcpu_ms((?: \w+=\d+)+)", Path(log).read_text(errors="replace"), re.MULTILINE)
    if not found:
        return "no timings"
    steps = [("start", 100 * start / cpu)]
    steps += [(name, int(ms) / 10 / cpu) for name, ms in re.findall(r"(\w+)=(\d+)", found[1])]
    steps.append(("rest", 100 - sum(share for _, share in steps)))
    return ", ".join(f"{name} {share:.0f} %" for name, share in steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--query", action="append", help="q1, q2, cumulate, session; all unless told")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "streamgauge"))
    parser.add_argument("more", nargs="*", help="further arguments of `streamgauge run`, after --")
    options = parser.parse_args()

    events = make_events(options.events)
    one = WORK / "one.jsonl"
    with open(events, "rb") as file:
        one.write_bytes(file.readline())
    print(f"{options.events:,} events, {events.stat().st_size / options.events - 1:.0f} bytes each, best of {options.repeat}")
    print(f"{'':10}{'events / CPU s':>16}{'median':>12}{'events / s':>14}{'CPU s':>8}{'peak MiB':>10}{'rows':>8}")
    for query in options.query or ["q1", "q2", "cumulate", "session"]:
        log = WORK / f"{query}.log"
        start, *_ = measure(command(options, query, one), log)
        runs = [measure(command(options, query, events), log) for _ in range(options.repeat)]
        cpu, wall, peak = min(run[0] for run in runs), min(run[1] for run in runs), max(run[2] for run in runs)
        median = statistics.median(run[0] for run in runs)
        with open(WORK / f"{query}.jsonl", "rb") as file:
            count = sum(1 for _ in file)
        timed, *_ = measure([*command(options, query, events), "--timings"], log)
        print(f"{query:10}{options.events / cpu:>16,.0f}{options.events / median:>12,.0f}{options.events / wall:>14,.0f}"
              f"{cpu:>8.2f}{peak:>10.0f}{count:>8,}")
        print(f"{'':10}{shares(log, timed, start)}", flush=True)


if __name__ == "__main__":
    main()
