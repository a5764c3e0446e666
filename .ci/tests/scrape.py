#!/usr/bin/env python3
"""The real Prometheus scrapes a running Streamgauge and is asked for what it knows: the last window, and then the next.
After a kill the page is as it was.

    scrape.py STREAMGAUGE PROMETHEUS

Both listen on free ports of this machine, and end with this script.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

PATIENCE_S = 60
SQL = """
CREATE SOURCE requests (model TEXT, ms DOUBLE, ok BOOLEAN, ts TIMESTAMP, WATERMARK FOR ts AS ts)
  WITH (connector = 'file', path = '-');
CREATE SINK scrapes WITH (connector = 'prometheus', listen = '127.0.0.1:0', prefix = 'llm');
CREATE VIEW load AS
SELECT window_end, model, count(*) AS requests, avg(ms) / 1000 AS latency_seconds
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
INSERT INTO scrapes SELECT * FROM load;
"""
CONFIG = """
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
  - job_name: streamgauge
    honor_labels: true
    static_configs: [{targets: ['%s']}]
"""
ODD = 'o\'1 "größe"\\n'
NOON = 1767268800  # 2026-01-01T12:00:00Z


class Said:
    """What a process says on a stream: read as it comes, so that it never waits for us."""

    def __init__(self, stream):
        self.lines, self.news = [], threading.Condition()
        threading.Thread(target=self.read, args=[stream], daemon=True).start()

    def read(self, stream):
        for line in stream:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()

    def match(self, pattern):
        def found():
            return next((hit for line in self.lines if (hit := re.search(pattern, line))), None)

        with self.news:
            if not self.news.wait_for(found, PATIENCE_S):
                fail(f"nothing like {pattern!r} was said:\n{''.join(self.lines)}")
            return found().group(1)


def fail(why):
    sys.exit(f"scrape: {why}")


def start(stack, *command, **streams):
    process = subprocess.Popen(command, text=True, encoding="utf-8", bufsize=1, stderr=subprocess.PIPE, **streams)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process, Said(process.stderr)


def event(second, model, ms):
    time_text = f"2026-01-01T12:{second // 60:02}:{second % 60:02}Z"
    return json.dumps({"model": model, "ms": ms, "ts": time_text}) + "\n"


def series(prometheus):
    """Metric and model: value, of all that comes from the job."""
    query = quote('{job="streamgauge",__name__=~"llm_.*|up"}')
    with urlopen(f"http://{prometheus}/api/v1/query?query={query}", timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return {(one["metric"]["__name__"], one["metric"].get("model")): float(one["value"][1]) for one in result}


def page(address):
    with urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read().decode()


def until(ask, wanted, what):
    deadline, found = time.monotonic() + PATIENCE_S, None
    while found != wanted:
        if time.monotonic() > deadline:
            fail(f"{what} is\n{found}\nand should be\n{wanted}")
        try:
            found = ask()
        except URLError as error:
            found = error
        threading.Event().wait(0.1)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "queries.sql").write_text(SQL, encoding="utf-8")
        run = [sys.argv[1], "run", str(folder / "queries.sql"), "--input", "requests=-", "--state", str(folder / "state")]
        gauge, said = start(stack, *run, stdin=subprocess.PIPE)
        address = said.match(r"answers scrapes at http://([0-9.:]+)/metrics")
        (folder / "prometheus.yml").write_text(CONFIG % address)
        _, said = start(stack, sys.argv[2], f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                        "--web.listen-address=127.0.0.1:0")
        prometheus = said.match(r'Listening on.*address=(127\.0\.0\.1:[1-9][0-9]*)')

        gauge.stdin.writelines([event(1, "gpt-4o", 1000), event(2, "gpt-4o", 2000), event(3, ODD, 500)])
        gauge.stdin.write(event(60, "gpt-4o", 3000))
        until(lambda: series(prometheus), {
            ("up", None): 1, ("llm_window_end_seconds", None): NOON + 60, ("llm_hidden_rows", None): 0,
            ("llm_requests", "gpt-4o"): 2, ("llm_latency_seconds", "gpt-4o"): 1.5,
            ("llm_requests", ODD): 1, ("llm_latency_seconds", ODD): 0.5,
        }, "what Prometheus knows")
        # The next window has one group only: the other one's series end.
        gauge.stdin.write(event(120, "gpt-4o", 1))
        until(lambda: series(prometheus), {
            ("up", None): 1, ("llm_window_end_seconds", None): NOON + 120, ("llm_hidden_rows", None): 0,
            ("llm_requests", "gpt-4o"): 1, ("llm_latency_seconds", "gpt-4o"): 3,
        }, "what Prometheus knows")
        shown = page(address)
        gauge.kill()
        gauge.wait()
        gauge, said = start(stack, *run, stdin=subprocess.PIPE)
        address = said.match(r"answers scrapes at http://([0-9.:]+)/metrics")
        until(lambda: page(address), shown, "the page after a kill")
        gauge.stdin.close()
        if gauge.wait(PATIENCE_S) != 0:
            fail("Streamgauge did not end well")
    print("scrape: the real Prometheus knows the last window, and then the next; after a kill the page is as it was")


if __name__ == "__main__":
    main()
