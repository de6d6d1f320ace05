# make demo    from a fresh clone to a first result         make test    everything the tests need, then the tests
# make web     the same load under Locust's web UI          make check   what CI runs: format, lint, types, layers, tests
# make setup   virtual environment and Mosquitto only       make bench   the harness against a C reference
# make brokers the other brokers there are to compare       make fuzz    what hostile peers may send, see docs/fuzzing.md
# make bench-fleet  100,000 charge points that rest, 50,000 that all come back at once, in 7 minutes

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo web setup brokers test check format lint types layers bench bench-fleet fuzz lock schema clean
.DEFAULT_GOAL := demo

demo: setup
	$(BIN)/loadtest run steady --charge-points 2000 --duration 30s

web: setup
	$(BIN)/loadtest web steady

setup: $(VENV)/.broker $(VENV)/.installed

# Each step leaves a stamp, so that a second call is instant.
$(VENV)/.created: .ci/venv
	@.ci/venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created requirements.lock pyproject.toml
	@echo "installing the pinned dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.broker: $(VENV)/.created .ci/broker
	@.ci/broker
	@touch $@

# What --broker can start beside Mosquitto; what cannot be had is named. Aedes is one of npm's, the others are Debian's.
brokers: setup $(VENV)/.brokers
	@$(BIN)/loadtest doctor

$(VENV)/.brokers: $(VENV)/.created .ci/brokers .ci/aedes
	@.ci/brokers
	@.ci/aedes $(VENV) || echo "going on without Aedes" >&2
	@touch $@

# Tools only some tests need: the C reference and a browser for the report. Those tests are skipped without them.
$(VENV)/.test-tools: $(VENV)/.created .ci/test-tools
	@.ci/test-tools
	@touch $@

# Most tests wait for servers and timeouts, so three at a time, and whoever is done takes over; what holds times to
# tight bounds comes by itself. Most run real servers, on machines that may be busy with other things: what fails is
# tried once more with nothing beside it, in plain sight, and what fails twice is broken.
AGAIN := --last-failed --last-failed-no-failures none

test: setup $(VENV)/.brokers $(VENV)/.test-tools
	$(BIN)/pytest -n 3 --dist worksteal -m "not alone" || $(BIN)/pytest $(AGAIN) -m "not alone"
	$(BIN)/pytest -m alone || $(BIN)/pytest $(AGAIN) -m alone

check: setup lint types layers test

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

bench: setup
	@command -v gcc >/dev/null || .ci/install gcc libc6-dev
	$(BIN)/python tests/bench/run.py

bench-fleet: setup
	$(BIN)/python tests/bench/large_fleets.py

# The published schemas follow from the code: those of run.json and comparison.json, and of OCPP in Protocol Buffers.
schema: setup
	$(BIN)/python -m loadtest.measure.run_schema > docs/run.schema.json
	$(BIN)/python -m loadtest.measure.comparison_schema > docs/comparison.schema.json
	$(BIN)/python -m loadtest.protocol.proto_schema > loadtest/protocol/ocpp16.proto
	$(BIN)/python -m grpc_tools.protoc -I loadtest/protocol --descriptor_set_out=loadtest/protocol/ocpp16.desc ocpp16.proto

# In an environment of its own, so that nothing tried out by hand slips in.
lock:
	rm -rf build/lock && .ci/venv build/lock
	build/lock/bin/python -m pip install --quiet "setuptools>=77" -e ".[dev]"
	{ sed -n '/^#/p' requirements.lock; \
	  build/lock/bin/python -m pip freeze --all --exclude-editable | grep -v -i '^pip=='; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

# Coverage-guided, FUZZ_SECONDS for each target; see docs/fuzzing.md. In an environment of its own: atheris is no
# dependency, and has no build for every Python.
FUZZ_SECONDS := 60

fuzz: build/fuzz/.installed
	build/fuzz/venv/bin/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

build/fuzz/.installed: .ci/venv requirements.lock pyproject.toml
	@.ci/venv build/fuzz/venv
	@build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	@build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check atheris
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
