#!/usr/bin/env bash
# Prints the path of an OCI registry, `docker-registry`: where it is installed, or Debian's package unpacked in the cache
# (nothing is installed and no service started). Fails where it cannot be had.
set -euo pipefail

cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}

if command -v docker-registry >/dev/null; then
  command -v docker-registry
  exit
fi
if [ ! -x "$cache/registry/usr/bin/docker-registry" ]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || exit 1
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/registry.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && timeout 180 apt-get -qq download docker-registry >/dev/null 2>&1) || exit 1
  dpkg-deb -x "$work"/docker-registry_*.deb "$work/root"
  rm -rf "$cache/registry"
  mv "$work/root" "$cache/registry"
fi
printf '%s\n' "$cache/registry/usr/bin/docker-registry"
