#!/usr/bin/env bash
# What the chart renders, tried by a real API server without a cluster: each object is applied as a dry run, with the definitions of
# Prometheus' operator, and its pods are let into a namespace with the policy `restricted`. run.sh starts this in a network of its own, and
# names the programs: etcd, kube_apiserver, kubectl, helm, crds.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC2154
: "$etcd" "$kube_apiserver" "$kubectl" "$helm" "$crds"

chart=examples/deploy/chart
work=$(mktemp -d)
children=()
finish() {
  # What they keep is thrown away, and an API server without its etcd takes minutes to end by itself.
  for child in "${children[@]}"; do kill -KILL "$child" 2>/dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
die() { printf 'kubernetes: %s\n' "$*" >&2; exit 1; }
say() { printf 'kubernetes: %s\n' "$*"; }

export HOME=$work KUBECONFIG=$work/kubeconfig
export HELM_CONFIG_HOME=$work/helm/config HELM_CACHE_HOME=$work/helm/cache HELM_DATA_HOME=$work/helm/data

ip link set lo up
# The server wants an address to tell others; nobody uses it.
ip addr add 10.9.9.9/32 dev lo

start_server() {
  "$etcd" --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 >"$work/etcd.log" 2>&1 &
  children+=($!)
  openssl genrsa -out "$work/sa.key" 2048 2>/dev/null
  echo 'admin-token,admin,admin,"system:masters"' >"$work/tokens.csv"
  "$kube_apiserver" --etcd-servers=http://127.0.0.1:12379 --bind-address=127.0.0.1 --advertise-address=10.9.9.9 --secure-port=16443 \
    --cert-dir="$work/certs" --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$work/sa.key" \
    --service-account-signing-key-file="$work/sa.key" --authorization-mode=RBAC --token-auth-file="$work/tokens.csv" \
    --service-cluster-ip-range=10.0.0.0/24 --endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount --allow-privileged=true \
    >"$work/apiserver.log" 2>&1 &
  children+=($!)
  cat >"$KUBECONFIG" <<'YAML'
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: https://127.0.0.1:16443, insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin-token}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
current-context: here
YAML
  local deadline=$((SECONDS + 120))
  until "$kubectl" get --raw /readyz >/dev/null 2>&1; do
    kill -0 "${children[-1]}" 2>/dev/null || { tail -20 "$work/apiserver.log" >&2; die 'the API server has ended'; }
    [ $SECONDS -lt $deadline ] || { tail -20 "$work/apiserver.log" >&2; die 'the API server is not ready after 120 s'; }
    read -rt 0.2 <> <(:) || true
  done
}

# applied FILE: the server takes each object, and warns of nothing.
applied() {
  "$kubectl" apply --dry-run=server --namespace streaming -f "$1" >"$work/said" 2>&1 || { cat "$work/said" >&2; die "$1 is refused"; }
  ! grep -i '^warning' "$work/said" || die "the server warns of $1"
  say "$(basename "$1"): $(wc -l <"$work/said") objects are taken"
}

start_server
say "the server is $("$kubectl" get --raw /version | sed -n 's/.*"gitVersion": "\(.*\)".*/\1/p')"
"$kubectl" apply --server-side -f "$crds" >/dev/null
"$kubectl" wait --for condition=established --timeout 60s crd --all >/dev/null
"$kubectl" create namespace streaming >/dev/null
"$kubectl" label namespace streaming pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted >/dev/null

for rendered in $chart/golden/default.yaml $chart/golden/full.yaml; do applied "$rendered"; done

# The pod of the StatefulSet is let in, and one with a right more is not: the policy is at work.
"$kubectl" apply --dry-run=server --namespace streaming -f $chart/golden/default.yaml -o json >"$work/objects.json"
python3 - "$work/objects.json" "$work" <<'PY'
import copy, json, sys
from pathlib import Path

objects = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["items"]
[stateful] = [one for one in objects if one["kind"] == "StatefulSet"]
template = stateful["spec"]["template"]
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
known = {volume["name"] for volume in pod["spec"].get("volumes", [])}
for claim in stateful["spec"].get("volumeClaimTemplates", []):
    if claim["metadata"]["name"] not in known:
        pod["spec"].setdefault("volumes", []).append({"name": claim["metadata"]["name"], "emptyDir": {}})
Path(sys.argv[2], "pod.json").write_text(json.dumps(pod), encoding="utf-8")
worse = copy.deepcopy(pod)
worse["spec"]["containers"][0].setdefault("securityContext", {})["privileged"] = True
worse["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
Path(sys.argv[2], "worse.json").write_text(json.dumps(worse), encoding="utf-8")
PY
applied "$work/pod.json"
if "$kubectl" apply --dry-run=server --namespace streaming -f "$work/worse.json" >"$work/said" 2>&1; then die 'a privileged pod is let in'; fi
grep -q 'violates PodSecurity "restricted' "$work/said" || { cat "$work/said" >&2; die 'a privileged pod is refused for something else'; }
say 'the policy `restricted` lets the pod in, and a privileged one not'

# A release as helm makes it: installed, changed, rolled back, removed. No pod runs here, so nothing is waited for.
for values in default full; do
  "$helm" install "gauge-$values" $chart/streamgauge --namespace streaming --values "$chart/golden/$values.values.yaml" >/dev/null
  "$helm" upgrade "gauge-$values" $chart/streamgauge --namespace streaming --values "$chart/golden/$values.values.yaml" \
    --set podAnnotations.changed=yes >/dev/null
  "$helm" rollback "gauge-$values" 1 --namespace streaming >/dev/null
  "$kubectl" get --namespace streaming statefulset,service,configmap,networkpolicy -o name | grep -q . || die 'the release has no objects'
  "$helm" uninstall "gauge-$values" --namespace streaming >/dev/null
done
say 'helm installs, upgrades, rolls back and uninstalls both releases'
