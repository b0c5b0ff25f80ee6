# Each verb sets up the environment first, from requirements.lock. Needs Python >= 3.11, make, git.
PYTHON ?= python3
PROFILE ?= demo
UV := uv==0.13.9
BIN := .venv/bin
READY := .venv/ready
ANALYSIS := $(BIN)/python -m analysis

.PHONY: help setup reproduce test lint site lab fetch clean lock benchmark
help:  ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

setup: $(READY)  ## create .venv from the lock
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@echo "setting up .venv from requirements.lock, about half a minute"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet $(UV)
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock --compile-bytecode
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

reproduce: $(READY)  ## raw data to figures; PROFILE=census for the real data
	@$(ANALYSIS) run --profile $(PROFILE)

test: $(READY)  ## the tests, nbval over all notebooks included
	@$(ANALYSIS) run --profile demo
	@$(BIN)/python -m pytest

lint: $(READY)  ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

site: $(READY)  ## pages of what census and demo left in build/: build/site/index.html
	@$(ANALYSIS) site

lab: $(READY)  ## JupyterLab with the package importable
	@PATH="$(CURDIR)/$(BIN):$$PATH" jupyter lab $(LABFLAGS) notebooks

fetch: $(READY)  ## bring the real files into data/raw and verify them
	@$(ANALYSIS) fetch --profile census

clean:  ## remove everything that steps wrote for the demo, and all intermediate tables
	rm -rf build figures/demo data/processed/*/

lock: $(READY)  ## resolve requirements.lock and environment.yml anew from pyproject.toml
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate -o requirements.lock
	$(BIN)/python -m analysis.environment

benchmark: $(READY)  ## time cold, unchanged and edited runs; see benchmarks/
	@$(BIN)/python benchmarks/pipeline.py
