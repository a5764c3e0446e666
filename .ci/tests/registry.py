#!/usr/bin/env python3
"""Components go through a real OCI registry: what `plugin push` stores is read byte for byte by a client of our own that
knows only the protocol, what such a client stores as `oras` does is read by `plugin pull` and by queries, and what is
wrong is refused by its name.

    registry.py STREAMGAUGE REGISTRY

REGISTRY is the program `docker-registry`. It listens on a free port of this machine and ends with this script.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

PATIENCE_S = 30
# The password `guess me`, as htpasswd -B stores it.
HTPASSWD = "ci:$2b$05$abcdefghijklmnopqrstuui/ImUTr3NnP6J59GOh56Mxg4nfgbhlC\n"
SQL = """
CREATE AGGREGATE many FROM '%s';
CREATE SOURCE requests (model TEXT, ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
  WITH (connector = 'file', path = '-');
SELECT model, many(ms) AS found FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, model;
"""
EVENTS = "".join(json.dumps({"model": "a", "ms": ms, "ts": "2026-01-01T00:00:00Z"}) + "\n" for ms in (2.0, 4.0, 9.0))


def fail(why):
    sys.exit(f"registry: {why}")


def expect(holds, why):
    if not holds:
        fail(why)


class Registry:
    """The real registry, and a client that knows only the protocol."""

    def __init__(self, stack, program, folder, with_password):
        folder.mkdir()
        users = folder / "htpasswd"
        users.write_text(HTPASSWD)
        auth = f"auth: {{htpasswd: {{realm: ci, path: {users}}}}}\n" if with_password else ""
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: info, accesslog: {disabled: true}}\n" + auth +
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        )
        log = open(folder / "log", "w+", encoding="utf-8")
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
        stack.callback(process.wait)
        stack.callback(process.kill)
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", (folder / "log").read_text())):
            expect(process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text())
            time.sleep(0.05)
        self.address, self.data = found.group(1), folder / "data"

    def ask(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()

    def store(self, name, blob):
        answer, _ = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        place = answer.headers["Location"].split(self.address, 1)[-1]
        joint = "&" if "?" in place else "?"
        answer, said = self.ask("PUT", f"{place}{joint}digest={digest(blob)}", blob)
        expect(answer.status == 201, f"a blob was not stored: {answer.status} {said}")
        return {"digest": digest(blob), "size": len(blob)}

    def store_manifest(self, name, tag, layers, config=b"{}"):
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", **self.store(name, config)},
            "layers": [{"mediaType": kind, **self.store(name, blob)} for kind, blob in layers],
            "annotations": {"org.opencontainers.image.title": "by hand"},
        }).encode()
        headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        answer, said = self.ask("PUT", f"/v2/{name}/manifests/{tag}", manifest, headers)
        expect(answer.status == 201, f"a manifest was not stored: {answer.status} {said}")
        return digest(manifest)


def digest(blob):
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def components(binary):
    """The folder of the newest components that were built beside the binary."""
    found = binary.parent.glob("build/streamgauge-bundle-*/out/components.rs")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def main(binary, registry_program):
    program, plugins = str(binary), components(binary)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "DOCKER_CONFIG": str(folder / "docker"),
                       "HOME": str(folder)}

        def run(*arguments, exit_status=0, stdin=""):
            done = subprocess.run([program, *map(str, arguments)], cwd=folder, env=environment, input=stdin,
                                  capture_output=True, text=True, timeout=120)
            expect(done.returncode == exit_status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
            return done.stdout, done.stderr

        def rows(location, exit_status=0):
            (folder / "query.sql").write_text(SQL % location)
            return run("run", "query.sql", stdin=EVENTS, exit_status=exit_status)

        component = (plugins / "count.wasm").read_bytes()
        registry = Registry(stack, registry_program, folder / "registry", with_password=False)
        name = f"oci://{registry.address}/team/many"

        # What is pushed is what is read, by the layout of the CNCF's working group; pushed again it is the same.
        printed, _ = run("plugin", "push", plugins / "count.wasm", f"{name}:1")
        pinned = printed.splitlines()[0]
        expect(pinned.startswith(f"{name}:1@sha256:"), printed)
        expect(f"CREATE AGGREGATE name FROM '{pinned}';" in printed, printed)
        expect(run("plugin", "push", plugins / "count.wasm", f"{name}:1")[0] == printed, "another digest the second time")
        wanted = pinned.rsplit("@", 1)[1]
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        answer, stored = registry.ask("GET", "/v2/team/many/manifests/1", headers=accept)
        manifest = json.loads(stored)
        expect(digest(stored) == wanted == answer.headers["Docker-Content-Digest"], stored)
        expect(manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json", stored)
        expect([layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm"], stored)
        title = manifest["layers"][0]["annotations"]["org.opencontainers.image.title"]
        expect(title == "many.wasm", "`oras pull` needs the name of a file")
        _, blob = registry.ask("GET", f"/v2/team/many/blobs/{manifest['layers'][0]['digest']}")
        expect(blob == component, "the layer is not the component")
        _, config = registry.ask("GET", f"/v2/team/many/blobs/{manifest['config']['digest']}")
        config = json.loads(config)
        expect(config["os"] == "wasip2" and config["layerDigests"] == [digest(component)], config)
        expect(any(export.startswith("streamgauge:plugin/reducer@") for export in config["component"]["exports"]), config)

        # Queries read it, without a word where the digest is given, and the next time without the registry.
        printed, said = rows(pinned)
        expect('"found":3' in printed and "digest" not in said, printed + said)
        run("plugin", "pull", f"{name}:1", "-o", "pulled.wasm")
        expect((folder / "pulled.wasm").read_bytes() == component, "the pulled file is not the component")
        absent = pinned.replace(registry.address, "127.0.0.1:1")
        expect('"found":3' in rows(absent)[0], "a component that was pulled needs its registry no more")
        _, said = run("plugin", "pull", f"oci://127.0.0.1:1/team/many:1", "-o", "other.wasm", exit_status=3)
        expect("cannot be pulled: the registry does not answer" in said, said)

        # What others store as `oras push` does, under a tag: the run says what to write instead.
        by_hand = registry.store_manifest("by/hand", "latest", [("application/wasm", component)])
        printed, said = rows(f"oci://{registry.address}/by/hand:latest")
        expect('"found":3' in printed, printed)
        expect(f"to keep this one, write 'oci://{registry.address}/by/hand:latest@{by_hand}'" in said, said)

        # What is no component, or none any more.
        _, said = run("plugin", "pull", f"{name}:2", "-o", "other.wasm", exit_status=3)
        expect("the registry has nothing under this name" in said, said)
        registry.store_manifest("by/hand", "image", [("application/vnd.oci.image.layer.v1.tar", b"x")])
        _, said = rows(f"oci://{registry.address}/by/hand:image", exit_status=1)
        expect("is no component: it has a layer of type application/vnd.oci.image.layer.v1.tar" in said, said)
        expect("query.sql:2:" in said, said)
        registry.store_manifest("by/hand", "two", [("application/wasm", b"x"), ("application/wasm", b"y")])
        _, said = rows(f"oci://{registry.address}/by/hand:two", exit_status=1)
        expect("it has 2 layers, but a component has one" in said, said)
        registry.store_manifest("by/hand", "text", [("application/wasm", b"hello")])
        _, said = rows(f"oci://{registry.address}/by/hand:text", exit_status=1)
        expect("is not WebAssembly" in said, said)
        other = f"oci://{registry.address}/team/many:1@sha256:{'0' * 64}"
        _, said = rows(other, exit_status=1)
        expect("the registry has nothing under this name" in said, said)

        # A registry whose bytes are not those of the digest.
        plain = registry.store_manifest("by/hand", "damaged", [("application/wasm", b"\0asm" + b"damaged")])
        hexes = hashlib.sha256(b"\0asm" + b"damaged").hexdigest()
        (registry.data / f"docker/registry/v2/blobs/sha256/{hexes[:2]}/{hexes}/data").write_bytes(b"\0asm" + b"DAMAGED")
        _, said = run("plugin", "pull", f"oci://{registry.address}/by/hand:damaged@{plain}", "-o", "other.wasm", exit_status=1)
        expect("was not pulled" in said, said)
        expect(not (folder / "other.wasm").exists(), "nothing is written where nothing was pulled")

        # A password, from where `docker login` puts it.
        private = Registry(stack, registry_program, folder / "private", with_password=True)
        place = f"oci://{private.address}/team/many:1"
        _, said = run("plugin", "push", plugins / "count.wasm", place, exit_status=3)
        expect(f"run `docker login {private.address}`" in said, said)
        (folder / "docker").mkdir()
        token = base64.b64encode(b"ci:guess me").decode()
        (folder / "docker/config.json").write_text(json.dumps({"auths": {private.address: {"auth": token}}}))
        printed, _ = run("plugin", "push", plugins / "count.wasm", place)
        expect('"found":3' in rows(printed.splitlines()[0])[0], "a private registry is read")
        expect("guess me" not in printed and token not in printed, printed)

        # What is no plugin is not stored.
        (folder / "text.wasm").write_bytes(b"hello")
        _, said = run("plugin", "push", "text.wasm", f"{name}:text", exit_status=1)
        expect("text.wasm is not WebAssembly" in said, said)
        _, said = run("plugin", "push", plugins / "count.wasm", pinned, exit_status=2)
        expect("name a tag alone" in said, said)
    print("components go through a real OCI registry, and what is wrong is refused")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
