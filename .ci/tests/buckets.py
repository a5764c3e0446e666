#!/usr/bin/env python3
"""State in a bucket, through a server that speaks S3 and is not ours (moto): killed at random moments, and taken over by a
second process while the first one runs.

    buckets.py STREAMGAUGE

The server listens on a free port of this machine and ends with this script.
"""

import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)

EVENTS, KILLS, PATIENCE_S = 2_000_000, 12, 120
SQL = """
CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl', rotate_bytes = '64 KiB');
INSERT INTO out SELECT window_end, model, avg(ms) AS avg_ms, count(*) AS requests
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
"""


def create_atomically():
    """Lets moto write one object at a time. With `If-None-Match: *` it looks for the object first and writes it then, so that two
    requests at once may both be told that they created it; a real bucket tells one of them that it is there."""
    put_object, lock = S3Response.put_object, threading.Lock()

    def put_one(self):
        with lock:
            return put_object(self)

    S3Response.put_object = put_one


def fail(why):
    sys.exit(f"buckets: {why}")


def write_events(path):
    with path.open("w") as events:
        for number in range(EVENTS):
            second = number // 40
            time = f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            events.write(f'{{"model":"m{number % 7}","ms":{number * 37 % 1000},"ts":"{time}"}}\n')


class Host:
    """Streamgauge, in a folder with events and a program."""

    def __init__(self, binary, folder, server):
        self.binary, self.folder = binary, folder
        (folder / "query.sql").write_text(SQL)
        write_events(folder / "requests.jsonl")
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
        self.environment = {**os.environ, **keys, "AWS_ENDPOINT": server, "AWS_ALLOW_HTTP": "true", "NO_COLOR": "1"}

    def start(self, *arguments, **streams):
        command = [self.binary, "run", "query.sql", *arguments]
        streams = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **streams)

    def finish(self, process, status):
        _, said = process.communicate(timeout=PATIENCE_S)
        if process.returncode != status:
            fail(f"it ended with {process.returncode} and not with {status}: {said.decode()}")
        return said.decode()

    def files(self, name):
        """The file, and those that it was before it was rotated."""
        name = Path(name)
        return sorted(self.folder.glob(f"{name.stem}*{name.suffix}"))

    def rows(self, name):
        return Counter(row for file in self.files(name) for row in file.read_text().splitlines())

    def remove(self, name):
        for file in self.files(name):
            file.unlink()


def on(place):
    return "--state", place, "--checkpoint-interval", "200ms"


def killed(host, expected):
    dice, kills, states = random.Random(), 0, 0
    # A file that the state knows nothing of is refused.
    host.remove("rows.jsonl")
    while kills < KILLS:
        process = host.start(*on(f"s3://gauge/killed-{states}"))
        try:
            process.wait(dice.uniform(0.02, 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        said = process.communicate()[1]
        if process.returncode not in (0, -signal.SIGKILL):
            fail(f"it ended with {process.returncode}: {said.decode()}")
        if process.returncode == 0 or kills == KILLS:
            host.finish(host.start(*on(f"s3://gauge/killed-{states}")), 0)
            if host.rows("rows.jsonl") != expected:
                fail("the rows are others after kills")
            states += 1
            host.remove("rows.jsonl")
    print(f"buckets: {kills} kills in {states} runs of {expected.total()} rows, each once")


def taken_over(host, expected):
    lines = (host.folder / "requests.jsonl").read_bytes().splitlines(keepends=True)
    # What another state has noted of a file is not taken for this one's.
    host.finish(host.start("--output", "out=second.jsonl", *on("s3://gauge/other")), 0)
    host.remove("second.jsonl")
    place = on("s3://gauge/shared")
    first = host.start("--input", "requests=-", "--output", "out=first.jsonl", *place, stdin=subprocess.PIPE)
    first.stdin.write(b"".join(lines[: EVENTS // 2]))
    first.stdin.flush()
    second = host.start("--input", "requests=-", "--output", "out=second.jsonl", *place, stdin=subprocess.PIPE)
    said = second.communicate(b"".join(lines), timeout=PATIENCE_S)[1].decode()
    if second.returncode != 0:
        fail(f"whoever comes second does not go on: {said}")
    said = host.finish(first, 3)
    if "another streamgauge runs with this state" not in said:
        fail(f"whoever is replaced does not say so: {said}")
    # What was sent and not noted yet is sent again, as it was: here to another file.
    files = [host.rows(name) for name in ("first.jsonl", "second.jsonl")]
    if files[0] | files[1] != expected:
        fail("the rows are others where a second process took over")
    again = (files[0] & files[1]).total()
    if not files[0] or not files[1] or again >= files[0].total():
        fail(f"{again} rows were sent by both: {[rows.total() for rows in files]}")
    print(f"buckets: a second process goes on where the first one was, which ends; {again} rows were sent again")


def main():
    if len(sys.argv) != 2:
        fail("buckets.py STREAMGAUGE")
    create_atomically()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(sys.argv[1]).resolve(), Path(folder), address)
        urlopen(Request(f"{address}/gauge", method="PUT")).close()
        host.finish(host.start(), 0)
        expected = host.rows("rows.jsonl")
        killed(host, expected)
        taken_over(host, expected)
    server.stop()


main()
