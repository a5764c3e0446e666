#!/usr/bin/env python3
"""The documents' commands, run as they stand there.

    docs.py STREAMGAUGE FILE.md...

A fenced block `LANGUAGE file=NAME` is written to that file, in a folder of the document's own. In a block `console` each line that begins
with `$ ` is run by a shell in that folder. It must print what stands below it, errors included. `[1]` as the last line is the exit status,
if it is not 0. The folder's name in the output is replaced by `/srv/gauge`. `plugins/` in it holds the components that the build
made: NAME.wasm for each reducer and sink of the product.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(command, folder, binary):
    environment = {
        **os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}", "NO_COLOR": "1", "XDG_CACHE_HOME": str(Path(folder, ".cache")),
    }
    environment.pop("STREAMGAUGE_PLUGIN_CACHE", None)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment, timeout=60,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    output = done.stdout.replace(str(folder), "/srv/gauge")
    return output + (f"[{done.returncode}]\n" if done.returncode else "")


def components(binary):
    """The folder of the newest components that were built beside the binary; none if there is none."""
    found = binary.parent.glob("build/streamgauge-bundle-*/out/components.rs")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


def check(document, binary):
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        if plugins := components(binary):
            Path(folder, "plugins").symlink_to(plugins)
        for language, name, text in BLOCK.findall(document.read_text()):
            if name:
                Path(folder, name).write_text(text)
            elif language == "console":
                for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                    command, _, expected = part.partition("\n")
                    found = run(command, folder, binary)
                    if found != expected:
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
