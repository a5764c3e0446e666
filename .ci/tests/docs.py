#!/usr/bin/env python3
"""The documents' commands, run as they stand there.

    docs.py STREAMGAUGE FILE.md...

A fenced block `LANGUAGE file=NAME` is written to that file, in a folder of the document's own. `sql with=NAME` are statements that `check` must
find to be right behind those of that file. In a block `console` each line that begins
with `$ ` is run by a shell in that folder. It must print what stands below it, errors included. `[1]` as the last line is the exit status,
if it is not 0. The folder's name in the output is replaced by `/srv/gauge`. `plugins/` in it holds the components that the build
made: NAME.wasm for each reducer and sink of the product.

Plugins are built with the tools that set-up installed (STREAMGAUGE_PYTHON_TOOLS, STREAMGAUGE_NODE_MODULES), offline, and what compilers make
once for all projects is shared with the tests of the host. The number of bytes of a component may differ, since it depends on the compiler.
`<!-- needs: COMMAND -->` in a document says how to find out whether its tools are there; where the command fails the document is skipped, or
the test fails if STRICT is set.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS_MAX = 300
NEEDS = re.compile(r"^<!-- needs: (.*) -->$", re.MULTILINE)
BYTES = re.compile(r"(a component of) \d+ (bytes)|(  Size:) \d+ (bytes)")
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?(?: with=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def environment(folder, binary):
    """Variables for a command: where tools are and what they keep."""
    python, node = (os.environ.get(f"STREAMGAUGE_{name}") for name in ("PYTHON_TOOLS", "NODE_MODULES"))
    tools = [python, node and f"{node}/.bin"]
    path = [str(binary.parent), *filter(None, tools), os.environ["PATH"]]
    kept = binary.parent.parent / "tmp"
    variables = {
        **os.environ, "PATH": ":".join(path), "NO_COLOR": "1", "XDG_CACHE_HOME": str(Path(folder, ".cache")),
        "CARGO_TARGET_DIR": str(kept / "plugin-projects"), "CARGO_NET_OFFLINE": "true", "CARGO_TERM_QUIET": "true",
        "ZIG_GLOBAL_CACHE_DIR": str(kept / "zig"), "GOCACHE": str(kept / "go"), "GOPROXY": "off", "GOTOOLCHAIN": "local",
    }
    variables.pop("STREAMGAUGE_PLUGIN_CACHE", None)
    return variables


def run(command, folder, binary):
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment(folder, binary), timeout=SECONDS_MAX,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    output = done.stdout.replace(str(folder), "/srv/gauge")
    return output + (f"[{done.returncode}]\n" if done.returncode else "")


def has_tools(document, text, folder, binary):
    """Whether what the document needs is there; it is said where it is not."""
    for command in NEEDS.findall(text):
        if run(f"{{ {command}; }} > /dev/null 2>&1", folder, binary):
            name = document.name
            if os.environ.get("STRICT"):
                sys.exit(f"!!! MISSING: {name} needs `{command}`")
            print(f"!!! SKIPPED: {name} needs `{command}`")
            return False
    return True


def alike(text):
    """The text without what differs between compilers."""
    return BYTES.sub("BYTES", text)


def components(binary):
    """The folder of the newest components that were built beside the binary; none if there is none."""
    found = binary.parent.glob("build/streamgauge-bundle-*/out/components.rs")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


def end_what_was_started(folder):
    # A document that starts a command in the background keeps its process id in a file *.pid.
    for file in Path(folder).glob("*.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGTERM)
        except (ProcessLookupError, ValueError):
            pass  # it has ended


def check_sql(document, block, folder, binary):
    """Whether statements that no command runs are right behind those of a file."""
    beside, text = block
    Path(folder, "example.sql").write_text(text)
    if found := run(f"streamgauge check {beside} example.sql", folder, binary):
        sys.exit(f"{document}: the example behind {beside}\n{text}is refused:\n{found}")
    return 1


def check(document, binary):
    count, source = 0, document.read_text()
    with tempfile.TemporaryDirectory() as folder:
        if not has_tools(document, source, folder, binary):
            return 0
        if plugins := components(binary):
            Path(folder, "plugins").symlink_to(plugins)
        for language, name, beside, text in BLOCK.findall(source):
            if beside:
                count += check_sql(document, (beside, text), folder, binary)
            elif name:
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            elif language == "console":
                for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                    command, _, expected = part.partition("\n")
                    found = run(command, folder, binary)
                    if alike(found) != alike(expected):
                        end_what_was_started(folder)
                        sys.exit(f"{document}: `{command}` prints\n{found}instead of\n{expected}")
                    count += 1
    if count == 0:
        sys.exit(f"{document}: no command in it")
    return count


def main():
    binary, *documents = (Path(argument).absolute() for argument in sys.argv[1:])
    if not documents:
        sys.exit(__doc__)
    counts = [check(document, binary) for document in documents]
    print(f"docs: {sum(counts)} commands of {len(counts)} documents print what they say")


main()
