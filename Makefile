# Everything a contributor runs. `make validate` and `make test` set themselves up on a machine with Python >= 3.11, make and git.

PYTHON ?= python3
# Installed first and on its own, so that whatever else is installed finds it satisfied. Where a CPU build of this version
# is at hand pip takes it; set TORCH to choose another build.
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The peers of the benchmarks want older libraries than we do, so they get an environment of their own.
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.ready
RUN := runs/reference
# Contracts about a run; what the others are about does not lie on the machine with the GPU.
GPU_RUN := runs/reference-cuda
GPU_CONTRACTS ?= training-run pretrain-from-init packaging
GPU_LIMITS ?= --memory-limit 65536 --time-limit 1800
FUZZ_SECONDS ?= 600
# What the gate compares with: the commit before this one, or this one itself where it is the first.
GATE_BASE ?= $(shell git rev-parse --verify --quiet HEAD~1 || git rev-parse HEAD)
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: validate finetune record gpu-evidence browser language-server docs test test-slow lint types imports tests medicine gate fuzz format schema bench static clean

validate: $(READY)  ## train the reference run once and its beginning again, fetch the models made by others, and put all contracts to the test
	$(BIN)/python -m examples.pretrain --output $(RUN)
	$(BIN)/python -m examples.pretrain --output runs/again --init $(RUN)/pretrained --stop-after 100
	$(BIN)/python -m examples.adapter --output runs/adapter
	$(BIN)/python -m examples.adapter --output runs/adapter-continued --after runs/adapter --steps 40
	$(BIN)/python -m examples.fetch
	$(BIN)/python -m examples.race runs/smoke-race
	$(BIN)/python -m falsifiable.samples runs/specimens
	$(BIN)/contract validate --run-commands

finetune: $(READY)  ## fine-tune SmolLM2-135M, made by others: a quarter of an hour on two idle cores and 3 GB of memory
	$(BIN)/python -m examples.fetch
	$(BIN)/python -m examples.finetune

record: validate  ## write the evidence of that validation, and the statuses it earned into the spec
	$(BIN)/contract record --run-commands

gpu-evidence: $(READY)  ## the larger reference run on CUDA, judged there; only the statements it leaves under spec/ are to be committed
	$(BIN)/python -m examples.pretrain --size 0.5b --device cuda --output $(GPU_RUN)
	-$(BIN)/contract validate --run $(GPU_RUN) $(GPU_LIMITS) $(GPU_CONTRACTS)
	$(BIN)/contract record --run $(GPU_RUN) $(GPU_LIMITS) $(GPU_CONTRACTS)

# Its driver must be of the same version: both come from the distribution, and anywhere else whoever has them is left alone.
browser:  ## headless Chromium for the tests of the HTML report, which skip where there is none (Debian, as root)
	(command -v chromium && command -v chromedriver) > /dev/null || \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium chromium-driver > /dev/null)

language-server:  ## what editors ask about YAML, from npm, for the tests of the schema, which skip where there is none
	command -v yaml-language-server > /dev/null || test -x .outside/node_modules/.bin/yaml-language-server || \
		npm install --silent --no-fund --no-audit --prefix .outside yaml-language-server@1

test: lint types imports tests medicine  ## everything that takes minutes at most

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# The tests start thousands of processes: they find the package compiled.
tests: $(READY)
	$(BIN)/python -m compileall -q src falsifiers
	$(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-report=term --cov-fail-under=90

medicine: $(READY)  ## the project's own contracts and evidence, judged by the project
	$(BIN)/contract validate --run-commands
	$(BIN)/contract challenge --specimens --at-least 0.95
	$(BIN)/contract record --check

gate: $(READY)  ## may what changed since GATE_BASE move a status or a percentage? ends 5 where it may not
	$(BIN)/contract gate --base $(GATE_BASE) --run-commands

test-slow: $(READY)  ## trains the reference run once and sabotages copies of it
	$(MAKE) validate
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

fuzz: $(READY)  ## mutate the seeds of every reader for FUZZ_SECONDS each; what breaks one lies in runs/fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(TARGETS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BENCH_READY)  ## side by side with the tools people use today, on a machine that does nothing else: about ten minutes
	$(BENCH_VENV)/bin/python -m benchmarks

static: $(BENCH_READY)  ## the static path beside check-jsonschema and pv, on a machine that does nothing else: some minutes
	$(BENCH_VENV)/bin/python -m benchmarks.static_path --write

docs: $(READY)  ## the site, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

schema: $(READY)  ## write the JSON Schema that editors and the wheel use
	$(BIN)/contract schema --write contracts/contract.schema.json

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[examples]" --group dev
	touch $@

$(BENCH_READY): pyproject.toml
	test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BENCH_VENV)/bin/python -m pip install --quiet "$(TORCH)"
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable ".[examples]" --group bench
	touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) .outside runs build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
