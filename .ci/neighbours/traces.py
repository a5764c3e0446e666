#!/usr/bin/env python3
"""The spans of a host arrive in the real OpenTelemetry Collector, and are found in the real Jaeger behind it.

    traces.py STREAMGAUGE COLLECTOR JAEGER

A host reads a real Kafka (STREAMGAUGE_KAFKA) and delivers to a topic, a file and a webhook that answers 503 at first. The Collector also
scrapes the host's /metrics. Then the Collector is killed: rows go on, and the log says it once; it starts again, and spans arrive again.
All listen on free ports of this machine, and end with this script.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_S = 90
SPANS = ("batch", "decode", "fold", "close", "checkpoint", "capture", "write", "deliver")
SQL = """
CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
  WITH (connector = 'kafka', brokers = '{kafka}', topic = 'requests', format = 'json', start = 'earliest', time_format = 'unix_ms');
CREATE SINK topic WITH (connector = 'kafka', brokers = '{kafka}', topic = 'rows');
CREATE SINK file WITH (connector = 'file', path = '{folder}/rows.jsonl', mode = 'append');
CREATE SINK hook WITH (connector = 'webhook', url = 'http://{hook}/hook', allow_private = 'true');
CREATE VIEW load AS SELECT window_end, model, count(*) AS n, avg(ms) AS ms
  FROM TUMBLE(requests, ts, INTERVAL '1' SECOND) GROUP BY window_end, model;
INSERT INTO topic SELECT * FROM load;
INSERT INTO file SELECT * FROM load;
INSERT INTO hook SELECT * FROM load;
"""
HOST = """
server.listen = "127.0.0.1:0"
state.url = "{folder}/state"
state.checkpoint_interval = "500ms"
[secrets]
folder = "{folder}/secrets"
[telemetry]
otlp_endpoint = "http://127.0.0.1:{otlp}"
otlp_headers = ["authorization=otlp-token"]
trace_sample_ratio = 1
[allow]
file_roots = ["{folder}"]
private_hosts = ["127.0.0.1"]
"""
COLLECTOR = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{otlp}'}}}}}}
  prometheus:
    config:
      scrape_configs:
        - {{job_name: streamgauge, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{targets: ['{host}']}}]}}
exporters:
  debug: {{verbosity: detailed}}
  otlphttp: {{endpoint: 'http://127.0.0.1:{jaeger}', tls: {{insecure: true}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug, otlphttp]}}
    metrics: {{receivers: [prometheus], exporters: [debug]}}
"""
JAEGER = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{jaeger}'}}}}}}}}
processors: {{batch: {{timeout: 200ms}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: memory}}}}
extensions:
  jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: 100000}}}}}}}}
  jaeger_query: {{storage: {{traces: memory}}, http: {{endpoint: '127.0.0.1:{query}'}}, grpc: {{endpoint: '127.0.0.1:{grpc}'}}}}
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter]}}}}
"""


def fail(why):
    sys.exit(f"traces: {why}")


def say(text):
    print(f"traces: {text}", flush=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Program:
    """A process, and what it says on both streams."""

    def __init__(self, stack, *command):
        self.lines = []
        self.process = subprocess.Popen(command, text=True, encoding="utf-8", errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        stack.callback(self.kill)

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        return "".join(self.lines)


def until(ask, what, *programs):
    """What `ask` gives, as soon as it gives anything."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if found := ask():
                return found
        except (URLError, ConnectionError, HTTPError):
            pass
        ended = [one for one in programs if one.process.poll() is not None]
        if ended or time.monotonic() > deadline:
            fail(f"{what}: {'a program ended' if ended else 'not in time'}\n" + "\n".join(one.said()[-4000:] for one in programs))
        threading.Event().wait(0.1)


def get(url):
    with urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Hook(ThreadingHTTPServer):
    """Answers 503 to the first request, then 200."""

    def __init__(self):
        server = self
        self.count = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                server.count += 1
                self.send_response(503 if server.count == 1 else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def produce(kafka, stop):
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 20})
    number = 0
    while not stop.wait(0.01):
        number += 1
        event = {"model": f"m{number % 3}", "ms": float(number % 100), "ts": int(time.time() * 1000)}
        producer.produce("requests", json.dumps(event).encode(), key=str(number).encode())
        producer.poll(0)
    producer.flush(30)


