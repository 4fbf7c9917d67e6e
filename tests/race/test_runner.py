"""Races of real processes on the local engine, small enough for seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.probes import probe
from falsifiable.race.engines.race_folder import RaceFolderError, opened
from falsifiable.race.engines.runner import LocalRunner
from falsifiable.race.errors import IoError, NotALedger
from falsifiable.race.ledger.ledger import Ledger
from tests.race.races import LastValue, read_plan, write_race

FOUR = {"good": {"floor": 2.0}, "fair": {"floor": 2.5}, "poor": {"floor": 3.0}, "bad": {"floor": 3.5}}


@contextmanager
def race(folder: Path, plan: RacePlan, *, apply: bool = False) -> Iterator[Book]:
    with opened(folder / "race", plan, b"race: small\n") as ledger:
        book = Book(plan, folder / "race", Conductor(plan, ledger, LastValue()), "test", apply=apply)
        book.claim_all()
        yield book


def run_race(folder: Path, recipes: Any, *, apply: bool = False, workers: int = 4, **more: Any) -> Ledger:
    """A race to its end; its ledger, closed, can still be opened."""
    plan = read_plan(write_race(folder, recipes, **more))
    with race(folder, plan, apply=apply) as book:
        LocalRunner(book, workers).run()
    return Ledger.open(folder / "race")


def by_status(ledger: Ledger) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in ledger.entries():
        found.setdefault(run.status, []).append(f"{run.recipe}-{run.seed}")
    return found


def kinds(ledger: Ledger) -> set[str]:
    return {event.kind for event in ledger.events()}


def reason(ledger: Ledger) -> str:
    (run,) = ledger.entries()
    return run.reason


def actions(decisions: tuple[Decision, ...]) -> list[tuple[str, int, str, str]]:
    return sorted((one.run, one.rung, one.state, one.action) for one in decisions)


def test_without_apply_every_run_goes_on_and_decisions_are_advice(tmp_path: Path) -> None:
    with run_race(tmp_path, FOUR) as ledger:
        assert set(by_status(ledger)) == {"done"}
        assert {one.run for one in ledger.decisions() if one.rung == 0 and one.action == "stop"} == {
            f"IGLA-HYBRID-FP32-{name}-SMOKE-seed{seed}" for name in ("POOR", "BAD") for seed in (500, 501)
        }
        assert all(len(curve.steps) == 5 for curve in ledger.curves())
        assert ledger.verify() == ()


def test_with_apply_losers_end_at_their_rung_and_decisions_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "advice").mkdir()
    (tmp_path / "applied").mkdir()
    slow = {name: {**config, "pace": 0.2} for name, config in FOUR.items()}
    with (
        run_race(tmp_path / "advice", slow, workers=8) as advice,
        run_race(tmp_path / "applied", slow, apply=True, workers=3) as applied,
    ):
        stopped = by_status(applied)["stopped"]
        assert sorted(stopped) == ["bad-500", "bad-501", "poor-500", "poor-501"]
        assert len(by_status(applied)["done"]) == 4
        assert actions(advice.decisions()) == actions(applied.decisions())


def test_at_most_so_many_runs_compute_at_once(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, {name: {"pace": 0.02} for name in FOUR}, accounts={"a": {"slots": 2}}))
    most = 0

    def watch(lanes: Any, conductor: Any) -> None:
        nonlocal most
        most = max(most, sum(lane.standing == "running" for lane in lanes))

    with race(tmp_path, plan) as book:
        LocalRunner(book, 8, watch).run()
    assert most == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash", "exit code 3"),
        ("early", "its last value is of step 20; 50 steps were asked for"),
        ("other-config", "setting floor was asked to be 2.0, and took effect as 3.0"),
        ("corpus", "its validation_sha256 is 333"),
        ("nan", "nan"),
    ],
)
def test_a_run_that_misbehaves_fails_for_its_own_reason(tmp_path: Path, fault: str, said: str) -> None:
    with run_race(tmp_path, {"a": {"floor": 2.0, "fault": fault}}, seeds=[500]) as ledger:
        assert set(by_status(ledger)) == {"failed"}
        assert said in reason(ledger)


def test_a_run_that_logs_nothing_is_ended_at_its_deadline(tmp_path: Path) -> None:
    limits = {"wall_clock_seconds": 30, "grace_seconds": 1, "first_value_seconds": 0.3}
    with run_race(tmp_path, {"a": {"fault": "mute"}}, seeds=[500], limits=limits) as ledger:
        assert "logged no value within 0.3 seconds" in reason(ledger)


def test_a_run_that_comes_late_to_a_rung_has_failed(tmp_path: Path) -> None:
    rungs = [{"step": 30, "keep": {"share": 0.5}, "deadline_seconds": 0.5}, {"share": 1.0, "keep": {"count": 1}}]
    with run_race(tmp_path, {"a": {"pace": 0.3}}, seeds=[500], rungs=rungs) as ledger:
        assert reason(ledger).endswith("after 0.5 seconds, in which it was to reach step 30")


def test_a_run_that_does_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    limits = {"wall_clock_seconds": 0.5, "grace_seconds": 0.2}
    with run_race(tmp_path, {"a": {"fault": "stubborn"}}, seeds=[500], limits=limits) as ledger:
        assert "ran longer than 0.5 seconds" in reason(ledger)
        assert "killed" in kinds(ledger)


def test_a_race_that_takes_too_long_ends_and_starts_nothing_more(tmp_path: Path) -> None:
    limits = {"wall_clock_seconds": 30, "grace_seconds": 1, "race_seconds": 0.4}
    with run_race(tmp_path, {"a": {"pace": 0.3}}, workers=1, limits=limits) as ledger:
        assert [run.reason for run in ledger.entries()] == ["the race ran longer than 0.4 seconds"] * 2
        assert [run.pid is None for run in ledger.entries()] == [False, True]


def test_an_interrupted_race_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, {"a": {"pace": 0.1}}))
    with race(tmp_path, plan) as book:
        seen: list[int] = []

        def watch(lanes: Any, conductor: Any) -> None:
            if any(lane.last_step >= 20 for lane in lanes):
                seen.extend(lane.process.pid for lane in lanes if lane.process is not None)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            LocalRunner(book, 2, watch).run()
        assert all(lane.process is None or lane.process.code is not None for lane in book.lanes)
        assert {run.status for run in book.ledger.entries()} == {"running"}
    with race(tmp_path, plan) as book:
        LocalRunner(book, 2).run()
    with Ledger.open(tmp_path / "race") as ledger:
        assert by_status(ledger) == {"done": ["a-500", "a-501"]}
        assert all(curve.steps == (10, 20, 30, 40, 50) for curve in ledger.curves())
    assert len(seen) == 2


def test_a_race_that_is_asked_to_end_twice_waits_for_nobody(tmp_path: Path) -> None:
    limits = {"wall_clock_seconds": 60, "grace_seconds": 60}
    plan = read_plan(write_race(tmp_path, {"a": {"fault": "stubborn"}}, seeds=[500], limits=limits))

    def watch(lanes: Any, conductor: Any) -> None:
        if lanes[0].last_step == 20:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)

    with race(tmp_path, plan) as book:
        with pytest.raises(KeyboardInterrupt):
            LocalRunner(book, 1, watch).run()
        process = book.lanes[0].process
        assert process is not None
        assert process.wait() == -signal.SIGKILL


def test_a_killed_runner_is_started_again_and_decides_the_same(tmp_path: Path) -> None:
    slow = {name: {**config, "pace": 0.1} for name, config in FOUR.items()}
    plan = read_plan(write_race(tmp_path, slow))
    child = multiprocessing.get_context("fork").Process(target=_run_and_never_return, args=(tmp_path, plan))
    child.start()
    _wait_for_samples(tmp_path / "race", 6)
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    with race(tmp_path, plan, apply=True) as book:
        LocalRunner(book, 4).run()
        found = actions(book.ledger.decisions())
        assert book.ledger.verify() == ()
    (tmp_path / "undisturbed").mkdir()
    with run_race(tmp_path / "undisturbed", FOUR) as undisturbed:
        assert found == actions(undisturbed.decisions())


def _run_and_never_return(folder: Path, plan: RacePlan) -> None:
    with race(folder, plan, apply=True) as book:
        LocalRunner(book, 2).run()


def _wait_for_samples(folder: Path, wanted: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.05)
        with contextlib.suppress(IoError, NotALedger), Ledger.open(folder) as ledger:  # it may only be being made
            if sum(len(curve.steps) for curve in ledger.curves()) >= wanted:
                return
    raise AssertionError("the race never began")


def test_an_attempt_that_does_not_repeat_its_values_fails(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, {"a": {"floor": 2.0, "pace": 0.1, "fault": "unrepeatable"}}, seeds=[500]))

    def interrupt(lanes: Any, conductor: Any) -> None:
        if lanes[0].last_step >= 20:
            raise KeyboardInterrupt

    with race(tmp_path, plan) as book, pytest.raises(KeyboardInterrupt):
        LocalRunner(book, 1, interrupt).run()
    with race(tmp_path, plan) as book:
        LocalRunner(book, 1).run()
        assert "not repeatable" in reason(book.ledger)


def test_mirrors_of_a_leader_are_claimed_once_and_trained(tmp_path: Path) -> None:
    rungs = [{"step": 30, "promote": {"strategy": "sibling", "count": 1}}, {"share": 1.0}]
    recipes = {"good": {"floor": 2.0, "pace": 0.05}, "bad": {"floor": 3.5, "pace": 0.05}}
    with run_race(tmp_path, recipes, apply=True, rungs=rungs, seeds=[510]) as ledger:
        assert by_status(ledger)["done"] == ["good-510", "bad-510", "good-511"]


def test_a_mirror_outside_the_smoke_seeds_is_refused_and_the_race_goes_on(tmp_path: Path) -> None:
    rungs = [{"step": 30, "promote": {"strategy": "phi-anchored", "count": 1}}, {"share": 1.0}]
    with run_race(tmp_path, {"good": {"floor": 2.0, "pace": 0.05}}, apply=True, rungs=rungs, seeds=[510]) as ledger:
        assert by_status(ledger) == {"done": ["good-510"]}
        assert "mirror-refused" in kinds(ledger)


def test_two_runners_do_not_share_a_folder(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, FOUR))
    answers: list[str] = []

    def second() -> None:
        try:
            with race(tmp_path, plan):
                answers.append("let in")
        except RaceFolderError as error:
            answers.append(str(error))

    with race(tmp_path, plan):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "is in use" in answers[0]


def test_a_runner_killed_while_it_made_its_ledger_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "race").mkdir()
    (tmp_path / "race" / "ledger.sqlite").touch()
    with race(tmp_path, read_plan(write_race(tmp_path, FOUR))) as book:
        assert len(book.lanes) == 8


def test_a_folder_of_another_race_is_refused(tmp_path: Path) -> None:
    with race(tmp_path, read_plan(write_race(tmp_path, FOUR))):
        pass
    with (
        pytest.raises(RaceFolderError, match="holds another race"),
        race(tmp_path, read_plan(write_race(tmp_path, FOUR, steps=100))),
    ):
        pass


def test_every_probe_is_refused_and_kept(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, FOUR))
    with race(tmp_path, plan) as book:
        probes = probe(plan, book.ledger, tuple((lane.entrant, lane.name) for lane in book.lanes))
        assert {one.name: one.found for one in probes} == {
            "champion-slot-reused": "ReusedChampionSlot",
            "redeploy-without-replace": "SlotStillOccupied",
            "claim-repeated": "replayed",
            "id-claimed-twice": "NonMonotonicExpId",
            "key-used-for-another-request": "IdempotencyConflict",
            "kill-across-accounts": "CrossAccountKillForbidden",
        }
        assert all(one.held for one in probes)
        assert len(book.ledger.entries()) == 8
        assert sum(event.kind == "probe" for event in book.ledger.events()) == 6


def test_a_probe_that_is_let_through_leaves_no_live_run(tmp_path: Path) -> None:
    plan = read_plan(write_race(tmp_path, FOUR))
    with race(tmp_path, plan) as book:
        lanes = tuple((lane.entrant, lane.name) for lane in book.lanes)
        for lane in book.lanes:  # nothing occupies a slot any more
            book.ledger.finish(lane.name, "stopped", steps_done=0, seconds=0.0, reason="test")
        (let_through,) = [one for one in probe(plan, book.ledger, lanes) if not one.held]
        assert let_through.name == "redeploy-without-replace"
        assert all(run.status in ("stopped", "killed") for run in book.ledger.entries())
