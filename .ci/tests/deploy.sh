#!/usr/bin/env bash
# examples/deploy: the rules by promtool, the configurations and queries by the binary, the chart by helm, the unit by systemd, and that
# rules and dashboard name only metrics that there are. .ci/image.sh tests the image.
set -euo pipefail
cd "$(dirname "$0")/../.."

streamgauge=${STREAMGAUGE_BINARY:-target/release/streamgauge}
deploy=examples/deploy
# What a check started ends with this script, also when the check fails.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

say() { echo "deploy: $*"; }
lacks() {
  [ -z "${STRICT:-}" ] || { printf '!!! MISSING: %s\n' "$1"; exit 1; }
  printf '!!! SKIPPED: %s\n' "$1"
}

rules() {
  local tools
  tools=$(.ci/prometheus.sh) || { lacks 'no promtool here, and no Debian package to take it from'; return; }
  "$tools/promtool" check rules "$deploy/prometheus/rules.yaml" >/dev/null
  "$tools/promtool" check config "$deploy/prometheus/prometheus.yaml" >/dev/null
  "$tools/promtool" test rules "$deploy/prometheus/rules.test.yaml" >/dev/null
  say 'each alert fires in its test'
}

# The example has every key, so that it also passes with all of them set.
configurations() {
  local work
  work=$(mktemp -d)
  sed 's/^#\([a-z[]\)/\1/' "$deploy/streamgauge.toml" >"$work/all.toml"
  for file in "$deploy/streamgauge.toml" "$work/all.toml" "$deploy/compose/streamgauge.toml"; do
    env --ignore-environment "$streamgauge" config check --config "$file"
  done
  for key in $("$streamgauge" config show --config "$work/all.toml" | sed '/^\[limits\]/,$d' | sed -n 's/^# \([a-z_]*\) is not set$/\1/p'); do
    say "streamgauge.toml lacks $key"
    exit 1
  done
  rm -r "$work"
  "$streamgauge" check "$deploy"/compose/queries/*.sql
  say 'the configurations and the queries can be used'
}

metrics() {
  python3 - "$deploy" host/src/metrics.rs host/src/server/metrics.rs <<'PY'
import json, re, sys
from pathlib import Path

folder, *sources = sys.argv[1:]
known = set()
for source in sources:
    known |= set(re.findall(r'"((?:streamgauge|process)_[a-z_]+)"', Path(source).read_text(encoding="utf-8")))
dashboard = json.loads(Path(folder, "grafana/streamgauge.json").read_text(encoding="utf-8"))
texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
texts.append(Path(folder, "prometheus/rules.yaml").read_text(encoding="utf-8"))
used = {name for text in texts for name in re.findall(r"\b(?:streamgauge|process)_[a-z_]+", text)}
unknown = {name for name in used if re.sub(r"_(bucket|sum|count)$", "", name) not in known}
sys.exit(f"there are no metrics {sorted(unknown)}" if unknown else None)
PY
  say 'rules and dashboard name only metrics that there are'
}

unit() {
  # It is no part of the set-up: systemd brings it, and machines of a gate often have none.
  command -v systemd-analyze >/dev/null || { STRICT='' lacks 'no systemd-analyze here'; return; }
  local work
  work=$(mktemp -d)
  sed "s#/usr/bin/streamgauge#$(realpath "$streamgauge")#" "$deploy/systemd/streamgauge.service" >"$work/streamgauge.service"
  systemd-analyze verify "$work/streamgauge.service"
  rm -r "$work"
  say 'systemd reads the unit'
}

# A host with a deployment, scraped by a real Prometheus with the rules.
scraped() {
  local tools work host prometheus
  tools=$(.ci/prometheus.sh) || { lacks 'no prometheus here, and no Debian package to take it from'; return; }
  work=$(mktemp -d)
  printf '{"n":1}\n' >"$work/in.jsonl"
  echo "CREATE SOURCE f (n BIGINT) WITH (connector = 'file', path = '$work/in.jsonl', format = 'json'); SELECT n FROM f;" >"$work/numbers.sql"
  STREAMGAUGE_ALLOW_FILE_ROOTS=$work "$streamgauge" serve --listen 127.0.0.1:8421 --state "$work/state" 2>"$work/host.log" &
  host=$!
  export STREAMGAUGE_HOST=http://127.0.0.1:8421
  "$streamgauge" health --wait 30s >/dev/null
  "$streamgauge" deploy "$work/numbers.sql" 2>/dev/null
  curl --silent --fail "$STREAMGAUGE_HOST/metrics" | "$tools/promtool" check metrics
  cat >"$work/prometheus.yaml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ['$PWD/$deploy/prometheus/rules.yaml']
scrape_configs: [{job_name: streamgauge, static_configs: [{targets: ['127.0.0.1:8421']}]}]
YAML
  "$tools/prometheus" --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:9491 2>"$work/prometheus.log" &
  prometheus=$!
  local found=''
  for _ in $(seq 100); do
    found=$(curl --silent --get --data-urlencode 'query=streamgauge_deployment_state{deployment="numbers",state="finished"} == 1' \
      http://127.0.0.1:9491/api/v1/query || true)
    case $found in *'"numbers"'*) break ;; esac
    sleep 0.2
  done
  kill "$host" "$prometheus"
  wait "$host" "$prometheus" || { echo "deploy: the host or Prometheus ended badly: $(tail -3 "$work"/*.log)"; exit 1; }
  case $found in *'"numbers"'*) ;; *) echo "deploy: Prometheus has no state of the deployment: $found"; exit 1 ;; esac
  rm -r "$work"
  unset STREAMGAUGE_HOST
  say 'a real Prometheus scrapes a host, and promtool finds nothing to say about its metrics'
}

rules
scraped
configurations
metrics
unit
# Helm is not part of the set-up: it takes minutes to build.
STRICT='' .ci/chart.sh
