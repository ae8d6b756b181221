# make demo | test | check | bench | bench-full | clean. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: help demo test check unit browser servers bench bench-full soak clean fuzz sbom

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Build the demo catalogue if it is missing and serve it on http://localhost:8080
	@$(BIN)/python -m clip_branches.serve --demo

test: $(VENV)/.development browser servers ## Run every test
	@$(BIN)/python -m pytest

unit: $(VENV)/.development ## Run the unit tests alone
	@$(BIN)/python -m pytest -q -n logical --dist worksteal tests/unit

fuzz: $(VENV)/.development ## A million altered files and queries, and 200,000 requests of each service: hours
	@FUZZ_CASES=100 $(BIN)/python -m pytest -q --timeout 80000 tests/pipeline/test_formats_fuzzed.py tests/services/test_openapi_fuzzed.py

check: $(VENV)/.development ## Lint, check types and check the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -c pyproject.toml -r clip_branches preprocessing search_service data_service web_service checks
	@$(BIN)/python -m checks.audit

sbom: $(VENV)/.development ## Write what the images hold, as CycloneDX: build/sbom.json
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json
	@echo "build/sbom.json"

bench: $(VENV)/.development ## Measure quality and speed, a small size in minutes
	@$(BIN)/python -m benchmarks.feedback --size small
	@$(BIN)/python -m benchmarks.engine --rows 1e6

bench-full: $(VENV)/.development ## The same on every query, user and round: hours
	@$(BIN)/python -m benchmarks.feedback --size full
	@$(BIN)/python -m benchmarks.engine --rows 1e7 --curve --http
	@$(BIN)/python -m benchmarks.exactness --rows 1e6

soak: $(VENV)/.development ## Users, kills and reloads for ten minutes (SOAK_MINUTES=120: two hours); memory must stay flat
	@$(BIN)/python -m benchmarks.load.soak

clean: ## Remove the environment and caches; catalogues stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A machine may have Python without its ensurepip part: then the environment borrows the pip that is there.
$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or later is needed and was not found; install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) >/dev/null 2>&1 || \
	  { rm -rf $(VENV); "$(PYTHON)" -m venv --without-pip $(VENV) && "$(PYTHON)" -m pip --python $(BIN)/python install -q pip; } || \
	  { echo "The virtual environment could not be made with $(PYTHON); it needs the venv module and pip."; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@echo "Installing the requirements into $(VENV) (once; a minute or two) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt requirements-ray.txt requirements.txt | $(VENV)/bin/python
	@echo "Installing the requirements and the test tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

browser: $(VENV)/.development
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/install_browser.sh

servers:
	@tests/install_servers.sh
