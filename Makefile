# Every target sets up what it needs in .venv: Python 3.11 or newer, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check fuzz fuzz-service bench clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready ## Train RedCore and two rivals on handwritten digits with holes (about half a minute)
	$(BIN)/redcore demo

test: $(VENV)/.ready ## Run the tests and the doctests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

fuzz: $(VENV)/.ready ## Damage files of every format 20,000 times: readers must name the error and do nothing worse
	$(BIN)/python tests/fuzz/reader_fuzz.py --cases 20000

fuzz-service: $(VENV)/.ready ## Send the service 20,000 requests of every bad kind: no 5xx, no growth of memory
	PYTHONPATH=tests $(BIN)/python tests/fuzz/service_fuzz.py --cases 20000

bench: $(VENV)/.ready ## Speed and memory against rivals, in alternating pairs (about ten minutes on a quiet machine)
	$(BIN)/python benchmarks/speed.py

check: $(VENV)/.ready ## Lint, types and import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
