"""The same race on two engines: processes of this machine, and Ray Tune on two nodes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes for all tests: to start them takes longer than to use them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with two_nodes():
            yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("cluster")
def test_runs_fail_on_ray_for_the_reasons_they_fail_locally(tmp_path: Path) -> None:
    from falsifiable.race.engines.ray_engine import run_on_ray

    rungs = [{"step": 30, "deadline_seconds": 0.5}, {"share": 1.0, "keep": {"count": 1}}]
    late = read_plan(write_race(tmp_path, {"a": {"pace": 0.3}}, seeds=[500], rungs=rungs))
    limits = {"wall_clock_seconds": 60, "grace_seconds": 1, "race_seconds": 6}
    long = read_plan(write_race(tmp_path, {"a": {"pace": 3}}, limits=limits))
    failing = read_plan(write_race(tmp_path, {"a": {"fault": "crash"}, "b": {}}, seeds=[500]))
    (of_late,) = run_on_ray(late, Asked(tmp_path / "late", b"", 2, "test", apply=False, probe=False)).runs
    of_long = run_on_ray(long, Asked(tmp_path / "long", b"", 2, "test", apply=False, probe=False)).runs
    of_failing = run_on_ray(failing, Asked(tmp_path / "failing", b"", 2, "test", apply=True, probe=False)).runs
    assert of_late.reason.endswith("after 0.5 seconds, in which it was to reach step 30")
    assert {one.reason for one in of_long} == {"the race ran longer than 6 seconds"}
    ends = {one.recipe: (one.status, one.reason) for one in of_failing}
    assert ends["b"][0] == "done"
    assert ends["a"][0] == "failed"
    assert "exit code 3" in ends["a"][1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("cluster")
def test_ray_comes_to_the_decisions_of_the_local_engine(tmp_path: Path) -> None:
    from falsifiable.race.engines.ray_engine import run_on_ray

    plan = read_plan(write_race(tmp_path, FOUR, without_calibration="current-value"))
    locally(tmp_path / "local", plan)
    advice = run_on_ray(plan, Asked(tmp_path / "advice", b"", 2, "test", apply=False, probe=True))
    applied = run_on_ray(plan, Asked(tmp_path / "applied", b"", 2, "test", apply=True, probe=False))
    assert advice.is_sound
    assert outcome(tmp_path / "local") == outcome(tmp_path / "advice")
    assert outcome(tmp_path / "local")[0] == outcome(tmp_path / "applied")[0]
    assert sorted(one.recipe for one in applied.runs if one.status == "stopped") == ["bad", "bad", "poor", "poor"]
