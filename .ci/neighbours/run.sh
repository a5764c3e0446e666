#!/usr/bin/env bash
# Streamgauge beside the real systems that are too heavy for the gate: `make neighbours`.
#
#   .ci/neighbours/run.sh             all of them
#   .ci/neighbours/run.sh traces      the OpenTelemetry Collector and Jaeger, with a real Kafka
#   .ci/neighbours/run.sh kubernetes  the chart against a real API server
#   .ci/neighbours/run.sh api         the host's API against its OpenAPI document, by schemathesis
#
# Builds what is missing (install.sh). Nothing is skipped: what cannot be had fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=.ci/neighbours
python=${STREAMGAUGE_PYTHON:-${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}/python/bin/python}
streamgauge=${STREAMGAUGE_BINARY:-target/release/streamgauge}

traces() {
  local collector jaeger
  collector=$($here/install.sh collector)
  jaeger=$($here/install.sh jaeger)
  .ci/with-kafka.sh "$python" $here/traces.py "$streamgauge" "$collector" "$jaeger"
}

# In a network of its own: the ports are free there, and the address that the API server wants is nobody's.
kubernetes() {
  local name
  for name in etcd kube-apiserver kubectl helm crds; do
    printf -v "${name//-/_}" '%s' "$($here/install.sh "$name")"
  done
  # shellcheck disable=SC2154
  etcd=$etcd kube_apiserver=$kube_apiserver kubectl=$kubectl helm=$helm crds=$crds \
    unshare --net --map-root-user $here/kubernetes.sh
  HELM=$helm STRICT=1 .ci/chart.sh
}

api() { $here/api.sh "$streamgauge"; }

case "${1:-all}" in
  all) traces; kubernetes; api ;;
  traces | kubernetes | api) "$1" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
