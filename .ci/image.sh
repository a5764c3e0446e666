#!/usr/bin/env bash
# Builds the container image from the binary that `make build` made, and tests it.
#
#   .ci/image.sh             builds, tests, and removes the image
#   .ci/image.sh --keep TAR  also saves the image, as `podman load` and `docker load` take it
#
# The base is made with mmdebstrap, because no image registry is needed for it then. The image runs as user 65532 with a read-only root, a
# volume and no capabilities: it becomes ready, a query file is deployed, its rows are shown, it is changed, the container is killed and started
# again, the deployment is back, and SIGTERM ends it with 0. STREAMGAUGE_BINARY names another binary than target/release/streamgauge.
#
# Fails where no container can run, unless STREAMGAUGE_ALLOW_SKIP=1; with STRICT=1 it fails in any case where its tools cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

size_mib_max=70
ready_s_max=60
cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}
base=$cache/debian-bookworm-1.tar
image=localhost/streamgauge:test
name=streamgauge-image-$$

say() { printf 'image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
skip() {
  printf '!!! SKIPPED: the image is not tested: %s\n' "$1"
  [ "${STREAMGAUGE_ALLOW_SKIP:-}" = 1 ] || die 'STREAMGAUGE_ALLOW_SKIP=1 lets this pass'
  exit 0
}
lacks() {
  [ -z "${STRICT:-}" ] || die "$1"
  skip "$1"
}

keep=
case "${1:-}" in
  '') ;;
  --keep) keep=$(realpath -m "${2:?--keep needs a file}") ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
# The query reads a topic: a broker runs as long as this script.
[ -n "${STREAMGAUGE_KAFKA:-}" ] || exec .ci/with-kafka.sh "$0" "$@"

tools() {
  local tool
  local -a missing=()
  for tool in buildah podman runc mmdebstrap; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || lacks "install ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get -q update >/dev/null || say 'WARNING: apt-get update failed in part'
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" >/dev/null \
    || lacks "apt-get cannot install ${missing[*]}"
}

# What the Dockerfile's stage `root` would install is there, so that it downloads nothing.
debian() {
  [ ! -e "$base" ] || return 0
  say 'making a Debian base'
  mkdir -p "$cache"
  mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,libssl3,zlib1g,libgcc-s1 bookworm "$work/base.tar" >&2
  mv "$work/base.tar" "$base"
}

# All that is stored is in the work folder: nothing is left in the machine's own storage.
storage() { printf '%s\n' --root "$work/storage" --runroot "$work/run" --storage-driver vfs; }

pod() { podman "${storage[@]}" --runtime runc --cgroup-manager cgroupfs "$@" 2> >(grep -v 'systemd' >&2); }

# No more is given to the container than the README of examples/deploy says.
run() {
  pod run --detach --name "$name" --network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    --read-only --read-only-tmpfs=false --user 65532:65532 --cap-drop all --security-opt no-new-privileges \
    --volume "$name:/var/lib/streamgauge" --volume "$work/queries:/queries:ro" \
    --env "STREAMGAUGE_HOST=http://127.0.0.1:$port" "$image" serve --listen "127.0.0.1:$port" >/dev/null
}

ask() { curl --silent --show-error --fail --max-time 10 "http://127.0.0.1:$port$1"; }

logs() { pod logs "$name" >&2 || true; }

# The words of the page, once it answers with 200.
ready() {
  local since=$SECONDS
  until ask /readyz >/dev/null 2>&1; do
    if [ "$(pod inspect --format '{{.State.Running}}' "$name")" != true ]; then logs; die 'the host has ended'; fi
    if [ $((SECONDS - since)) -ge $ready_s_max ]; then
      logs
      die "not ready within $ready_s_max s: $(curl --silent --max-time 10 "http://127.0.0.1:$port/readyz")"
    fi
    sleep 0.1
  done
}

# has TEXT WHERE: TEXT stands in what standard input has.
has() {
  local page
  page=$(cat)
  grep -qE "$1" <<<"$page" || { printf '%s\n' "$page" >&2; logs; die "$2 lacks $1"; }
}

