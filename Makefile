# The one entry point: `make` alone lists what there is. CI runs the same targets, by .ci/run.

CARGO ?= cargo
# Kills of `make crash` and `make crash-tail`.
ROUNDS ?= 50
# How long each load of `make soak` lasts.
MINUTES ?= 10
# Cases of `make crash-seeds`.
SEEDS ?= 3000
# Of `make fuzz`.
FUZZ_MINUTES ?= 60
# What bench-fleet is told: all of it into the document, or less of everything and only shown.
FLEET = $(if $(findstring --quick,$(SCALE)),--records 20000 --traces 2000 --questions 200 --seconds 5,--output docs/benchmarks.md)
.DEFAULT_GOAL := help
.PHONY: help demo build release tools test test-scale clients crash crash-tail crash-seeds soak fuzz bench bench-lines bench-scale bench-fleet fmt fmt-check lint deny

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## build, run a sidecar, send it a shop's traffic, show the errors of a failing trace
	$(CARGO) run --bin spandrel -- demo --embedded

build: ## the binary, with debug assertions: target/debug/spandrel
	$(CARGO) build --bin spandrel

release: ## the binary, optimised: target/release/spandrel
	$(CARGO) build --release --locked --bin spandrel

tools: ## the optimised binary and target/release/spandrel-bench: load, benchmarks, replay, crash harness
	$(CARGO) build --release --locked --workspace --bins

test: ## the whole suite: Rust tests, then real OpenTelemetry clients in Python and Node
	.ci/packages
	$(CARGO) test --workspace --locked
	SPANDREL_BINARY="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/spandrel" tests/clients/run.sh

test-scale: tools ## fleets: all recorded incidents and the demo shop over 15 sidecars, faults, then 1, 15, 100 and 500 measured
	SPANDREL_FLEET_CASES=all $(CARGO) test --locked --test trainticket --test federation -- --nocapture
	target/release/spandrel-bench fleet $(FLEET)

clients: ## only the Python and Node clients against the real binary
	tests/clients/run.sh

.PHONY: test-clients
test-clients: ## logcli, loki-canary, Jaeger's definitions over gRPC and an OpenMetrics reader against the real binary; builds them once
	tests/grafana-clients/run.sh

crash: tools ## kill -9 under load, fifty times, then torn and flipped journals, a full disk
	target/release/spandrel-bench crash --rounds $(ROUNDS)
	$(CARGO) test --locked --test damage -- --nocapture

crash-tail: tools ## kill -9 while files are followed that are rotated, fifty times
	target/release/spandrel-bench crash-tail --rounds $(ROUNDS)

crash-seeds: ## random work on a disk that fails, tears and loses power, against a model; SEEDS=3000
	SPANDREL_CRASH_SEEDS=$(SEEDS) $(CARGO) test --locked -p spandrel-store --lib crashes -- --nocapture

soak: tools ## more than it can take, for ten minutes each: a shop, one huge trace, 10,000 attribute keys
	target/release/spandrel-bench overload --minutes $(MINUTES)

fuzz: ## mutations of what senders write, for every reader of lines and bodies; FUZZ_MINUTES=60
	FUZZ_MINUTES=$(FUZZ_MINUTES) $(CARGO) test --locked -p spandrel-collector --lib fuzz -- --nocapture

bench: tools ## measure, and write the table into docs/benchmarks.md (optimised build, several minutes)
	target/release/spandrel-bench run --output docs/benchmarks.md

bench-lines: tools ## what a line of a log costs, and file tail, into docs/benchmarks.md; compares parsers of JSON
	$(CARGO) build --release --locked --manifest-path bench/parsers/Cargo.toml --target-dir target/parsers
	target/release/spandrel-bench lines --parsers target/parsers/release/parsers --output docs/benchmarks.md

bench-scale: tools ## how each figure grows with the work, into docs/benchmarks.md; SCALE=--quick to try it out
	target/release/spandrel-bench scale $(if $(findstring --quick,$(SCALE)),,--output docs/benchmarks.md) $(SCALE)

bench-fleet: tools ## only the figures of test-scale, into docs/benchmarks.md; SCALE=--quick to try it out
	target/release/spandrel-bench fleet $(FLEET)

fmt: ## format all Rust files
	$(CARGO) fmt --all

fmt-check: ## fail where `make fmt` would change something
	$(CARGO) fmt --all --check

lint: ## clippy over all targets, warnings are errors; cargo-deny where it is installed
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(MAKE) --no-print-directory deny; \
	else echo 'cargo-deny is not installed: licences and bans not checked (cargo install cargo-deny --locked)'; fi

deny: ## licences, bans and sources of all dependencies; advisories where their database can be reached
	$(CARGO) deny check --hide-inclusion-graph licenses bans sources
	@if timeout 15 git ls-remote --quiet --exit-code https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; \
	then $(CARGO) deny check --hide-inclusion-graph advisories; else echo 'advisories not checked: their database cannot be reached'; fi
