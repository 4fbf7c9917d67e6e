"""``contract race backtest`` and ``contract race calibrate`` on curves of real, tiny models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

OWN = Path(__file__).parents[2] / "race" / "data" / "own_curves.csv"

Contract = Callable[..., Done]


@pytest.fixture
def finished(here: Path) -> Path:
    """Every fourth recipe of the committed curves."""
    head, *rows = OWN.read_text().splitlines()
    chosen = [row for row in rows if int(row[1:3]) % 4 == 0]
    (here / "finished.csv").write_text("\n".join([head, *chosen]) + "\n")
    return here / "finished.csv"


def test_predictors_are_tested_side_by_side(contract: Contract, finished: Path) -> None:
    done = contract("race", "backtest", str(finished), "--folds", "4")
    assert done.code == 0, done.err
    head, *rows = done.out.splitlines()
    assert head.split()[:3] == ["unit", "predictor", "curves"]
    assert [row.split()[1] for row in rows] == ["calibrated", "power-law", "delta-method", "last-value"]
    assert {row.split()[0] for row in rows} == {"bits_per_byte"}


def test_a_backtest_as_json_has_no_number_that_json_does_not_know(contract: Contract, finished: Path) -> None:
    done = contract("race", "backtest", str(finished), "--folds", "4", "--format", "json")
    told = json.loads(done.out, parse_constant=lambda name: pytest.fail(name))
    assert told["scores"][-1]["coverage"] is None
    assert told["scores"][0]["coverage"] > told["scores"][2]["coverage"]


def test_too_short_curves_test_nothing(contract: Contract, here: Path) -> None:
    (here / "short.csv").write_text("run,recipe,seed,step,bpb\na,r,1,10,5.0\na,r,1,20,4.0\n")
    done = contract("race", "backtest", "short.csv")
    assert done.code == 3
    assert "no curve has 16 points" in done.err


def test_finished_curves_become_a_predictor_that_names_itself(contract: Contract, finished: Path, here: Path) -> None:
    done = contract("race", "calibrate", str(finished), "--output", "predictor.json")
    assert done.code == 0, done.err
    content = json.loads((here / "predictor.json").read_text())
    assert len(content["curves"]) == 30
    assert "wrote predictor.json: calibrated:" in done.out
    again = contract("race", "calibrate", str(finished), "--output", "again.json", "--format", "json")
    assert json.loads(again.out)["predictor"] in done.out
    assert (here / "again.json").read_bytes() == (here / "predictor.json").read_bytes()


def test_too_few_curves_are_refused_in_words(contract: Contract, here: Path) -> None:
    (here / "few.csv").write_text(
        "run,recipe,seed,step,bpb\n" + "".join(f"a,r,1,{n},{9 - n / 10}\n" for n in range(1, 20))
    )
    done = contract("race", "calibrate", "few.csv", "--output", "predictor.json")
    assert done.code == 4
    assert "1 sound curves of 8 points and more, in 1 groups of recipes" in done.err
    assert not (here / "predictor.json").exists()