def topics(kafka):
    admin = AdminClient({"bootstrap.servers": kafka})
    wanted = [NewTopic("requests", 2, 1), NewTopic("rows", 1, 1), NewTopic("streamgauge-control", 1, 1, config={"cleanup.policy": "compact"})]
    for name, done in admin.create_topics(wanted).items():
        done.result(30)


def kinds(collector):
    """The names of spans that the Collector's debug exporter shows."""
    return set(re.findall(r"^    Name +: (.*)$", collector.said(), re.M))


def in_jaeger(query):
    """An operation's traces, for each."""
    found = {}
    for name in SPANS:
        asked = urlencode({"service": "streamgauge", "operation": name, "limit": 200})
        traces = json.loads(get(f"http://127.0.0.1:{query}/api/traces?{asked}"))["data"]
        spans = [(span, trace["processes"]) for trace in traces or [] for span in trace["spans"] if span["operationName"] == name]
        if not spans:
            return None
        found[name] = spans
    return found


def tags(span):
    return {tag["key"]: tag["value"] for tag in span["tags"]}


class Lacks(Exception):
    """A span that is not there, or not yet: deliveries end one after the other, and spans are sent once a second."""


def wait_for_spans(query):
    """All spans, as soon as those are there that each step makes."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = in_jaeger(query)
        try:
            check_spans(found)
            return found
        except Lacks as lacks:
            if time.monotonic() > deadline:
                fail(str(lacks))
        threading.Event().wait(0.5)


def check_spans(found):
    def some(name, **wanted):
        wanted = {key.replace("__", "."): value for key, value in wanted.items()}
        if not any(wanted.items() <= tags(span).items() for span, _ in found[name]):
            raise Lacks(f"no span '{name}' has {wanted}: {[tags(span) for span, _ in found[name][:5]]}")

    some("batch", streamgauge__source="requests")
    for name in ("fold", "close", "checkpoint"):
        some(name, streamgauge__deployment="load", streamgauge__query="load")
    some("deliver", streamgauge__sink="topic", messaging__system="kafka", messaging__destination__name="rows", streamgauge__outcome="accepted")
    some("deliver", streamgauge__sink="file", streamgauge__outcome="accepted")
    some("deliver", streamgauge__sink="hook", http__response__status_code=200, streamgauge__outcome="accepted")
    some("deliver", streamgauge__sink="hook", http__response__status_code=503, streamgauge__outcome="retried", error=True)
    for name, parent in (("decode", "batch"), ("fold", "batch"), ("capture", "checkpoint"), ("write", "checkpoint")):
        ids = {(span["traceID"], span["spanID"]) for span, _ in found[parent]}
        refers = [(ref["traceID"], ref["spanID"]) for span, _ in found[name] for ref in span["references"]]
        if not any(ref in ids for ref in refers):
            raise Lacks(f"no '{name}' is a part of a '{parent}'")


def check_metrics(collector, page):
    """All that the page has is what the Collector has, and it complained of nothing."""
    names = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\S+)", page, re.M)}

    def all_there():
        known = {name.removesuffix("_total") for name in re.findall(r"^     -> Name: (\S+)$", collector.said(), re.M)}
        return known if names <= known else None

    until(all_there, f"the Collector scrapes {len(names)} metrics", collector)
    if not re.search(r"^     -> Name: up\n(?:(?!     -> Name: ).*\n)*?Value: 1\.0+$", collector.said(), re.M):
        fail("the Collector's own `up` of the host is not 1")
    if wrong := re.findall(r"^.*\t(?:warn|error)\t.*prometheus.*$", collector.said(), re.M | re.I):
        fail("the Collector complains of /metrics:\n" + "\n".join(wrong[:5]))
    return len(names)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    streamgauge, collector_program, jaeger_program = sys.argv[1:]
    kafka = os.environ["STREAMGAUGE_KAFKA"]
    ports = {name: free_port() for name in ("otlp", "jaeger", "query", "grpc")}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "secrets").mkdir()
        (folder / "secrets/otlp-token").write_text("Bearer open-sesame")
        hook = Hook()
        stack.callback(hook.shutdown)

        (folder / "jaeger.yaml").write_text(JAEGER.format(**ports))
        jaeger = Program(stack, jaeger_program, "--config", str(folder / "jaeger.yaml"))
        until(lambda: get(f"http://127.0.0.1:{ports['query']}/api/services"), "Jaeger answers", jaeger)

        topics(kafka)
        (folder / "host.toml").write_text(HOST.format(folder=folder, **ports))
        host = Program(stack, streamgauge, "serve", "--config", str(folder / "host.toml"))
        address = until(lambda: re.search(r"answers at http://([0-9.:]+)", host.said()), "the host answers", host).group(1)

        (folder / "collector.yaml").write_text(COLLECTOR.format(host=address, **ports))
        collect = [collector_program, "--config", str(folder / "collector.yaml")]
        collector = Program(stack, *collect)
        until(lambda: "Everything is ready" in collector.said(), "the Collector is ready", collector)

        stop = threading.Event()
        stack.callback(stop.set)
        producing = threading.Thread(target=produce, args=[kafka, stop], daemon=True)
        producing.start()
        sql = SQL.format(kafka=kafka, folder=folder, hook=f"127.0.0.1:{hook.server_address[1]}")
        request = Request(f"http://{address}/v1/deployments/load?wait=true", sql.encode(), {"Content-Type": "application/sql"}, method="PUT")
        with urlopen(request, timeout=60) as answer:
            if answer.status != 201:
                fail(f"the deployment is not made: {answer.read()}")

        until(lambda: set(SPANS) <= kinds(collector), f"the Collector has {SPANS}", collector, host)
        say(f"the Collector {version(collector_program)} has spans of all kinds: {', '.join(SPANS)}")
        found = until(lambda: in_jaeger(ports["query"]), f"Jaeger finds {SPANS}", jaeger, host)
        services = json.loads(get(f"http://127.0.0.1:{ports['query']}/api/services"))["data"]
        if "streamgauge" not in services:
            fail(f"Jaeger's services are {services}")
        operations = json.loads(get(f"http://127.0.0.1:{ports['query']}/api/services/streamgauge/operations"))["data"]
        if not set(SPANS) <= set(operations):
            fail(f"Jaeger's operations are {operations}")
        # The webhook's first answer may be on its way.
        until(lambda: hook.count > 3, "the webhook is tried again", host)
        found = wait_for_spans(ports["query"])
        say("Jaeger finds service and operations: " + ", ".join(f"{name} {len(spans)}" for name, spans in found.items()))
        say(f"the Collector scrapes all {check_metrics(collector, get(f'http://{address}/metrics'))} metrics of the host without a complaint")

        collector.kill()
        rows = folder / "rows.jsonl"
        before = rows.stat().st_size
        until(lambda: "traces do not arrive at" in host.said(), "the host says that traces do not arrive", host)
        until(lambda: rows.stat().st_size > before, "rows go on without the Collector", host)
        collector = Program(stack, *collect)
        until(lambda: "traces arrive at" in host.said(), "the host says that traces arrive again", host, collector)
        until(lambda: "batch" in kinds(collector), "spans arrive again", host, collector)
        if host.said().count("traces do not arrive at") != 1:
            fail("it is said more than once:\n" + host.said())
        say("without the Collector rows go on, which the log says once; when it is back, spans arrive again")

        stop.set()
        producing.join(PATIENCE_S)
        host.process.terminate()
        if host.process.wait(PATIENCE_S) != 0:
            fail("the host did not end well:\n" + host.said()[-4000:])
        if "open-sesame" in host.said():
            fail("the log shows the value of a header")
    say("the host ended with 0, and its log shows no secret")


def version(program):
    said = subprocess.run([program, "--version"], text=True, capture_output=True, check=True).stdout
    return said.strip().split()[-1]


if __name__ == "__main__":
    main()
