# Everything a developer needs: `make` lists it. A fresh machine needs python3 (3.11 or newer, with venv), make and git.

PYTHON ?= python3
PYTEST_ARGS ?=
DATA ?=

BIN := .venv/bin
FOLDERS := plugin adapters_store consolidation integrations
SOURCES := $(sort $(foreach folder,$(FOLDERS),$(wildcard $(folder)/*.py $(folder)/*.toml $(folder)/py.typed $(folder)/*/*.safetensors)))
BENCHMARKS := $(basename $(notdir $(shell grep -l '^if __name__' benchmarks/*.py 2>/dev/null)))
BENCH_ARGS := $(if $(DATA),--data $(DATA),--quick)

# Quiet, reproducible tools: no looking for newer versions of themselves.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

LOCKED := .venv/.locked
LISTED := .venv/.sources
# The editable install is a tree of links below build/: the stamp lies there so that removing build/ removes it too.
INSTALLED := build/.installed
# The default weights, fetched once into the user's cache: after this nothing needs a network.
WEIGHTS := .venv/.weights

.DELETE_ON_ERROR:
.PHONY: help demo test search check bench build clean always

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(INSTALLED) ## a day, a night and the morning after, in a few minutes
	$(BIN)/slowwave demo --out results/demo.json

test: $(INSTALLED) $(WEIGHTS) ## the unit tests, then the end-to-end tests; PYTEST_ARGS=... goes to both
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

search: $(INSTALLED) ## new random examples for every property test, many of them
	$(BIN)/python -m pytest -m "hypothesis and not slow" --hypothesis-profile=search $(PYTEST_ARGS)

check: $(INSTALLED) ## lint, format, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tests examples benchmarks
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(INSTALLED) ## every benchmark, quick and on generated data; DATA=dir: in full on the public data
	set -e; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name $(BENCH_ARGS); done

build: $(INSTALLED) ## sdist, then the wheel from the sdist, in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation

clean: ## remove the environment, build outputs and caches
	rm -rf .venv build dist results *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(FOLDERS) tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(LOCKED): .ci/requirements.lock
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Slowwave needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@echo "Installing what .ci/requirements.lock pins: minutes on the first use, nothing afterwards."
	$(BIN)/python -m pip install --quiet --requirement .ci/requirements.lock
	touch $@

# Rewritten only when a source file was added or removed: strict editable installs do not see such a file by themselves.
$(LISTED): always | $(LOCKED)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

$(WEIGHTS): | $(INSTALLED)
	$(BIN)/python -c 'from slowwave import settings, weights; weights.base_model(settings.DEFAULT_MODEL); weights.embedder(settings.DEFAULT_EMBEDDER)'
	touch $@

$(INSTALLED): pyproject.toml $(LOCKED) $(LISTED)
	rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . --config-settings editable_mode=strict
	touch $@
