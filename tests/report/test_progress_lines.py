"""Progress in plain lines, as a log in CI keeps it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pytest

from falsifiable.falsifier import Verdict
from falsifiable.report.manner import MOST_LINES, manner_of
from falsifiable.report.progress_lines import ProgressLines, now_and_then
from falsifiable.validation.events import Challenged, ContractJudged, Finished, Judged, Lost, Planned, Started
from falsifiable.validation.results import Challenge, ContractResult, Judgement


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Log:
    """Lines of progress that were written, and what writes them."""

    clock: Clock = field(default_factory=Clock)
    out: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.progress = ProgressLines(self.out, self.clock)

    @property
    def lines(self) -> list[str]:
        """What has been written so far."""
        return self.out.getvalue().splitlines()


def judged(contract: str, falsifier: str, outcome: str = "held") -> Judgement:
    """A judgement with this outcome; ``vacuous`` is one that held and could not have fallen."""
    proven = () if outcome == "vacuous" else (Challenge("a NaN", "refuted", "bound"),)
    verdict = Verdict("held" if proven == () else outcome, "", (), int(outcome != "inconclusive"), "things")
    return Judgement(contract, falsifier, "weights.finite", "a claim", verdict, challenges=proven)


def result(contract: str, *outcomes: str) -> ContractResult:
    """A contract with one falsifier for each outcome."""
    judgements = tuple(judged(contract, f"F-{number}", outcome) for number, outcome in enumerate(outcomes))
    return ContractResult(contract, "1.0.0", "", "", judgements)


def test_one_line_for_each_contract_as_it_finishes():
    log = Log()
    log.progress(Planned(3, 1))
    for one in result("shop", "held", "falsified", "vacuous").judgements:
        log.progress(Started(one.contract, one.falsifier))
        log.progress(Judged(one))
    log.progress(ContractJudged(result("shop", "held", "falsified", "vacuous")))
    log.progress(Finished(()))
    assert log.lines == [
        "3 falsifiers to judge, 1 of them known already",
        "[3/3] shop: 1 held, 1 falsified, 1 vacuous",
    ]


def test_items_that_are_opened_later_are_counted_from_the_start():
    log = Log()
    log.progress(Planned(2, 1, later=3))
    log.progress(Judged(judged("shop", "F-1"), "runs/a"))
    log.progress.still_running()
    log.progress(Planned(3, 0))
    log.progress(Judged(judged("shop", "F-1"), "runs/b"))
    log.progress.still_running()
    assert [line.partition(" after")[0] for line in log.lines] == [
        "5 falsifiers to judge, 1 of the first 2 known already",
        "[1/5] judged",
        "[2/5] judged",
    ]


def test_what_is_still_running_is_named_the_longest_first():
    log = Log()
    log.progress(Planned(8, 0))
    for number in range(8):
        log.progress(Started("shop", f"F-{number}"))
        log.clock.now += 10
    log.progress(Judged(judged("shop", "F-0")))
    log.progress.still_running()
    assert log.lines[-1] == (
        "[1/8] judged after 80 s; running: shop/F-1 (70 s), shop/F-2 (60 s), shop/F-3 (50 s), shop/F-4 (40 s), "
        "shop/F-5 (30 s) and 2 more"
    )


def test_before_and_between_falsifiers_it_says_that_it_lives():
    log = Log()
    log.progress.still_running()
    assert log.lines == ["[0/0] judged after 0 s; running: no falsifier at the moment"]
    log.progress(Challenged("shop/F-1"))
    log.progress.still_running()
    assert log.lines[-1].startswith("[0/0] judged, 1 falsifier put to mutations after 0 s")


def test_a_loss_is_told_and_its_falsifier_goes_on():
    log = Log()
    log.progress(Started("shop", "F-1"))
    log.progress(Lost("shop", "F-1", "it was lost with node 3\x1b[31m and is run again"))
    assert log.lines == ["F-1 of shop: it was lost with node 3\\x1b[31m and is run again"]
    log.progress.still_running()
    assert "shop/F-1 (0 s)" in log.lines[-1]


def test_one_falsifier_of_two_items_runs_twice():
    log = Log()
    log.progress(Started("shop", "F-1", "runs/a"))
    log.progress(Started("shop", "F-1", "runs/b"))
    log.progress(Judged(judged("shop", "F-1"), "runs/a"))
    log.progress.still_running()
    assert log.lines[-1].endswith("running: runs/b: shop/F-1 (0 s)")
    log.progress(Lost("shop", "F-1", "it was lost with node 3", "runs/b"))
    assert log.lines[-1] == "F-1 of shop, runs/b: it was lost with node 3"
    log.progress(Judged(judged("shop", "F-1"), "runs/b"))
    log.progress.still_running()
    assert log.lines[-1].endswith("running: no falsifier at the moment")


def test_thousands_of_contracts_do_not_flood_the_log():
    log = Log()
    log.progress(Planned(5000, 5000))
    for number in range(5000):
        log.progress(ContractJudged(result(f"contract-{number}", "held")))
    assert len(log.lines) == 1 + MOST_LINES
    assert log.lines[-1].endswith("the others are summed up every 30 s")


def test_a_log_that_is_closed_costs_no_verdict():
    log = Log()
    log.out.close()
    log.progress(Planned(1, 0))
    log.progress.still_running()


def test_it_is_said_now_and_then_and_no_more_when_it_is_over():
    said: list[int] = []
    with now_and_then(lambda: said.append(1), seconds=0.001):
        while len(said) < 3:
            pass
    told = len(said)
    with now_and_then(lambda: said.append(1), seconds=3600):
        pass
    assert len(said) == told


@pytest.mark.parametrize(
    ("terminal", "environment", "quiet", "manner"),
    [
        (True, {"TERM": "xterm-256color"}, False, "drawn"),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False, "drawn"),
        (True, {"TERM": "dumb"}, False, "lines"),
        (True, {"TERM": "xterm", "CI": "true"}, False, "lines"),
        (True, {"TERM": "xterm", "CI": "false"}, False, "drawn"),
        (True, {"TERM": "xterm"}, True, "nothing"),
        (False, {}, False, "nothing"),
        (False, {"FORCE_COLOR": "1"}, False, "nothing"),
        (False, {"CI": "true"}, False, "lines"),
        (False, {"CI": "true", "FORCE_COLOR": "1"}, False, "lines"),
        (False, {"CI": "true"}, True, "nothing"),
    ],
)
def test_how_progress_is_shown(terminal, environment, quiet, manner):
    stream = Terminal() if terminal else io.StringIO()
    assert manner_of(stream, quiet=quiet, environment=environment) == manner
