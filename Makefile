# Every target sets up what it needs in .venv: Python 3.11 or newer, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-pages check fuzz clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready ## Train RedCore and two rivals on handwritten digits with holes (about half a minute)
	$(BIN)/redcore demo

test: $(VENV)/.ready ## Run the tests and the doctests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

test-pages: $(VENV)/.pages ## Look at the pages of results in headless Chromium (Debian: chromium, npm)
	$(BIN)/python -m pytest tests/pages -rs

$(VENV)/.pages: $(VENV)/.ready
	command -v chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,pages]'
	npm install --silent --no-save --prefix $(VENV)/pages axe-core@4.14.1
	touch $@

fuzz: $(VENV)/.ready ## Damage files of every format 20,000 times: readers must name the error and do nothing worse
	$(BIN)/python tests/fuzz/reader_fuzz.py --cases 20000

check: $(VENV)/.ready ## Lint, types and import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
