"""The ledger: what it keeps, what it refuses, and that every refusal is written down."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from falsifiable.race.deciding.decision import Decision
from falsifiable.race.errors import (
    CrossAccountKillForbidden,
    DecisionConflict,
    ForbiddenTransition,
    ImplausibleDone,
    IoError,
    LedgerExists,
    LedgerRefused,
    NotALedger,
    RunAlreadyEnded,
    RunNotStarted,
    SlotStillOccupied,
    StepNotIncreasing,
    TimeRunsBackwards,
    UnknownRun,
    ValueOutOfRange,
)
from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger, Sample
from falsifiable.race.predicting.prediction import Prediction
from tests.race.ledgers import claimed, entry, finished, new_ledger, points


def test_a_run_from_its_claim_to_its_end(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        name = finished(ledger)

        (run,), (curve,) = ledger.entries(), ledger.curves()

        assert (run.name, run.exp_id, run.status, run.steps_done, run.pid) == (name, 5, "done", 100, 7)
        assert (run.effective, run.corpus_echoed) == ({"rate": 0.004}, "tiny")
        assert (curve.steps, curve.values, curve.planned_steps) == ((10, 20, 30), (6.0, 5.0, 4.0), 100)
        kinds = [event.kind for event in ledger.events()]
        assert kinds == ["race", "claimed", "started", "echoed", "samples", "finished"]
        assert ledger.verify() == ()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        name, head = finished(ledger), ledger.head

    assert [one.name for one in tmp_path.iterdir()] == [LEDGER_FILE]  # no log beside it: the one file is complete
    with Ledger.open(tmp_path) as again:
        assert again.head == head
        assert [one.step for one in again.samples(name)] == [10, 20, 30]
        assert again.verify(head) == ()


def test_a_ledger_is_never_overwritten(tmp_path: Path) -> None:
    new_ledger(tmp_path).close()

    with pytest.raises(LedgerExists):
        new_ledger(tmp_path)


@pytest.mark.parametrize(
    ("content", "error"), [(None, IoError), (b"no database at all" * 99, NotALedger), (b"", NotALedger)]
)
def test_what_is_no_ledger_is_said(tmp_path: Path, content: bytes | None, error: type[Exception]) -> None:
    if content is not None:
        (tmp_path / LEDGER_FILE).write_bytes(content)

    with pytest.raises(error, match=LEDGER_FILE):
        Ledger.open(tmp_path / LEDGER_FILE)


def test_a_race_without_a_vocabulary_has_no_ceiling_and_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vocabulary_size"):
        Ledger.create(tmp_path / LEDGER_FILE, "trial", {"unit": "bits_per_byte"})


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Sample(20, 3.0, "20", 9.0), StepNotIncreasing),
        (Sample(10, 3.0, "10", 9.0), StepNotIncreasing),
        (Sample(30, -4.255, "30", 9.0), ValueOutOfRange),
        (Sample(30, 8.0001, "30", 9.0), ValueOutOfRange),
        (Sample(30, math.nan, "30", 9.0), ValueOutOfRange),
        (Sample(30, math.inf, "30", 9.0), ValueOutOfRange),
        (Sample(30, 3.0, "30", 1.0), TimeRunsBackwards),
        (Sample(30, 3.0, "30", math.nan), TimeRunsBackwards),
    ],
)
def test_a_sample_that_cannot_be_is_refused_and_what_came_before_it_is_kept(
    tmp_path: Path, bad: Sample, error: type[Exception]
) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.start(run)

        with pytest.raises(error):
            ledger.record(run, [*points(6.0, 5.0), bad, Sample(40, 2.0, "40", 10.0)])

        assert [one.step for one in ledger.samples(run)] == [10, 20]
        refusal = ledger.events()[-1]
        assert (refusal.kind, refusal.run, refusal.content["error"]) == ("refused", run, error.__name__)


def test_before_any_training_a_model_may_do_worse_than_a_uniform_guess(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.start(run)
        assert ledger.record(run, [Sample(0, 8.3, "0", 0.1), Sample(10, 7.9, "10", 0.2)]) == 2
        with pytest.raises(ValueOutOfRange):
            ledger.record(run, [Sample(11, 8.3, "11", 0.3)])


def test_the_ceiling_is_that_of_a_uniform_guess_in_the_unit_of_the_race(tmp_path: Path) -> None:
    with new_ledger(tmp_path, unit="nats_per_token", vocabulary_size=1000) as ledger:
        run = claimed(ledger).run
        ledger.start(run)
        assert ledger.record(run, points(math.log(1000))) == 1
        with pytest.raises(ValueOutOfRange, match="to 6"):
            ledger.record(run, [Sample(20, math.log(1000) + 1e-6, "20", 2.0)])


@pytest.mark.parametrize(
    ("values", "steps", "seconds", "said"),
    [
        ((6.0, 5.0), 81, 9.0, "step 81 and was asked for 100"),
        ((6.0, 5.0), 100, 0.0, "took 0.0 seconds"),
        ((6.0, 5.0), 100, math.nan, "took nan seconds"),
        ((6.0, 0.0003), 100, 9.0, "0.0003, lies outside 0.1 to 8"),
        ((), 100, 9.0, "logged no value"),
    ],
)
def test_done_is_refused_where_it_cannot_be(
    tmp_path: Path, values: tuple[float, ...], steps: int, seconds: float, said: str
) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.start(run)
        ledger.record(run, points(*values))

        with pytest.raises(ImplausibleDone, match=said):
            ledger.finish(run, "done", steps_done=steps, seconds=seconds, reason="")

        assert ledger.entries()[0].status == "running"
        ledger.finish(run, "failed", steps_done=steps, seconds=1.0, reason=said)
        assert ledger.entries()[0].status == "failed"


def test_statuses_follow_one_another_and_an_end_is_an_end(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        with pytest.raises(RunNotStarted):
            ledger.record(run, points(6.0))
        with pytest.raises(ForbiddenTransition):
            ledger.finish(run, "done", steps_done=100, seconds=1.0, reason="")
        ledger.start(run)
        with pytest.raises(SlotStillOccupied):
            ledger.start(run)
        ledger.finish(run, "stopped", steps_done=10, seconds=1.0, reason="it lost")
        for act in (
            lambda: ledger.start(run),
            lambda: ledger.record(run, points(6.0)),
            lambda: ledger.finish(run, "done", steps_done=100, seconds=1.0, reason=""),
        ):
            with pytest.raises(RunAlreadyEnded):
                act()


def test_nobody_ends_the_run_of_another_account(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger, account="acc2").run
        ledger.start(run)

        with pytest.raises(CrossAccountKillForbidden, match="belongs to 'acc2'"):
            ledger.finish(run, "killed", steps_done=0, seconds=1.0, reason="ours now", account="acc1")

        assert ledger.entries()[0].status == "running"
        assert ledger.events()[-1].content["values"] == {"run": run, "owner": "acc2", "account": "acc1"}
        ledger.finish(run, "killed", steps_done=0, seconds=1.0, reason="by its owner", account="acc2")


def test_a_run_says_once_what_it_trains_with(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.echo(run, {"rate": 0.004})
        with pytest.raises(LedgerRefused, match="EchoedTwice"):
            ledger.echo(run, {"rate": 0.1})
        assert ledger.verify() == ()


def test_what_no_run_is_known_of_is_refused(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger, pytest.raises(UnknownRun, match="trial"):
        ledger.start("nobody")


def decision(run: str, action: str = "keep") -> Decision:
    seen = Prediction(run, 20, 100, 3.5, 3.0, 4.0, 2.0, math.nan, math.inf, "power-law", may_stop=False)
    return Decision(run, 0, 20, "LEADING", action, "it leads", run, seen, (1618033, 2618033))  # type: ignore[arg-type]


def test_a_decision_is_kept_once_and_comes_back_the_same(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run

        assert [ledger.decide(decision(run)), ledger.decide(decision(run))] == [True, False]
        assert repr(ledger.decisions()) == repr((decision(run),))  # by repr, because NaN equals nothing
        with pytest.raises(DecisionConflict):
            ledger.decide(decision(run, "stop"))


def test_other_events_are_noted_and_those_of_the_ledger_are_not(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        ledger.note("torn-down", None, {"left": 0})
        assert ledger.events(after=1)[0].content == {"left": 0}
        with pytest.raises(ValueError, match="claimed"):
            ledger.note("claimed", None, {})
        with pytest.raises(ValueError, match="rows"):
            ledger.note("mine", None, {"rows": {}})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_opens_its_own(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        child = os.fork()
        if child == 0:
            try:
                ledger.note("from-a-child", None, {})
            except IoError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert [event.kind for event in ledger.events()] == ["race"]


def test_an_intact_ledger_cut_short_is_found_by_the_head_that_was_noted(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger, entry(201)).run
        assert ledger.verify(ledger.head) == ()
        number, _ = ledger.head
        assert "is gone" in ledger.verify((number + 1, "0" * 64))[0]
        assert "not the one that was noted" in ledger.verify((number, "0" * 64))[0]
        assert run
