#!/usr/bin/env bash
# Brings a bare Debian-like machine with Rust to where Streamgauge builds, and with `tests` to where the gate runs.
#
#   .ci/setup.sh build    C compiler, make, OpenSSL and zlib (for librdkafka); the wasm32 target
#   .ci/setup.sh tests    also: clippy, rustfmt, Java, Maven, Apache Kafka, Prometheus, an OCI registry, DuckDB, cargo-deny, moto, confluent-kafka,
#                         and what builds plugins: zig, Go, Node.js with the builders of JavaScript and TypeScript, componentize-py
#
# Only what is missing is installed; when nothing is, this takes a fraction of a second. Where it may not install, it
# says what to install.
set -euo pipefail
cd "$(dirname "$0")"

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}
rust_min=1.95

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

has() { command -v "$1" >/dev/null; }
has_library() { has pkg-config && pkg-config --exists "$1"; }
has_venv() { has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; }

check_rust() {
  has cargo || die "Rust is missing: install $rust_min or newer from https://rustup.rs, then run this again"
  local version
  version=$(rustc --version | cut -d' ' -f2)
  [ "$(printf '%s\n' "$rust_min" "$version" | sort -V | head -1)" = "$rust_min" ] \
    || die "Rust $version is too old: run 'rustup update stable' ($rust_min or newer is needed)"
}

# The packages, in Debian's words, of what is missing for step $1.
missing_packages() {
  has c++ && has cc || echo g++
  has make || echo make
  has pkg-config || echo pkg-config
  has_library openssl || echo libssl-dev
  has_library zlib || echo zlib1g-dev
  [ "$1" = tests ] || return 0
  has java || echo openjdk-17-jre-headless
  has mvn || echo maven
  has_venv || echo python3-venv
  has node || echo nodejs
  has npm || echo npm
  has curl || echo curl
  has openssl || echo openssl
}

install_missing() {
  local -a packages sudo=()
  mapfile -t packages < <(missing_packages "$1")
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    has sudo && sudo -n true 2>/dev/null && sudo=(sudo -n)
  fi
  if ! has apt-get || { [ "$(id -u)" != 0 ] && [ ${#sudo[@]} = 0 ]; }; then
    die "install these first (Debian's names), then run this again: ${packages[*]}"
  fi
  say "installing ${packages[*]}"
  "${sudo[@]}" apt-get -q update >/dev/null || say "WARNING: apt-get update failed in part"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}" >/dev/null \
    || die "apt-get could not install ${packages[*]}"
}

add_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  say "adding $2"
  { has rustup && timeout 180 rustup component add "$2" >/dev/null 2>&1; } \
    || say "WARNING: no $2 here ('rustup component add $2' failed): make check skips 'cargo $1', make ci fails"
}

# A virtual environment of our own, named by what is in it and the Python that runs it.
python_tools() {
  local key venv
  key=$( { cat requirements.txt; python3 -VV; } | sha256sum | cut -c1-16)
  venv=$cache/python-$key
  if [ ! -e "$venv/complete" ]; then
    say "installing $(sed -E 's/ *#.*//' requirements.txt | grep . | paste -sd' ')"
    rm -rf "$venv"
    mkdir -p "$cache"
    python3 -m venv "$venv"
    sed -E 's/ *#.*//' requirements.txt | grep . | while read -r package; do
      # One at a time: where one cannot be had, the other still serves.
      "$venv/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: "$package" >&2 \
        || say "WARNING: pip cannot install $package: make check skips what needs it, make ci fails"
    done
    "$venv/bin/python" -c 'import duckdb' 2>/dev/null && touch "$venv/complete"
  fi
  ln -sfn "$venv" "$cache/python"
}

# The packages of npm, named by what is in them and the Node.js that runs them. Their scripts are not run.
node_tools() {
  local key folder
  key=$( { cat node/package-lock.json; node --version; } | sha256sum | cut -c1-16)
  folder=$cache/node-$key
  if [ ! -e "$folder/complete" ]; then
    say "installing componentize-qjs and typescript"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp node/package.json node/package-lock.json "$folder"
    if npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent >&2; then
      touch "$folder/complete"
    else
      say 'WARNING: npm cannot install componentize-qjs and typescript: make check skips what needs them, make ci fails'
    fi
  fi
  ln -sfn "$folder" "$cache/node"
}

case "${1:-}" in
  build | tests) ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
check_rust
install_missing "$1"
./wasm-target.sh
[ "$1" = tests ] || exit 0
add_component clippy clippy
add_component fmt rustfmt
python_tools
node_tools
./prometheus.sh >/dev/null || say 'WARNING: no Prometheus can be had here: make check skips what needs it, make ci fails'
./registry.sh >/dev/null || say 'WARNING: no OCI registry can be had here: make check skips what needs it, make ci fails'
./kafka.sh fetch
