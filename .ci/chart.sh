#!/usr/bin/env bash
# Lints the Helm chart, and compares what it renders with the golden files.
#
#   .ci/chart.sh            compares
#   .ci/chart.sh --update   rewrites the golden files; read the difference before you commit it
#
# Needs helm 4, which `go install helm.sh/helm/v4/cmd/helm@v4.3.1` builds in some minutes: too long for the gate. Where it is missing,
# this says so and exits with 0, or with 1 if STRICT is set.
set -euo pipefail
cd "$(dirname "$0")/../examples/deploy/chart"

case "${1:-}" in
  '' | --update) ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
if ! helm=$(command -v "${HELM:-helm}"); then
  why='no helm here: go install helm.sh/helm/v4/cmd/helm@v4.3.1'
  [ -z "${STRICT:-}" ] || { printf '!!! MISSING: %s\n' "$why"; exit 1; }
  printf '!!! SKIPPED: %s\n' "$why"
  exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of the user's own settings, and no cluster.
export HELM_CONFIG_HOME=$work/config HELM_CACHE_HOME=$work/cache HELM_DATA_HOME=$work/data KUBECONFIG=/dev/null

render() { "$helm" template gauge streamgauge --namespace streaming --kube-version 1.31.0 --values "$1"; }

# refused WORDS OPTIONS...: values that cannot be used are refused, and the message says why.
refused() {
  local words=$1
  shift
  if "$helm" template gauge streamgauge "$@" >"$work/said" 2>&1; then echo "chart: '$*' is not refused"; exit 1; fi
  grep -q "$words" "$work/said" || { cat "$work/said"; echo "chart: '$*' is refused without saying '$words'"; exit 1; }
}

for values in golden/*.values.yaml; do
  name=$(basename "$values" .values.yaml)
  "$helm" lint --strict --quiet streamgauge --values "$values" || { echo "chart: lint finds mistakes with $values"; exit 1; }
  render "$values" >"$work/$name.yaml"
  [ "${1:-}" != --update ] || cp "$work/$name.yaml" "golden/$name.yaml"
  diff -u "golden/$name.yaml" "$work/$name.yaml" || { echo "chart: $name renders otherwise (.ci/chart.sh --update)"; exit 1; }
done
refused 'set server.tokensSecret' --set networkPolicy.enabled=false
refused 'exclude each other' --set queriesConfigMap=x --set-string queries.a=b
refused 'additional properties' --set replicas=2
refused 'Not_A_Name' --set-string queries.Not_A_Name=b
refused 'port' --set server.port=80
"$helm" package streamgauge --destination "$work" >/dev/null
tar -xOf "$work"/streamgauge-*.tgz streamgauge/files/rules.yaml | cmp - ../prometheus/rules.yaml \
  || { echo 'chart: a package has other rules'; exit 1; }
echo "chart: lint, $(ls golden/*.values.yaml | wc -l) golden files, refusals and the package are as expected"
