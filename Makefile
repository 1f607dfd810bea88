# Everything a person does with Archfront begins here; `make` alone prints the list.
#
# Python 3.11 or newer with venv is all that is needed. Another interpreter: make demo PYTHON=python3.12
# Another build of torch (CPU, CUDA): see "CPU or CUDA" in the README. Then: make demo TORCH="--index-url ..."

PYTHON ?= python3
TORCH ?=
TESTS ?=
DATA ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Each process has a single thread: more would only get in each other's way. One process more than there
# are cores, because the tests with browsers and killed workers wait much of their time.
PROCESSES = $$($(BIN)/python -c 'import os; print(min(os.cpu_count() + 1, 4))')
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES)
RUN_STAMP := .venv/archfront-run
DEV_STAMP := .venv/archfront-dev

.DEFAULT_GOAL := help
.PHONY: help demo test check lint fix bench effects clean

help:  ## Print the targets.
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

demo: $(RUN_STAMP)  ## Set up and run: worker, web app on this machine, a first search.
	@$(BIN)/archfront up --demo

test: $(DEV_STAMP)  ## Set up and run every test; TESTS=path narrows it down.
	@$(PYTEST) $(TESTS)

check: lint  ## What to run before a commit: lint, then the fast tests.
	@$(PYTEST) -q -m "not slow and not chaos and not e2e" $(TESTS)

lint: $(DEV_STAMP)  ## Format, lint, types, floors, spelling; changes nothing.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/codespell

fix: $(DEV_STAMP)  ## Format, and mend what the linter can mend.
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

bench: $(DEV_STAMP)  ## Measure; prints a table and writes benchmarks/latest.json.
	@$(BIN)/python -m benchmarks

# Results are kept in build/effects: what was interrupted goes on.
effects: $(DEV_STAMP)  ## Hold methods against their claims; writes docs/effects.md; DATA=folder adds NAS-Bench-201.
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.effects $(if $(DATA),--data $(DATA))

clean:  ## Remove the environment and every cache; the data folder stays.
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Making the environment in .venv (once; torch is large, so this takes minutes)"
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "Python's venv is missing; on Debian and Ubuntu it is the package python3-venv"; exit 1; }

# Torch first and pinned: any other package that asks for torch would choose a build of its own.
$(RUN_STAMP): pyproject.toml constraints.txt | .venv/bin/python
	@$(PIP) $(TORCH) torch
	@$(PIP) --editable ".[app,worker]"
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(RUN_STAMP)
	@$(PIP) --editable ".[dev]"
	@touch $(RUN_STAMP) $@
