#!/usr/bin/env python3
"""What a host with many deployments costs while nothing comes.

    idle.py [--deployments N] [--events N] [--rest SECONDS] [--sink console|webhook] [--threads] [--binary PATH]

Through a real Kafka (STREAMGAUGE_KAFKA): a `serve` with state gets N deployments over one topic, each a sliding window with four
aggregates. Measured are the deploys, the time from a restart until all of them read, and at rest the processor time, the memory and the threads
of the process: over an empty topic, behind some events, and after a restart. `--threads` also lists which threads took the processor time.

A run that is killed leaves nothing behind but its temporary folder: the host is its child and ends with it.
"""

import argparse
import atexit
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S, PARTITIONS, MODELS = 120, 4, 20
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SINKS = {
    "console": "connector = 'console'",
    "webhook": "connector = 'webhook', url = 'http://127.0.0.1:{port}/', allow_private = 'true'",
}
SQL = """
CREATE SOURCE requests (ts TIMESTAMP, model TEXT, latency_ms DOUBLE, quality DOUBLE, status BIGINT,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', time_format = 'unix_ms', start = 'earliest');
CREATE SINK rows WITH ({sink});
CREATE VIEW pace AS
SELECT window_end, model, avg(latency_ms) AS mean, percentile(latency_ms, 95) AS p95, stddev(quality) AS deviation, count(*) AS n
FROM HOP(requests, ts, INTERVAL '10' SECOND, INTERVAL '1' MINUTE)
WHERE status = 200 AND latency_ms > {number}
GROUP BY window_end, model;
INSERT INTO rows SELECT * FROM pace WHERE mean > 1500;
"""


class Host:
    """A `serve`, and what the system says of its process."""

    def __init__(self, binary, folder, port):
        config = folder / "config.toml"
        config.write_text(f'[allow]\nprivate_hosts = ["127.0.0.1"]\nurl_hosts = ["127.0.0.1"]\n[state]\nurl = "{folder / "state"}"\n')
        log = open(folder / "host.log", "ab")
        began = log.tell()
        self.process = subprocess.Popen([binary, "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"], stdout=log, stderr=log)
        atexit.register(self.process.kill)
        self.began = time.monotonic()
        self.proc = Path("/proc") / str(self.process.pid)
        self.url = f"http://{self.address(folder / 'host.log', began)}"

    def address(self, log, began):
        """Where it answers: it chose the port."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(rb"answers at https?://([0-9.:]+)", log.read_bytes()[began:]):
                return found[1].decode()
            time.sleep(0.005)
        sys.exit(f"idle: the host does not answer: {log.read_text()}")

    def ask(self, method, path, body=None, kind="application/sql"):
        headers = {"content-type": kind} if body else {}
        request = urllib.request.Request(self.url + path, body.encode() if body else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()

    def wait_ready(self, events=0):
        """Until all deployments read, share one reader, and have read so many events."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/readyz")
                shown = json.loads(self.ask("GET", "/v1/deployments"))["deployments"]
                if all(one["state"] == "running" and max(query["events"] for query in one["queries"]) >= events for one in shown):
                    return time.monotonic() - self.began
            except urllib.error.HTTPError:
                pass
            time.sleep(0.01)
        sys.exit("idle: not all deployments are ready")

    def threads(self):
        """The processor time of each thread so far, in seconds, by its number and name."""
        found = {}
        for task in (self.proc / "task").iterdir():
            try:
                name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
                switches = re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
            fields = rest.split()
            found[int(task.name), name] = ((int(fields[11]) + int(fields[12])) / TICKS_A_SECOND, sum(map(int, switches)))
        return found

    def cpu_s(self):
        """Of all threads, also of those that have ended."""
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def memory_mib(self):
        smaps, wanted = (self.proc / "smaps_rollup").read_text(), ("Rss", "Pss", "Private_Dirty")
        return {name: int(re.search(rf"^{name}:\s+(\d+) kB", smaps, re.M)[1]) / 1024 for name in wanted}

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


def webhook():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def produce(brokers, topic, count):
    """Events of the last ten minutes, in order in each partition."""
    producer, now_ms = Producer({"bootstrap.servers": brokers, "enable.idempotence": True}), time.time_ns() // 1_000_000
    for number in range(count):
        event = {
            "ts": now_ms - 600_000 + 600_000 * number // count,
            "model": f"model-{number % MODELS}",
            "latency_ms": 200 + number * 7919 % 4000,
            "quality": number % 100 / 100,
            "status": 200,
        }
        producer.produce(topic, json.dumps(event), partition=number % PARTITIONS)
        producer.poll(0)
    producer.flush()


def rest(what, host, options):
    """What the host takes for a while in which nothing comes."""
    before, threads, since = host.cpu_s(), host.threads(), time.monotonic()
    time.sleep(options.rest)
    took, after = time.monotonic() - since, host.threads()
    cpu = (host.cpu_s() - before) / took
    known = [(key, *(now - then for now, then in zip(after[key], threads[key]))) for key in after if key in threads]
    switches = sum(switches for *_, switches in known) / took
    memory = "  ".join(f"{name} {value:.1f} MiB" for name, value in host.memory_mib().items())
    print(f"{what:24} {100 * cpu:5.2f} % of a core  {switches:6.0f} switches/s  {len(after)} threads  {memory}", flush=True)
    if options.threads:
        for (number, name), seconds, switches in sorted(known, key=lambda one: -one[2])[:14]:
            print(f"    {name:16} {number:8} {100 * seconds / took:5.2f} %  {switches / took:6.1f} switches/s")


def measure(options, brokers, folder):
    topic = f"idle-{time.time_ns()}"
    admin = AdminClient({"bootstrap.servers": brokers})
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        created.result()
    sink = SINKS[options.sink].format(port=webhook() if options.sink == "webhook" else 0)
    host = Host(options.binary, folder, 0)
    host.wait_ready()
    rest("no deployments", host, options)
    took = []
    for number in range(options.deployments):
        sql, since = SQL.format(brokers=brokers, topic=topic, sink=sink, number=number), time.monotonic()
        host.ask("PUT", f"/v1/deployments/d{number:03}", sql)
        took.append(time.monotonic() - since)
    host.wait_ready()
    print(f"deploy: median {1000 * statistics.median(took):.1f} ms, max {1000 * max(took):.1f} ms", flush=True)
    time.sleep(options.settle)
    rest("empty topic", host, options)
    produce(brokers, topic, options.events)
    host.wait_ready(options.events)
    time.sleep(options.settle)
    rest(f"behind {options.events} events", host, options)
    host.end()
    host = Host(options.binary, folder, 0)
    print(f"restart: ready after {host.wait_ready():.2f} s", flush=True)
    time.sleep(options.settle)
    rest("after a restart", host, options)
    host.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=100)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rest", type=float, default=30)
    parser.add_argument("--settle", type=float, default=120, help="seconds before each measurement at rest: in them partitions turn idle, windows close, and memory is given back")
    parser.add_argument("--sink", choices=SINKS, default="console")
    parser.add_argument("--threads", action="store_true")
    parser.add_argument("--binary", default=str(ROOT / "target" / "release" / "streamgauge"))
    options = parser.parse_args()
    brokers = os.environ.get("STREAMGAUGE_KAFKA") or sys.exit("idle: STREAMGAUGE_KAFKA is not set")
    with tempfile.TemporaryDirectory() as folder:
        measure(options, brokers, Path(folder))


main()