# deployed VERSION
deployed() {
  ready
  pod exec "$name" /usr/bin/streamgauge list | has "^requests +running +$1 " 'the list of deployments'
  ask /metrics | has '^streamgauge_deployment_state\{deployment="requests",state="running"\} 1$' /metrics
}

tools
work=$(mktemp -d "${TMPDIR:-/tmp}/streamgauge-image.XXXXXX")
mapfile -t storage < <(storage)
finish() {
  pod rm --force --volumes "$name" >/dev/null 2>&1 || true
  pod volume rm --force "$name" >/dev/null 2>&1 || true
  rm -rf "$work" target/image
}
trap finish EXIT
trap 'exit 130' INT TERM

debian
.ci/pack.sh target/image
podman "${storage[@]}" import --quiet "$base" localhost/debian:bookworm >/dev/null
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The format of OCI has no place for HEALTHCHECK.
buildah "${storage[@]}" bud --quiet --isolation chroot --format docker --target runtime-from-binary \
  --build-arg DEBIAN=localhost/debian:bookworm --build-arg "REVISION=$revision" --tag "$image" . >/dev/null
bytes=$(pod image inspect --format '{{.Size}}' "$image")
say "the image has $((bytes / 1048576)).$((bytes % 1048576 * 10 / 1048576)) MiB"
[ "$bytes" -lt $((size_mib_max * 1048576)) ] || die "it must have less than $size_mib_max MiB"
pod run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$image" --version >"$work/version" 2>"$work/said" \
  || { cat "$work/said" >&2; skip 'no container runs here'; }
say "$(cat "$work/version") runs in it"

topic=image-$$
printf '{"model":"m","latency_ms":%d.0,"ts":"2026-01-01T00:0%d:00Z"}\n' 1 0 3 0 9 2 | .ci/kafka.sh load "$STREAMGAUGE_KAFKA" "$topic" 1
mkdir "$work/queries"
cat >"$work/queries/requests.sql" <<SQL
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = '$STREAMGAUGE_KAFKA', topic = '$topic', format = 'json', start = 'earliest');

CREATE VIEW latency AS
SELECT window_end, model, avg(latency_ms) AS avg_ms FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
SELECT * FROM latency;
SQL
sed 's/window_end, model;$/window_end, model HAVING avg(latency_ms) > 1;/' "$work/queries/requests.sql" >"$work/queries/changed.sql"
chmod 0755 "$work"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# Variables of this machine's shell have nothing to do with the container.
run
ready
pod exec "$name" /usr/bin/streamgauge deploy --wait /queries/requests.sql
deployed 1
say 'it runs as 65532 with a read-only root, and a query file is deployed'
# The way of a new user: see rows, change the query, see what that does to the state.
row='"window_end":"2026-01-01T00:01:00.000Z","model":"m","avg_ms":2.0'
pod exec "$name" /usr/bin/streamgauge tail requests.select_1 --rows 1 --no-follow --json | has "$row" 'the rows'
pod exec "$name" /usr/bin/streamgauge deploy --plan --name requests /queries/changed.sql | has 'keep|kept' 'the plan'
pod exec "$name" /usr/bin/streamgauge deploy --wait --name requests /queries/changed.sql
deployed 2
pod exec "$name" /usr/bin/streamgauge show requests --json | has 'HAVING avg' 'the text of the deployment'
say 'its rows are shown, and a changed query keeps its state'
if pod exec "$name" /usr/bin/streamgauge health --help >/dev/null 2>&1; then
  pod healthcheck run "$name" || { logs; die 'the health check fails'; }
  say 'the health check passes'
else
  printf '!!! SKIPPED: the binary has no `health`\n'
fi

pod kill --signal KILL "$name" >/dev/null
pod wait "$name" >/dev/null
pod start "$name" >/dev/null
deployed 2
say 'after a kill the deployment is back'

since=$(date +%s%N)
pod stop --time 60 "$name" >/dev/null
status=$(pod inspect --format '{{.State.ExitCode}}' "$name")
[ "$status" = 0 ] || { logs; die "SIGTERM ends it with $status"; }
say "SIGTERM ended it with 0 after $((($(date +%s%N) - since) / 1000000)) ms"
[ -z "$keep" ] || pod save --quiet --output "$keep" "$image"
