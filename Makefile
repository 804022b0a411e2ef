# make run    sets everything up in .venv and runs the Mount Fuji experiment to its report
# make test   sets everything up and passes the tests (under 20 minutes on two cores)
# make check  formatting, lint, types, direction of imports
#
# Before a release, after make test:
# make test-long   the tests that take longer: broad simulations of the statistics, peak memory on real
#                  weights (marker `long`; docs/contributing.md says what belongs there)
#
# make audit     known vulnerabilities of what is pinned (asks the package index)
# make sbom      sbom.json: what an installation consists of (CycloneDX)
# make torture     runs that are killed or denied a write, resumed, and compared with one that was not
# make fuzz SECONDS=3600  every pattern on a million characters, then changed and hostile files to every
#                  reader of strangers' text
#
# make test ARGS="--durations 40" also prints the 40 slowest tests. ARGS works for test-long too.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# One process per core, each with whole files: what a file sets up is set up once.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

SECONDS ?= 600

.PHONY: run test test-long torture fuzz audit sbom check setup setup-dev clean

run: setup
	$(BIN)/factlab run mount_fuji

test: setup-dev
	$(PYTEST) -m "not long" $(ARGS)

test-long: setup-dev
	$(PYTEST) -m long $(ARGS)

torture: setup-dev
	$(BIN)/python tests/torture.py --kills 200 --errors 200 $(ARGS)

fuzz: setup-dev
	$(BIN)/python tests/fuzz/patterns.py
	$(BIN)/python tests/fuzz/readers.py --seconds $(SECONDS)

audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit -r constraints.txt --no-deps --disable-pip

sbom: setup $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml \
	  --output-reproducible -o sbom.json
	@echo "wrote sbom.json"

check: setup-dev
	$(BIN)/ruff format --check factlab tests benchmarks
	$(BIN)/ruff check factlab tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "factlab needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 run"; exit 2; }
	@echo "setting up $(VENV) (once; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) -e '.[dev]'
	@touch $@

# Apart from what is audited.
$(TOOLS)/.installed: Makefile
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $@

clean:
	rm -rf $(VENV) $(TOOLS) sbom.json build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
