#!/usr/bin/env bash
# The broker that tests get: it keeps its data and its address over a restart, and stops only what it started.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "kafka.sh: $*" >&2; exit 1; }
equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1'"; }

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}
dir=$(mktemp -d)
trap './kafka.sh stop "$dir/b" || true; rm -rf "$dir"' EXIT

client() { java -Xmx64m -XX:TieredStopAtLevel=1 -cp "$(echo "$cache"/kafka-*/libs)/*" -Dlog4j2.level=ERROR "$@" 2>>"$dir/client.log"; }
end_offsets() { client org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$1" --topic kept | paste -sd' '; }

address=$(./kafka.sh start "$dir/b" 2>/dev/null)
equal "$(./kafka.sh start "$dir/b")" "$address" # already running: the same one
./kafka.sh topic "$dir/b" kept 2
./kafka.sh topic "$dir/b" kept 2 # again: no error
printf 'one\ntwo\nthree\n' | client org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --topic kept
offsets=$(end_offsets "$address")

./kafka.sh stop "$dir/b"
./kafka.sh stop "$dir/b" # again: no error
(exec 3<>"/dev/tcp/${address/://}") 2>/dev/null && fail "the broker still listens after stop"

equal "$(./kafka.sh start "$dir/b" 2>/dev/null)" "$address"
equal "$(end_offsets "$address")" "$offsets"
got=$(client org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --topic kept --from-beginning \
  --max-messages 3 --timeout-ms 15000 | sort | paste -sd' ')
equal "$got" "one three two"

./kafka.sh stop "$dir/b"
sleep 60 & # a stranger that got the broker's pid
echo $! >"$dir/b/pid"
./kafka.sh stop "$dir/b"
kill -0 $! || fail "stop ended a process that it did not start"
kill $!
if ./kafka.sh topic "$dir/b" x 1 2>/dev/null; then fail "a topic without a broker"; fi
echo "kafka.sh: ok"
