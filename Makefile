# One word per task, see `make help`. Each sets up what it needs on its first call.
#
# An active environment (venv or conda) in which `import torch` works is used and keeps its torch;
# otherwise .venv is made here, with the exact versions of requirements/constraints.txt.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint lint-style lint-types lint-layers lint-text docs clean
.PHONY: setup setup-demo setup-docs

PYTHON3 ?= python3
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
FUZZ_SECONDS ?= 60
FUZZ_ARGS ?=

OWN_ENV := $(CURDIR)/.venv
ACTIVE_ENV := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX),$(OWN_ENV))
ifneq ($(ACTIVE_ENV),$(OWN_ENV))
    HAS_TORCH := $(shell "$(ACTIVE_ENV)/bin/python" -c 'import torch; print("yes")' 2>/dev/null)
endif

ifeq ($(HAS_TORCH),yes)
    BIN := $(ACTIVE_ENV)/bin
    MAKE_ENV := echo 'Using the active environment $(ACTIVE_ENV)'
    CONSTRAINTS :=
    EMPTY :=
    STAMPS := build/setup/$(subst /,-,$(subst $(EMPTY) ,-,$(ACTIVE_ENV)))
else
    BIN := $(OWN_ENV)/bin
    MAKE_ENV := $(PYTHON3) -m venv .venv
    CONSTRAINTS := -c requirements/constraints.txt
    STAMPS := .venv/setup
endif
export PATH := $(BIN):$(PATH)
# Modules are compiled when they are first imported (see INSTALL), not again by each process.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s%s\n", $$1, $$2}' Makefile

demo: setup-demo  ## Make data, train, test with and without audio, visualize: work_dirs/demo
	python tools/demo.py

# Order and string hashes are random; pytest prints both seeds. To repeat a run:
# make test PYTHONHASHSEED=7 PYTEST_ARGS=--randomly-seed=42
test: setup  ## Run all tests, doctests included, in random order
	export PYTHONHASHSEED="$${PYTHONHASHSEED:-$$RANDOM}" OMP_NUM_THREADS=1; \
	python -m pytest -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

# Input n of a seed is always the same: FUZZ_ARGS='--first n --inputs 1' repeats it.
fuzz: setup  ## Read damaged files with every reader for a minute
	python -m tests.fuzz --seconds $(FUZZ_SECONDS) --seed 0 $(FUZZ_ARGS)

lint: lint-style lint-types lint-layers lint-text  ## Check style, types, import layers, spelling, banned text

lint-style: setup
	ruff check .
	ruff format --check .

lint-types: setup
	mypy

lint-layers: setup
	lint-imports

lint-text: setup
	git ls-files -z | xargs -0 codespell
	python tools/misc/check_banned_text.py

docs: setup-docs  ## Build the documentation: docs/_build/html/index.html
	python -m sphinx -W --keep-going -q -b html docs docs/_build/html

clean:  ## Remove .venv, caches, builds and work_dirs/demo; data and other work_dirs stay
	rm -rf .venv build dist *.egg-info docs/_build work_dirs/demo
	rm -rf .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

setup: $(STAMPS)/tests
setup-demo: $(STAMPS)/runtime
setup-docs: $(STAMPS)/docs

# Python compiles what is imported: pip would compile all modules of all packages, one by one.
INSTALL := python -m pip install --no-compile

# A stamp is written last, so an interrupted installation starts again.
$(STAMPS)/runtime: setup.py requirements/runtime.txt requirements/constraints.txt
	@$(MAKE_ENV)
	$(INSTALL) $(CONSTRAINTS) -e .
	@# Every torchvision asks for one torch: take the one for the torch that is there.
	@python -m pip show -q torchvision || $(INSTALL) --no-deps "torchvision==$$(python -c \
	    'import torch; print("0.%d.*" % (int(torch.__version__.split(".")[1]) + 15))')"
	@# mmengine's formatter caches its grammar on first import: two processes at once would race.
	@python -c 'from yapf.yapflib import yapf_api'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/tests: $(STAMPS)/runtime $(wildcard requirements/*.txt)
	$(INSTALL) $(CONSTRAINTS) -r requirements/all.txt -r requirements/tests.txt
	$(INSTALL) --no-deps -r requirements/no_deps.txt
	@touch $@

$(STAMPS)/docs: $(STAMPS)/tests
	$(INSTALL) $(CONSTRAINTS) -r requirements/docs.txt
	@touch $@
