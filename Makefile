# Everything a contributor runs. `make validate` and `make test` set themselves up on a machine with Python >= 3.11, make and git.

PYTHON ?= python3
# Installed first and on its own, so that whatever else is installed finds it satisfied. Where a CPU build of this version
# is at hand pip takes it; set TORCH to choose another build.
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := runs/reference
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: validate record test test-slow lint types imports tests medicine format schema bench clean

validate: $(READY)  ## train the reference run once, fetch the models made by others, and put all contracts to the test
	$(BIN)/python -m examples.pretrain --output $(RUN)
	$(BIN)/python -m examples.fetch
	$(BIN)/python -m falsifiable.samples runs/specimens
	$(BIN)/contract validate --run-commands

record: validate  ## write the evidence of that validation, and the statuses it earned into the spec
	$(BIN)/contract record --run-commands

test: lint types imports tests medicine  ## everything that takes minutes at most

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

tests: $(READY)
	$(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-report=term --cov-fail-under=90

medicine: $(READY)  ## the project's own contracts and evidence, judged by the project
	$(BIN)/contract validate --run-commands
	$(BIN)/contract challenge
	$(BIN)/contract record --check

test-slow: $(READY)  ## trains the reference run once and sabotages copies of it
	$(MAKE) validate
	$(BIN)/python -m pytest -m slow

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(READY)  ## write the JSON Schema that editors and the wheel use
	$(BIN)/contract schema --write contracts/contract.schema.json

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[examples]" --group dev
	touch $@

clean:
	rm -rf $(VENV) runs build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
