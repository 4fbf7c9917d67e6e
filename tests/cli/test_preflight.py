"""``contract preflight``: an answer about a plan, for a person and for a program."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PLAN = """\
plan: next
command: [specimen]
device: cpu
steps: 1000
batch: {{sequences: 8, sequence_length: 64}}
init: {run}/pretrained
data: {{corpus: {run}/corpus/manifest.json, splits: [finetune]}}
budget: {{tokens: seen, per_parameter: {{at_least: 1}}}}
checkpoints: {{folder: ., saves: 2, bytes_per_parameter: 12}}
"""


@pytest.fixture
def plan(here, specimens):
    path = here / "plan.yaml"
    path.write_text(PLAN.format(run=specimens["run"]))
    return path


def test_it_is_no_go_until_somebody_rehearsed_it(contract, plan):
    done = contract("preflight", plan)

    assert done.code == 1
    assert "refused     smoke run: the plan names none" in done.out
    assert "next: run a few steps of the same command" in done.out
    assert done.out.endswith("no go\n")


def test_a_program_reads_the_same(contract, plan):
    answer = json.loads(contract("preflight", plan, "--format", "json").out)

    assert (answer["plan"], answer["answer"]) == ("next", "no go")
    assert [one["answer"] for one in answer["findings"]] == ["go"] * 6 + ["refused"]


def test_a_plan_that_is_not_valid_is_told_where(contract, plan):
    plan.write_text(plan.read_text().replace("steps:", "stepps:"))
    done = contract("preflight", plan)

    assert done.code == 4
    assert "plan.yaml:4:1: error PLAN-UNKNOWN-KEY" in done.err
    assert "did you mean" in done.err


def test_what_it_names_and_cannot_be_read_is_said(contract, plan):
    plan.write_text(plan.read_text().replace("/pretrained", "/there-is-none"))
    done = contract("preflight", plan)

    assert done.code == 1  # the missing rehearsal refuses it, and that weighs more
    assert "unreadable  initialisation:" in done.out


def test_no_library_for_tensors_is_loaded(plan):
    program = (
        "import sys\nfrom falsifiable.cli import run\n"
        f"run(['preflight', {str(plan)!r}])\n"
        "sys.exit(' '.join({'torch', 'numpy', 'scipy', 'transformers', 'jsonschema'} & set(sys.modules)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
