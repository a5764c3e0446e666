#!/usr/bin/env python3
"""How long it takes from the event that closes a window to the receipt of the window's row.

    latency.py [--windows N] [--gap SECONDS] [--partitions N] [--silent N] [--binary PATH]

Through a real Kafka (STREAMGAUGE_KAFKA), with `--state` and without: an event to each partition, of which the last one
closes a window; its row goes to a webhook on this machine and to a topic that is read with read_committed. The clock
starts before the event is handed to the producer and stops where the row has arrived, so it has the producer, two or
three ways through the broker and this script in it. `--silent N` adds partitions that never have an event: they are idle, and each window
waits for the word of their leaders that they are.
"""

import argparse
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parent.parent.parent
WARM_UP, PATIENCE_S = 20, 30
SQL = """
CREATE SOURCE requests (ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', time_format = 'unix_s',
  start = 'earliest');
CREATE SINK hook WITH (connector = 'webhook', url = 'http://127.0.0.1:{port}/', allow_private = 'true');
CREATE SINK rows WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}-rows', control_topic = '{topic}-control');
CREATE VIEW load AS
SELECT window_end, count(*) AS n, avg(ms) AS avg_ms, percentile(ms, 95) AS p95
FROM TUMBLE(requests, ts, INTERVAL '1' SECOND) GROUP BY window_start, window_end;
INSERT INTO hook SELECT * FROM load;
INSERT INTO rows SELECT * FROM load;
"""


class Receipts:
    """When the row of each window came first, by way."""

    def __init__(self, events):
        self.events, self.at, self.news = events, {"webhook": {}, "kafka": {}}, threading.Condition()
        self.wrong = None

    def note(self, way, body):
        now, row = time.perf_counter(), json.loads(body)
        with self.news:
            self.wrong = self.wrong or (row if row["n"] != self.events else None)
            self.at[way].setdefault(row["window_end"], now)
            self.news.notify_all()

    def wait(self, count):
        with self.news:
            came = self.news.wait_for(lambda: self.wrong or all(len(ends) >= count for ends in self.at.values()), PATIENCE_S)
            if self.wrong:
                sys.exit(f"latency: a row is wrong: {self.wrong}")
            if not came:
                sys.exit(f"latency: {({way: len(ends) for way, ends in self.at.items()})} of {count} rows came")


def webhook(receipts):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            receipts.note("webhook", self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def read_rows(brokers, topic, receipts, over):
    settings = {"bootstrap.servers": brokers, "group.id": topic, "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while not over.is_set():
        if (message := consumer.poll(0.1)) is not None and message.error() is None:
            receipts.note("kafka", message.value())
    consumer.close()


def measure(options, brokers, folder, *more):
    topic, receipts, over = f"latency-{time.time_ns()}", Receipts(options.partitions), threading.Event()
    topics = [NewTopic(topic, options.partitions + options.silent, 1), NewTopic(f"{topic}-rows", 1, 1)]
    admin = AdminClient({"bootstrap.servers": brokers})
    for created in admin.create_topics(topics).values():
        created.result()
    query = folder / "query.sql"
    query.write_text(SQL.format(brokers=brokers, topic=topic, port=webhook(receipts)))
    reader = threading.Thread(target=read_rows, args=[brokers, f"{topic}-rows", receipts, over], daemon=True)
    reader.start()
    host = subprocess.Popen([options.binary, "run", str(query), *more])
    atexit.register(host.kill)
    # Without idempotence a new topic's first records may change places, and be late.
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "enable.idempotence": True})
    began, first = {}, int(time.time()) - 86_400
    for window in range(WARM_UP + options.windows + 1):
        second = first + window
        for partition in range(options.partitions):
            if partition == options.partitions - 1:
                began[time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(second))] = time.perf_counter()
            producer.produce(topic, json.dumps({"ms": window, "ts": second}), partition=partition)
            producer.poll(0)
        if window == WARM_UP // 2:
            receipts.wait(window)
        time.sleep(options.gap)
    producer.flush()
    receipts.wait(WARM_UP + options.windows)
    host.send_signal(signal.SIGINT)
    host.wait()
    over.set()
    reader.join()
    for way, ends in receipts.at.items():
        took = sorted((ends[end] - began[end]) * 1000 for end in sorted(ends)[WARM_UP:])
        at = {name: took[min(len(took) - 1, int(len(took) * part))] for name, part in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1)]}
        state = "with --state" if more else "without     "
        print(f"{way:8} {state} " + "  ".join(f"{name} {value:6.1f} ms" for name, value in at.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--gap", type=float, default=0.04)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--silent", type=int, default=0)
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "streamgauge"))
    options = parser.parse_args()
    brokers = os.environ.get("STREAMGAUGE_KAFKA") or sys.exit("latency: STREAMGAUGE_KAFKA is not set")
    with tempfile.TemporaryDirectory() as folder:
        measure(options, brokers, Path(folder))
        measure(options, brokers, Path(folder), "--state", str(Path(folder) / "state"))


main()
