"""The same race on two engines: processes of this machine, and Ray Tune on two nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.race.on_ray import two_nodes
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.local_race import Asked
from falsifiable.race.engines.race_folder import opened, predictor_of
from falsifiable.race.engines.runner import LocalRunner
from falsifiable.race.ledger.ledger import Ledger
from tests.race.races import read_plan, write_race

pytest.importorskip("ray")

FOUR = {
    name: {"floor": floor, "pace": 0.1} for name, floor in {"good": 2.0, "fair": 2.5, "poor": 3.0, "bad": 3.5}.items()
}


def locally(folder: Path, plan: RacePlan) -> None:
    with opened(folder, plan, b"") as ledger:
        book = Book(plan, folder, Conductor(plan, ledger, predictor_of(plan)), "test", apply=False)
        book.claim_all()
        LocalRunner(book, 4).run()


def outcome(folder: Path) -> tuple[object, object]:
    with Ledger.open(folder) as ledger:
        assert ledger.verify() == ()
        decisions = sorted((one.run, one.rung, one.state, one.action, one.reason) for one in ledger.decisions())
        return decisions, sorted((run.name, run.status) for run in ledger.entries())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_comes_to_the_decisions_of_the_local_engine(tmp_path: Path) -> None:
    from falsifiable.race.engines.ray_engine import run_on_ray

    plan = read_plan(write_race(tmp_path, FOUR, without_calibration="current-value"))
    locally(tmp_path / "local", plan)
    with two_nodes():
        advice = run_on_ray(plan, Asked(tmp_path / "advice", b"", 2, "test", apply=False, probe=True))
        applied = run_on_ray(plan, Asked(tmp_path / "applied", b"", 2, "test", apply=True, probe=False))
    assert advice.is_sound
    assert outcome(tmp_path / "local") == outcome(tmp_path / "advice")
    assert outcome(tmp_path / "local")[0] == outcome(tmp_path / "applied")[0]
    assert sorted(one.recipe for one in applied.runs if one.status == "stopped") == ["bad", "bad", "poor", "poor"]
