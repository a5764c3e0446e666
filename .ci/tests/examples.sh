#!/usr/bin/env bash
# The examples: their events are what the scripts make, the expected rows are what DuckDB says, and Streamgauge prints
# them: from the file, from a Kafka topic with four partitions, and as the READMEs' commands say. What examples/delivery
# sends arrives. The rows of examples/environments are few enough to be expected by hand.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}
streamgauge=target/release/streamgauge
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "examples: $*"; }
events_of() { ls "$1"/events.jsonl*; }
source_of() { sed -n 's/^CREATE SOURCE \([a-z_]*\).*/\1/p' "$1/queries.sql"; }
plain() { case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac; }

# outputs EXAMPLE FOLDER: one --output for each sink that has expected rows.
outputs() {
  local expected
  for expected in "$1"/expected/*.jsonl; do
    echo --output
    echo "$(basename "$expected" .jsonl)=$2/$(basename "$expected")"
  done
}

compare() {
  local expected
  for expected in "$1"/expected/*.jsonl; do
    python3 examples/compare.py "$expected" "$2/$(basename "$expected")"
  done
}

from_scripts() {
  local example=$1 events
  events=$(events_of "$example")
  python3 "$example/make_events.py" "$work/$(basename "$events")"
  cmp <(plain "$events") <(plain "$work/$(basename "$events")") || { say "$example: make_events.py makes other events"; exit 1; }
  if "$cache/python/bin/python" -c 'import duckdb' 2>/dev/null; then
    "$cache/python/bin/python" "$example/oracle.py" "$work/oracle"
    compare "$example" "$work/oracle"
    rm -r "$work/oracle"
    say "$example: the expected rows are its oracle's"
  elif [ -n "${STRICT:-}" ]; then
    say "MISSING: no DuckDB (.ci/setup.sh tests)"
    exit 1
  else
    say "SKIPPED: no DuckDB (.ci/setup.sh tests), $example/expected is taken as it is"
  fi
}

from_file() {
  local example=$1
  mkdir -p "$work/file"
  mapfile -t arguments < <(outputs "$example" "$work/file")
  "$streamgauge" run "$example/queries.sql" --input "$(source_of "$example")=$(events_of "$example")" "${arguments[@]}" </dev/null
  compare "$example" "$work/file"
  say "$example: the rows from the file are as expected"
}

from_kafka() {
  local example=$1 topic
  topic=$(sed -n "s/.*topic = '\([a-z_]*\)'.*/\1/p" "$example/queries.sql")-$RANDOM
  plain "$(events_of "$example")" | .ci/kafka.sh load "$STREAMGAUGE_KAFKA" "$topic" 4
  sed "s/brokers = '[^']*'/brokers = '$STREAMGAUGE_KAFKA'/; s/topic = '[^']*'/topic = '$topic'/" \
    "$example/queries.sql" >"$work/kafka.sql"
  mkdir -p "$work/kafka"
  mapfile -t arguments < <(outputs "$example" "$work/kafka")
  timeout 120 "$streamgauge" run --bounded "$work/kafka.sql" "${arguments[@]}" </dev/null
  compare "$example" "$work/kafka"
  say "$example: the rows from four partitions are as expected"
}

# Every `sh` block of a README runs as it stands.
from_readme() {
  awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$1/README.md" >"$work/readme.sh"
  bash -euo pipefail "$work/readme.sh" >"$work/readme.out" 2>&1 || { cat "$work/readme.out"; say "$1/README.md: a command fails"; exit 1; }
  say "$1: the README's commands work"
}

# sent FOLDER: the sinks of examples/delivery got what they should, in any order of groups.
sent() {
  local sink
  for sink in to_file to_topic webhook; do
    LC_ALL=C sort "$1/$sink.jsonl" >"$1/$sink.sorted"
    python3 examples/compare.py examples/delivery/expected/rows.jsonl "$1/$sink.sorted"
  done
  python3 - "$1/slack.jsonl" <<'PY'
import json, sys
wanted = json.load(open("examples/delivery/expected/slack.json", encoding="utf-8"))
got = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
sys.exit(None if got == wanted else "other messages for Slack:\n" + json.dumps(got, indent=2, ensure_ascii=False))
PY
}

