#!/usr/bin/env bash
# Runs a command with STREAMGAUGE_KAFKA set to the address of a real broker that lives as long as the command does.
#
#   .ci/with-kafka.sh cargo test --release
#
# A broker that the caller named in STREAMGAUGE_KAFKA is used as it is.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ -z "${STREAMGAUGE_KAFKA:-}" ] || exec "$@"

kafka=$(cd "$(dirname "$0")" && pwd)/kafka.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/streamgauge-kafka.XXXXXX")
trap '"$kafka" stop "$dir" || true; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
STREAMGAUGE_KAFKA=$("$kafka" start "$dir")
export STREAMGAUGE_KAFKA
"$@"
