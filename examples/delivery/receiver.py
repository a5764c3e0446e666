#!/usr/bin/env python3
"""A receiver of webhooks and of Slack's messages, for as long as a command runs.

    receiver.py FOLDER COMMAND...

It listens on a free port of this machine and gives the command HOOK_URL, HOOK_SECRET and SLACK_URL. What arrives is in
FOLDER/webhook.jsonl and FOLDER/slack.jsonl, a line each. Every third row is answered with 503 although it was kept,
as by a server that dies at the wrong moment: the row comes again, under the same key.
"""

import base64
import hmac
import os
import secrets
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
OLDEST_S = 300


def verify(secret, headers, body):
    """Whether the sender has the secret, the body is what was sent, and it is not an old one that somebody repeats."""
    message_id, sent_s = headers["webhook-id"], headers["webhook-timestamp"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{sent_s}.".encode() + body, "sha256").digest()
    expected = "v1," + base64.b64encode(mac).decode()
    signatures = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected, one) for one in signatures) and abs(time.time() - int(sent_s)) < OLDEST_S


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen, repeats, requests = set(), 0, 0
    lock = threading.Lock()

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # the sender was killed

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.lock:
            status = self.slack(body) if self.path == "/slack" else self.webhook(body)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def webhook(self, body):
        if not verify(SECRET, self.headers, body):
            return 401
        Receiver.requests += 1
        if self.headers["webhook-id"] in self.seen:
            Receiver.repeats += 1
            return 200
        self.seen.add(self.headers["webhook-id"])
        self.keep("webhook.jsonl", body)
        return 503 if self.requests % 3 == 0 else 200

    def slack(self, body):
        self.keep("slack.jsonl", body)
        return 200

    def keep(self, name, body):
        with open(self.server.folder / name, "ab") as file:
            file.write(body + b"\n")

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.folder = Path(sys.argv[1])
    server.folder.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    told = {"HOOK_URL": f"{here}/hook", "HOOK_SECRET": SECRET, "SLACK_URL": f"{here}/slack"}
    status = subprocess.run(sys.argv[2:], env=os.environ | told).returncode
    print(f"receiver: {len(Receiver.seen)} rows, {Receiver.repeats} of them came twice", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
