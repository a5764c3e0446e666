#!/usr/bin/env bash
# Prints the folder that has `prometheus` and `promtool`: where they are installed, or Debian's package unpacked in the
# cache (nothing is installed and no service started). Fails where they cannot be had.
set -euo pipefail

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}

if command -v promtool >/dev/null && command -v prometheus >/dev/null; then
  dirname "$(command -v promtool)"
  exit
fi
if [ ! -x "$cache/prometheus/usr/bin/promtool" ]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || exit 1
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/prometheus.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && timeout 180 apt-get -qq download prometheus >/dev/null 2>&1) || exit 1
  dpkg-deb -x "$work"/prometheus_*.deb "$work/root"
  rm -rf "$cache/prometheus"
  mv "$work/root" "$cache/prometheus"
fi
printf '%s\n' "$cache/prometheus/usr/bin"