# The receiver takes what is signed, and nothing else; the README shows how it knows.
verified() {
  mkdir -p "$work/forged"
  timeout 60 python3 examples/delivery/receiver.py "$work/forged" python3 - <<'PY' || { say "receiver.py takes what is forged"; exit 1; }
import base64, hashlib, hmac, os, time, urllib.error, urllib.request

key = base64.b64decode(os.environ["HOOK_SECRET"].removeprefix("whsec_"))


def answer(body, sent, age_s=0, key=key):
    at = str(int(time.time()) - age_s)
    signed = base64.b64encode(hmac.new(key, b"id." + at.encode() + b"." + sent, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "id", "webhook-timestamp": at, "webhook-signature": "v1,bm8= v1," + signed}
    try:
        return urllib.request.urlopen(urllib.request.Request(os.environ["HOOK_URL"], body, headers)).status
    except urllib.error.HTTPError as error:
        return error.code


assert answer(b"{}", b"{}") == 200
assert answer(b"{ }", b"{}") == 401, "another body"
assert answer(b"{}", b"{}", key=b"guess") == 401, "another secret"
assert answer(b"{}", b"{}", age_s=3600) == 401, "an old one"
readme = open("examples/delivery/README.md", encoding="utf-8").read()
assert readme.split("```python\n")[1].split("```")[0] in open("examples/delivery/receiver.py", encoding="utf-8").read()
PY
  say "examples/delivery: what is forged is refused"
}

# To a receiver, a real topic, a file and a page for Prometheus; then again: nothing is sent twice.
delivery() {
  local example=examples/delivery folder=$work/delivery topic=model-load-$RANDOM end
  .ci/kafka.sh load "$STREAMGAUGE_KAFKA" "$topic" 2 </dev/null
  mkdir -p "$folder"
  sed "s/localhost:9092/$STREAMGAUGE_KAFKA/; s/'model_load'/'$topic'/; s/'model_load_delivered'/'$topic-delivered'/
    s/127.0.0.1:9464/127.0.0.1:0/; s#target/delivery#$folder#" "$example/queries.sql" >"$folder/queries.sql"
  for end in 'events=180 rows=62 ' 'events=0 rows=0 '; do
    timeout 120 python3 "$example/receiver.py" "$folder" "$streamgauge" run "$folder/queries.sql" --state "$folder/state" \
      --input "llm_requests=$example/events.jsonl" </dev/null 2>"$folder/said" \
      || { cat "$folder/said"; say "$example: the run fails"; exit 1; }
    grep -q "^$end" "$folder/said" || { cat "$folder/said"; say "$example: expected '$end'"; exit 1; }
    .ci/kafka.sh read "$STREAMGAUGE_KAFKA" "$topic" >"$folder/to_topic.jsonl"
    sent "$folder"
  done
  say "$example: every sink has each row once, after a second run too"
}

for queries in examples/*/queries.sql .ci/bench/*.sql; do
  "$streamgauge" check "$queries"
done
for example in examples/llm-monitoring examples/azure-trace; do
  from_scripts "$example"
  from_file "$example"
  from_readme "$example"
done
from_readme examples/environments
python3 examples/costs/oracle.py "$work/oracle"
compare examples/costs "$work/oracle"
from_file examples/costs
from_readme examples/costs
from_scripts examples/delivery
from_readme examples/delivery
verified
# Late events make llm-monitoring depend on its partitions; the trace is in order, so its rows do not.
if [ -n "${STREAMGAUGE_KAFKA:-}" ]; then
  from_kafka examples/azure-trace
  delivery
elif [ -n "${STRICT:-}" ]; then
  say "MISSING: Kafka (run under .ci/with-kafka.sh)"
  exit 1
else
  say "SKIPPED: rows from Kafka and to it (run under .ci/with-kafka.sh)"
fi
