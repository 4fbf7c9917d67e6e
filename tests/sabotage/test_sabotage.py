"""Every sabotage of a copy of a real run makes exactly the expected falsifiers fall.

A table is a YAML file of this folder, which names the run, what stands `beside` it to be compared with, and the folder
of contracts that speak of it (`contracts`, ship-two where it names none; of them `only` those listed), or the table
that it is `like` in all this; the module of the same name says how each row is done.

The intact runs and the first row of every table are judged by the command; the other rows by what it calls, with an
executor that is kept, so that libraries are imported once for all of them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from falsifiable.cli.common import Asked, exit_code, open_workspace, print_json, validation_arguments
from falsifiable.validation import validate_workspace
from falsifiable.validation.executor import LocalExecutor

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STATED = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(HERE.glob("*.yaml"))}
TABLES = {name: {**STATED.get(table.get("like"), {}), **table} for name, table in STATED.items()}
ROWS = [(table, row) for table, content in TABLES.items() for row in content["sabotages"]]
FIRST_ROWS = [(table, next(iter(content["sabotages"]))) for table, content in TABLES.items()]
# Contracts whose thresholds and inputs are those of models that were not trained here from nothing.
OF_OTHER_MODELS = {"acceptance-model-1", "acceptance-model-2", "third-party-finetune"}
# Timed here and now: on a machine that stalls for a moment, what it measured says nothing of the copy.
OF_THIS_MACHINE = "throughput.forward"

pytestmark = pytest.mark.slow


def copied(table: str, folder: Path) -> Path:
    """A copy of the run that the table is about, with the times of its files."""
    run = TABLES[table]["run"]
    for needed in (run, *TABLES[table].get("beside", {}).values()):
        if not (ROOT / needed).exists():
            pytest.skip(f"there is no {needed}; make validate trains it")
    return shutil.copytree(ROOT / run, folder / "run")


def unasked(table: str) -> set[str]:
    """What stays inconclusive on the intact run too: commands are not run, or there was no GPU."""
    without_gpu = () if has_gpu() else ("without_gpu",)
    reasons = ("without_commands", "not_on_a_cpu", *without_gpu)
    return {one for reason in reasons for one in TABLES[table].get(reason, ())}


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def sabotages_of(table: str) -> dict[str, Callable[[Path], None]]:
    """Row -> what it does to a run folder."""
    from importlib import import_module

    return import_module(f"tests.sabotage.{table}").SABOTAGES


def contracts_of(table: str) -> list[str]:
    """The contract files that judge the run of a table: those in ``only``, or all about runs of its kind."""
    folder = ROOT / "contracts" / TABLES[table].get("contracts", "ship-two")
    wanted = TABLES[table].get("only") or {path.stem for path in folder.glob("*.yaml")} - OF_OTHER_MODELS
    return [str(folder / f"{stem}.yaml") for stem in sorted(wanted)]


Judge = Callable[[Asked], tuple[str, int]]
"""Validates what is asked in this workspace: the report as JSON, and the exit code."""


def by_the_command(asked: Asked) -> tuple[str, int]:
    """``contract validate``."""
    bound = [f"--artifact={role}={path}" for role, path in asked.artifacts.items()]
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "validate", "--run", str(asked.run), "--format", "json", *bound,
         *asked.contracts],
        cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.stdout, done.returncode


@pytest.fixture(scope="session")
def by_what_the_command_calls() -> Iterator[Judge]:
    """The same without a process of its own: workers are forked by servers that are kept for the whole session."""
    with pytest.MonkeyPatch.context() as patched, LocalExecutor() as kept:
        patched.setenv("HF_HUB_OFFLINE", "1")
        workspace, catalogue = open_workspace(ROOT)

        def judged(asked: Asked) -> tuple[str, int]:
            with contextlib.chdir(ROOT), contextlib.closing(io.StringIO()) as out:
                arguments = validation_arguments(asked, workspace)
                results = validate_workspace(workspace, catalogue, **arguments, executor=kept)
                print_json(results, out)
                return out.getvalue(), exit_code(results)

        yield judged


def judge(by: Judge, run: Path, table: str, row: Mapping[str, Any] | None = None) -> tuple[dict[str, str], int]:
    """Falsifier -> outcome over the contracts of the table that speak of a run, and the exit code.

    In a row ``bound`` maps roles that are no part of a run to what stands for them in the folder, and ``also`` names
    contracts of other folders. In a table ``beside`` maps roles to what the copy is compared with.
    """
    row = row or {}
    beside = {role: ROOT / path for role, path in TABLES[table].get("beside", {}).items()}
    bound = {role: run / path for role, path in row.get("bound", {}).items()} | beside
    others = [str(ROOT / "contracts" / f"{name}.yaml") for name in row.get("also", ())]
    asked = Asked(
        root=None, run=run, artifacts=bound, contracts=(*contracts_of(table), *others), run_commands=False,
        rehash=False, time_limit=300.0, memory_limit=8192, debug=False,
    )  # fmt: skip
    report, code = by(asked)
    outcomes: dict[str, str] = {}
    for contract in json.loads(report)["contracts"]:
        for judgement in contract["judgements"]:
            on_the_copy = any(run.name in Path(artifact["path"]).parts for artifact in judgement["artifacts"])
            timed = judgement["check"] == OF_THIS_MACHINE and judgement["verdict"]["measurements"]
            if (on_the_copy or contract["run_id"]) and not timed:
                outcomes[judgement["falsifier"]] = judgement["verdict"]["outcome"]
    return outcomes, code


@pytest.mark.parametrize("table", [name for name, table in STATED.items() if "like" not in table])
def test_the_intact_run_holds(table: str, tmp_path: Path) -> None:
    outcomes, code = judge(by_the_command, copied(table, tmp_path), table)
    assert {name for name, outcome in outcomes.items() if outcome != "held"} == unasked(table)
    assert code == 0


@pytest.mark.parametrize("table", TABLES)
def test_the_table_and_the_sabotages_are_the_same(table: str) -> None:
    assert set(sabotages_of(table)) == set(TABLES[table]["sabotages"])


@pytest.mark.parametrize(("table", "name"), ROWS, ids=[row for _, row in ROWS])
def test_exactly_what_is_expected_falls(
    table: str, name: str, tmp_path: Path, by_what_the_command_calls: Judge
) -> None:
    expected = TABLES[table]["sabotages"][name]
    copy = copied(table, tmp_path)
    sabotages_of(table)[name](copy)
    by = by_the_command if (table, name) in FIRST_ROWS else by_what_the_command_calls
    outcomes, code = judge(by, copy, table, expected)
    assert {one for one, outcome in outcomes.items() if outcome == "falsified"} == set(expected["falsified"])
    inconclusive = {one for one, outcome in outcomes.items() if outcome == "inconclusive"}
    assert inconclusive - unasked(table) == set(expected["inconclusive"])
    assert code == expected["exit_code"]
