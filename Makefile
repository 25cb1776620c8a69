# One environment in .venv for everything; `make demo` and `make test` need only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test test-slow check format bench clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "fgbg needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

demo: $(VENV)/ready  ## environment, demo pictures, build, preview
	$(BIN)/fgbg-data demo $(DEMO)
	$(BIN)/fgbg-data build --bg $(DEMO)/bg --fg $(DEMO)/fg --out $(DEMO)/shards --samples 600 --shard-size 100 --format tar,hdf5
	@echo
	@echo "Look at $(DEMO)/shards/preview.png: background, foreground, image, mask, depth."
	@echo "What was made, and how to read it, stands in $(DEMO)/shards/README.md."

test: $(VENV)/ready  ## all tests but the slow ones
	$(BIN)/pytest

test-slow: $(VENV)/ready  ## the tests that take minutes
	$(BIN)/pytest -m slow

check: $(VENV)/ready  ## what a commit must pass besides tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/ready  ## the tables of docs/benchmarks.md; let nothing else run
	$(BIN)/python benchmarks/build.py

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
