#!/usr/bin/env bash
# The API of a host against its own OpenAPI document: schemathesis sends requests that it draws from the document, with an admin's token.
#
#   api.sh STREAMGAUGE [EXAMPLES]     EXAMPLES: the most for each operation (260: 5,000 requests in 20 minutes)
#
# Fails at an answer of 500 or above other than the 503 that the document describes, and at an answer that the document does not describe: its
# status, its type of content or its schema. /livez and the rest must answer when all is over.
set -euo pipefail
streamgauge=$(readlink -f "$1") examples=${2:-260} version=4.32.5
cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}/neighbours
tools=$cache/schemathesis-$version
if [ ! -x "$tools/bin/schemathesis" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" -q install "schemathesis==$version"
fi
folder=$(mktemp -d)
cd "$folder"
cat >config.toml <<'TOML'
[server]
listen = "127.0.0.1:0"
tokens = "tokens.toml"
[state]
url = "state"
[plugins]
folder = "plugins"
TOML
mkdir plugins
token=$("$streamgauge" token new --name api --scope admin --file tokens.toml | grep -o 'sgt_[A-Za-z0-9_-]*' | head -1 || true)
[ -n "$token" ] || { echo "api: no token" >&2; exit 1; }
"$streamgauge" serve --config config.toml >host.log 2>&1 &
host=$!
trap 'kill "$host" 2>/dev/null || true; wait "$host" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
  address=$(grep -o 'http://127\.0\.0\.1:[0-9]*' host.log | head -1 || true)
  [ -z "$address" ] || break
  sleep 0.1
done
[ -n "$address" ] || { cat host.log >&2; exit 1; }
# The tool's own coverage generator is not safe with several threads.
phase() {
  "$tools/bin/schemathesis" run "$address/openapi.json" -H "Authorization: Bearer $token" --continue-on-failure --max-examples "$examples" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases "$1" --workers "$2" --request-timeout 20 --warnings off
}
status=0
phase coverage 1 || status=$?
phase fuzzing 16 || status=$?
kill -0 "$host" || { echo "api: the host has ended" >&2; tail -20 host.log >&2; exit 1; }
curl -fsS "$address/livez" >/dev/null
exit "$status"
