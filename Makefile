# Two commands matter: `make demo` shows the whole way, `make test` proves it.
#
# PYTHON    the interpreter to build the environment with (3.10 to 3.13)
# PIP_ARGS  passed to pip; for a build of torch without CUDA:
#           make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
PIP_ARGS ?=
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --use-pep517 -c constraints.txt $(PIP_ARGS)

.PHONY: help demo test check audit format clean

help:
	@echo "make demo    the main job on text that is already here, offline, in minutes"
	@echo "make test    the test suite (MLM_PRETRAIN_TEST_DATA=DIR adds the real-data tests)"
	@echo "make check   lint, format, types, import contract, versions that fit together"
	@echo "make audit   known faults of installed packages; needs the network"
	@echo "make format  let the formatter rewrite the code"
	@echo "make clean   remove the environment and the demo's folder"

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing the tools for tests and checks"
	$(PIP) -e ".[dev]"
	@touch $@

demo: $(VENV)/.installed
	HF_HUB_OFFLINE=1 $(BIN)/mlm-pretrain demo --out demo --overwrite

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pip check --disable-pip-version-check

audit: $(VENV)/.installed-dev
	$(PIP) pip-audit
	$(BIN)/pip-audit --skip-editable

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo
