#!/usr/bin/env bash
# Builds a real system that Streamgauge works with, once a version, into the cache, and prints the path of its program.
#
#   .ci/neighbours/install.sh collector | jaeger | helm | etcd | kube-apiserver | kubectl | crds
#
# `crds` is a file: the definitions of ServiceMonitor and PrometheusRule, made from the types of Prometheus' operator.
# Needs Go 1.26 or newer; etcd is Debian's package, unpacked (nothing is installed and no service started). The first build of
# each takes from one to fifteen minutes of two cores, all together half an hour, 6 GB of modules and 9 GB of Go's build cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}/neighbours
collector_version=v0.165.0
jaeger_version=v1.76.0
helm_version=v4.3.1
kubernetes_version=v1.36.3 # its libraries are v0.36.3
controller_gen_version=v0.23.0
prometheus_operator_version=v0.95.2

die() { printf 'neighbours: %s\n' "$*" >&2; exit 1; }
PATH=$PATH:/usr/local/go/bin

# kept NAME VERSION BUILD...: NAME of this version; where it is not in the cache, BUILD makes it in a folder of its own.
kept() {
  local program=$cache/$1-$2
  if [ ! -e "$program" ]; then
    command -v go >/dev/null || die "no Go here to build $1 with"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    printf 'neighbours: building %s %s\n' "$1" "$2" >&2
    local started=$SECONDS status
    # Not as a condition: the build is to end at its first failure.
    set +e
    (set -e; cd "$work"; "${@:3}") >"$cache/$1.log" 2>&1
    status=$?
    set -e
    [ $status = 0 ] && [ -s "$work/$1" ] || { tail -20 "$cache/$1.log" >&2; die "cannot build $1: $cache/$1.log"; }
    mv "$work/$1" "$program"
    printf 'neighbours: built %s in %s s\n' "$1" "$((SECONDS - started))" >&2
  fi
  printf '%s\n' "$program"
}

installed() { GOBIN=$work go install "$1"; }

collector() {
  installed "go.opentelemetry.io/collector/cmd/builder@$collector_version"
  sed '/^dist:/a\  output_path: ./build' "$here/collector-build.yaml" >build.yaml
  ./builder --config build.yaml
  mv build/otelcol collector
}

# A tool of the module's own list keeps its replacements out of the way, which `go install` refuses.
jaeger() {
  go mod init neighbours
  go get -tool "github.com/jaegertracing/jaeger/cmd/jaeger@$jaeger_version"
  go build -o jaeger github.com/jaegertracing/jaeger/cmd/jaeger
}

helm() { installed "helm.sh/helm/v4/cmd/helm@$helm_version"; }

crds() {
  local module=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring
  installed "sigs.k8s.io/controller-tools/cmd/controller-gen@$controller_gen_version"
  go mod init neighbours
  printf 'package neighbours\n\nimport _ "%s/v1"\n' "$module" >neighbours.go
  go get "$module@$prometheus_operator_version"
  go mod tidy
  ./controller-gen crd "paths=$module/v1" output:crd:dir=made
  cat made/*_servicemonitors.yaml made/*_prometheusrules.yaml >crds
}

etcd() {
  apt-get -qq download etcd-server
  dpkg-deb -x etcd-server_*.deb root
  mv root/usr/bin/etcd etcd
}

# kubernetes PROGRAM: one of Kubernetes' programs, with the libraries of its release in place of those of its source tree.
kubernetes() {
  local flags=-X\ k8s.io/component-base/version.gitVersion=$kubernetes_version number=${kubernetes_version#v}
  flags+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$number")"
  go mod init neighbours
  cp "$here/$1.go.txt" main.go
  local source library
  source=$(go mod download -json "k8s.io/kubernetes@$kubernetes_version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  go mod edit -require "k8s.io/kubernetes@$kubernetes_version"
  grep -oE '^\s*k8s.io/[a-z0-9-]+ => ./staging' "$source" | awk '{ print $1 }' | while read -r library; do
    go mod edit -replace "$library=$library@v0.${number#*.}"
  done
  go mod tidy
  go build -ldflags "$flags" -o "$1" .
}

case "${1:-}:$#" in
  collector:1) kept collector "$collector_version-$(sha256sum "$here/collector-build.yaml" | cut -c1-8)" collector ;;
  jaeger:1) kept jaeger "$jaeger_version" jaeger ;;
  helm:1) kept helm "$helm_version" helm ;;
  etcd:1) kept etcd debian etcd ;;
  kube-apiserver:1 | kubectl:1) kept "$1" "$kubernetes_version" kubernetes "$1" ;;
  crds:1) kept crds "$prometheus_operator_version" crds ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
