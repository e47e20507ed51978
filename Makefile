# Every target sets up what it needs in .venv: Python 3.11 or newer, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# for make study and make studies; SEEDS and SET cut a study short, as in SEEDS=1 SET="--set max_epochs=20"
STUDIES := quick unseen ceiling uniform extreme stability bilevel-cost pattern-shift many-modalities domain-shift two-modalities hardware
DATA := ../shared/data
JOBS := 2
SEEDS := 1000
SET :=

.PHONY: help demo test test-fast coverage slow check fuzz fuzz-service bench conformance test-pages study studies results clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready ## Train RedCore and two rivals on handwritten digits with holes (about half a minute)
	$(BIN)/redcore demo

test: $(VENV)/.ready ## Run the tests and the doctests
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

test-fast: $(VENV)/.ready ## Run the tests that take no longer than a moment, for every save (two minutes at most)
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile -m 'not slow'

coverage: $(VENV)/.ready ## Run the whole suite, and fail where it reaches less than 90 % of the lines (too slow for .ci/run)
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --cov --cov-report=term

slow: $(VENV)/.ready ## Kill a benchmark 20 times and resume it, and lose a node of a Ray cluster (minutes)
	$(BIN)/python tests/benchmark/kill_and_resume.py
	REDCORE_SLOW=1 $(BIN)/python -m pytest tests/benchmark/test_ray.py

study: $(VENV)/.ready ## Run the built-in benchmark NAME and write its page in docs/results
	$(BIN)/redcore bench run $(NAME) --out runs/$(NAME) --jobs $(JOBS) --seeds $(SEEDS) --data-folder $(DATA) $(SET)
	$(BIN)/redcore bench pack runs/$(NAME) --out docs/results/$(NAME).jsonl.gz
	$(BIN)/python docs/results/make.py $(NAME)

studies: ## Run all studies of docs/results, one after the other (hours; SEEDS=1 is minutes)
	for name in $(STUDIES); do $(MAKE) study NAME=$$name || exit 1; done

results: $(VENV)/.ready ## Write figures and tables of docs/results anew from the packed records
	$(BIN)/python docs/results/make.py

test-pages: $(VENV)/.pages ## Look at the pages of results in headless Chromium (Debian: chromium, npm)
	$(BIN)/python -m pytest tests/pages -rs

$(VENV)/.pages: $(VENV)/.ready
	command -v chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,pages]'
	npm install --silent --no-save --prefix $(VENV)/pages axe-core@4.14.1
	touch $@

fuzz: $(VENV)/.ready ## Damage files of every format 20,000 times: readers must name the error and do nothing worse
	PYTHONPATH=tests $(BIN)/python tests/fuzz/reader_fuzz.py --cases 20000

conformance: $(VENV)/.ready ## Run scikit-learn's checks on the estimators of every method (about ten minutes)
	$(BIN)/python -m pytest tests/estimators/every_method.py

fuzz-service: $(VENV)/.ready ## Send the service 20,000 requests of every bad kind: no 5xx, no growth of memory
	PYTHONPATH=tests $(BIN)/python tests/fuzz/service_fuzz.py --cases 20000

bench: $(VENV)/.ready ## Speed and memory against rivals, in alternating pairs (seven minutes on a quiet machine)
	$(BIN)/python benchmarks/speed.py

check: $(VENV)/.ready ## Lint, types (of tests and scripts too) and import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
