#!/usr/bin/env python3
"""Writes the licences of all crates that are part of the binary into one file.

    licences.py FILE

The texts come from the sources that cargo has downloaded, so it must have built or fetched before. Equal texts stand once, below the names of
the crates that have them. A crate without a text of its own is listed with what its Cargo.toml says.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

NAME = re.compile(r"^(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT|UNLICENSE)", re.IGNORECASE)
TEXTS = {"", ".txt", ".md", ".html"}
# Libraries in C that a crate brings along keep their licence a few folders down.
DEPTH_MAX = 3


def parts():
    """The packages that are compiled into the binary or run while it is built, without those of tests."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]
    # A build does not download the crates that only tests need, but cargo wants to see their manifests, too.
    done = subprocess.run([*command, "--offline"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    metadata = json.loads(done.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    own = set(metadata["workspace_members"])
    found, waiting = set(own), list(own)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_used = any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
            if is_used and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[name] for name in found - own), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """Its licence texts."""
    folder = Path(package["manifest_path"]).parent
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if len(inside) > DEPTH_MAX or not NAME.match(path.name) or path.suffix.lower() not in TEXTS and "-" not in path.name:
            continue
        if path.is_file() and path.suffix not in {".rs", ".c", ".h", ".py"}:
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def main():
    by_text, without = {}, []
    for package in parts():
        name = f"{package['name']} {package['version']}"
        found = [text for text in texts(package) if text]
        for text in found:
            # Line ends and indentation differ between copies of one text.
            key = " ".join(text.split())
            by_text.setdefault(key, (text, []))[1].append(name)
        if not found:
            without.append(f"{name}: {package['license'] or 'see ' + str(package['repository'])}")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("Licences of the crates in this binary, and of the C libraries that they bring along.\n")
        for text, names in sorted(by_text.values(), key=lambda pair: pair[1]):
            file.write(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(names))}\n{'=' * 100}\n\n{text}\n")
        file.write(f"\n{'=' * 100}\nWithout a text of their own, by what they declare\n{'=' * 100}\n\n" + "\n".join(without) + "\n")
    print(f"licences: {len(by_text)} texts; {len(without)} crates have none of their own", file=sys.stderr)


main()
