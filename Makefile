# One environment in .venv for everything; `make demo` and `make test` need only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
DEMO_SCHEDULE := 2@64x8,4@96x8,4@128x8

.PHONY: demo test test-slow test-lowest test-consumers check format docs docs-serve bench bench-read clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "fgbg needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[test,docs]'
	touch $@

demo: $(VENV)/ready  ## environment, demo pictures, a dataset of them, networks trained on it
	$(BIN)/fgbg-data demo $(DEMO)
	$(BIN)/fgbg-data build --bg $(DEMO)/bg --fg $(DEMO)/fg --out $(DEMO)/shards --samples 600 --shard-size 100 --format tar,hdf5 \
		--place ground --require-ground --shadow cast
	$(BIN)/fgbg-train fit $(DEMO)/shards --out $(DEMO)/runs/demo --schedule $(DEMO_SCHEDULE) --freeze-encoder depth
	@echo
	@echo "Look at $(DEMO)/shards/preview.png: background, foreground, image, mask, depth;"
	@echo "at $(DEMO)/runs/demo/samples/epoch_010.png: mask and depth that the networks predict for new backgrounds;"
	@echo "and at $(DEMO)/runs/demo/curves.png: how they learnt it."
	@echo "$(DEMO)/shards/README.md describes the dataset and how to read it."

test: $(VENV)/ready  ## all tests but the slow ones
	$(BIN)/pytest

test-slow: $(VENV)/ready  ## the tests that take minutes
	$(BIN)/pytest -m slow

test-lowest: $(VENV)-lowest/ready  ## all tests but the slow ones, with the lowest versions that pyproject.toml allows
	$(VENV)-lowest/bin/pytest

$(VENV)-lowest/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --quiet --python $(VENV)-lowest --resolution lowest-direct --editable '.[test]'
	touch $@

test-consumers: $(VENV)-consumers/ready  ## the readers of other tools that have an environment of their own
	$(VENV)-consumers/bin/pytest -m "slow or not slow" tests/consumers

$(VENV)-consumers/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-consumers
	$(VENV)-consumers/bin/pip install --quiet --editable '.[test]' ultralytics mlcroissant megatron-energon
	touch $@

check: $(VENV)/ready  ## what a commit must pass besides tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/ready  ## the site, into build/site; runs the tutorial, and stops at any warning
	$(BIN)/mkdocs build --strict

docs-serve: $(VENV)/ready  ## the site at http://127.0.0.1:8000, built anew when a page changes; without the tutorial
	FGBG_DOCS_NOTEBOOK=skip $(BIN)/mkdocs serve

bench: $(VENV)/ready  ## what building costs, by demo pictures (docs/benchmarks.md); let nothing else run
	$(BIN)/fgbg-data demo $(DEMO)
	$(BIN)/python benchmarks/build.py --bg $(DEMO)/bg --fg $(DEMO)/fg

bench-read: $(VENV)-bench/ready  ## reading, against other libraries
	$(VENV)-bench/bin/python benchmarks/read.py

$(VENV)-bench/ready: pyproject.toml  # an environment of its own: MosaicML Streaming holds NumPy back
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lowest $(VENV)-consumers $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
