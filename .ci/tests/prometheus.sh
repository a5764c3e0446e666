#!/usr/bin/env bash
# What the sink `prometheus` serves is read by Prometheus' own linter, whatever the columns are called, and scraped by the
# real Prometheus.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! tools=$(.ci/prometheus.sh); then
  why='no promtool here, and no Debian package to take it from'
  [ -z "${STRICT:-}" ] || { printf '!!! MISSING: %s\n' "$why"; exit 1; }
  printf '!!! SKIPPED: %s\n' "$why"
  exit
fi
said=$(STREAMGAUGE_PROMTOOL=$tools/promtool "${CARGO:-cargo}" test --release --workspace --test component \
  -- --exact sink::promtool_finds_nothing_wrong_with_a_page 2>&1) || { printf '%s\n' "$said"; exit 1; }
grep -q ' 1 passed' <<<"$said" || { printf '%s\n' "$said" 'the test is not there'; exit 1; }
printf 'promtool finds nothing wrong with a page of the sink prometheus\n'
.ci/tests/scrape.py target/release/streamgauge "$tools/prometheus"
