"""Done is not the same as plausible: each check turns one sound run into a failed one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.run_checks import EndedRun, ceiling, faults_of
from tests.race.races import read_plan, write_race

SOUND = EndedRun(
    code=0,
    seconds=3.5,
    steps=(10, 20, 30, 40, 50),
    values=(5.0, 4.0, 3.5, 3.3, 3.2),
    evaluations=("1", "2", "3", "4", "5"),
    requested={"floor": 2.0},
    effective={"floor": 2.0, "device": "cpu"},
    corpus={"name": "sample", "train_sha256": "1" * 64, "validation_sha256": "2" * 64},
)


@pytest.fixture
def plan(tmp_path: Path) -> RacePlan:
    return read_plan(write_race(tmp_path, {"a": {"floor": 2.0}}))


def test_a_sound_run_has_no_fault(plan: RacePlan) -> None:
    assert faults_of(plan, SOUND) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": 3}, "it ended with exit code 3"),
        ({"code": -9}, "signal 9 ended it"),
        ({"seconds": 0.0}, "it took 0.0 seconds"),
        ({"steps": (10, 20, 30, 40, 45)}, "its last value is of step 45; 50 steps were asked for"),
        ({"evaluations": ("1", "1", "1", "1", "2")}, "2 distinct evaluations; expected 5"),
        ({"values": (9.5, 9.4, 9.3, 9.2, 9.1)}, "its final value 9.1 is worse than a uniform model's 8.0000"),
        ({"values": (3.2, 3.2, 3.2, 3.2, 3.2)}, "its final value 3.2 is not below its first, 3.2"),
        ({"values": (5.0, 4.0, 3.5, 3.3, float("nan"))}, "it diverged"),
        ({"effective": {"floor": 3.0}}, "setting floor was asked to be 2.0, and took effect as 3.0"),
        ({"effective": {}}, "does not say that it took effect"),
        ({"corpus": None}, "it never said which corpus it trained on; expected sample"),
        ({"corpus": {**(SOUND.corpus or {}), "train_sha256": "9" * 64}}, f"its train_sha256 is {'9' * 64}, expected"),
    ],
)
def test_each_check_finds_its_fault_alone(plan: RacePlan, change: dict[str, Any], said: str) -> None:
    (fault,) = faults_of(plan, replace(SOUND, **change))
    assert said in fault


def test_the_ceiling_is_in_the_unit_of_the_race(plan: RacePlan) -> None:
    assert ceiling(plan) == pytest.approx(8.0)
    assert ceiling(replace(plan, unit="nats_per_token")) == pytest.approx(5.545, abs=1e-3)
