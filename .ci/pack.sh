#!/usr/bin/env bash
# Puts together the files of Streamgauge that an image or a package has.
#
#   .ci/pack.sh DIR      DIR/usr/bin/streamgauge, stripped; streamgauge.aot beside it; DIR/usr/share/licenses
#
# STREAMGAUGE_BINARY names another binary than target/release/streamgauge.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
binary=${STREAMGAUGE_BINARY:-target/release/streamgauge}

rm -rf "$1"
mkdir -p "$1/usr/bin" "$1/usr/share/licenses/streamgauge"
strip --strip-all -o "$1/usr/bin/streamgauge" "$binary"
# Of the stripped binary, as the machine code belongs to the file beside which it is.
"$1/usr/bin/streamgauge" compile-ahead-of-time >/dev/null
chmod 0755 "$1/usr/bin/streamgauge"
chmod 0644 "$1/usr/bin/streamgauge.aot"
cp LICENSE "$1/usr/share/licenses/streamgauge/"
.ci/licences.py "$1/usr/share/licenses/streamgauge/crates.txt"
