"""Every sabotage of the reference run makes exactly the expected falsifiers fall; ``expected.yaml`` is the table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUN = ROOT / "runs" / "reference"
EXPECTED = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text())
UNASKED = set(EXPECTED["without_commands"])

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (RUN / "run.yaml").is_file(), reason="there is no reference run; make validate trains it"),
]


def judge(run: Path) -> tuple[dict[str, str], int]:
    """Falsifier -> outcome over all contracts that speak of a run, and the exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "validate", "--run", str(run), "--format", "json"],
        cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    contracts = json.loads(done.stdout)["contracts"]
    outcomes: dict[str, str] = {}
    for contract in contracts:
        for judgement in contract["judgements"]:
            if any(artifact["path"].startswith(run.name) for artifact in judgement["artifacts"]) or contract["run_id"]:
                outcomes[judgement["falsifier"]] = judgement["verdict"]["outcome"]
    return outcomes, done.returncode


def test_the_intact_run_holds(tmp_path: Path) -> None:
    copy = shutil.copytree(RUN, tmp_path / "run")
    outcomes, code = judge(copy)
    assert {name for name, outcome in outcomes.items() if outcome != "held"} == UNASKED
    assert code == 0


def test_the_table_and_the_sabotages_are_the_same() -> None:
    from tests.sabotage.sabotages import SABOTAGES

    assert set(SABOTAGES) == set(EXPECTED["sabotages"])


@pytest.mark.parametrize("name", EXPECTED["sabotages"])
def test_exactly_what_is_expected_falls(name: str, tmp_path: Path) -> None:
    from tests.sabotage.sabotages import SABOTAGES

    expected = EXPECTED["sabotages"][name]
    copy = shutil.copytree(RUN, tmp_path / "run")
    SABOTAGES[name](copy)
    outcomes, code = judge(copy)
    assert {one for one, outcome in outcomes.items() if outcome == "falsified"} == set(expected["falsified"])
    inconclusive = {one for one, outcome in outcomes.items() if outcome == "inconclusive"}
    assert inconclusive - UNASKED == set(expected["inconclusive"])
    assert code == expected["exit_code"]
