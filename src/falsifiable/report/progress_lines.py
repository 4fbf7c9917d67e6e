"""Progress of a validation in plain lines, for logs: one per contract, and now and then what is still running."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from falsifiable.report.formats.report import Mark, mark_of
from falsifiable.report.manner import MOST_LINES, SECONDS_BETWEEN
from falsifiable.report.text import clean, counted
from falsifiable.validation.events import Challenged, ContractJudged, Event, Finished, Judged, Lost, Planned, Started
from falsifiable.validation.results import ContractResult

_IN_ORDER: tuple[Mark, ...] = ("held", "falsified", "inconclusive", "vacuous", "could not run")
_MOST_NAMED = 5


class ProgressLines:
    """A listener that writes lines to ``out``. ``clock`` counts seconds from whenever it likes."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._began = clock()
        self._lock = threading.Lock()
        self._planned, self._later, self._judged, self._mutants, self._contracts = 0, 0, 0, 0, 0
        self._running: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event, and say what a log should have of it."""
        with self._lock:
            match event:
                case Planned():
                    self._plan(event)
                case Started():
                    self._running[_name(event.contract, event.falsifier, event.item)] = self._clock()
                case Lost():
                    of = f"{event.contract}, {event.item}" if event.item else event.contract
                    self._say(f"{clean(event.falsifier)} of {clean(of)}: {clean(event.said)}")
                case Judged():
                    self._judged += 1
                    judged = event.judgement
                    self._running.pop(_name(judged.contract, judged.falsifier, event.item), None)
                case ContractJudged():
                    self._tell(event.result)
                case Challenged():
                    self._mutants += 1
                case Finished():
                    self._running.clear()

    def still_running(self) -> None:
        """Say how far it is, and which falsifiers have been running for how long, the longest first."""
        with self._lock:
            now = self._clock()
            longest = sorted(self._running.items(), key=lambda one: one[1])
            named = [f"{clean(name)} ({now - since:.0f} s)" for name, since in longest[:_MOST_NAMED]]
            more = len(longest) - len(named)
            said = ", ".join(named) + (f" and {more} more" if more else "") if named else "no falsifier at the moment"
            mutants = f", {counted(self._mutants, 'falsifier')} put to mutations" if self._mutants else ""
            self._say(f"{self._far()} judged{mutants} after {now - self._began:.0f} s; running: {said}")

    def _plan(self, event: Planned) -> None:
        if not self._planned:
            of = f"the first {event.falsifiers}" if event.later else "them"
            known = f", {event.known} of {of} known already" if event.known else ""
            self._say(f"{counted(event.falsifiers + event.later, 'falsifier')} to judge{known}")
        self._planned += event.falsifiers
        self._later = event.later

    def _tell(self, result: ContractResult) -> None:
        self._contracts += 1
        if self._contracts < MOST_LINES:
            marks = Counter(map(mark_of, result.judgements))
            said = ", ".join(f"{marks[one]} {one}" for one in _IN_ORDER if marks[one])
            self._say(f"{self._far()} {clean(result.contract)}: {said or 'no falsifier'}")
        elif self._contracts == MOST_LINES:
            self._say(f"{self._far()} {clean(result.contract)}; the others are summed up every {SECONDS_BETWEEN:.0f} s")

    def _far(self) -> str:
        return f"[{self._judged}/{self._planned + self._later}]"

    def _say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a log that is gone or closed is no reason to lose a verdict
            self._out.write(line + "\n")
            self._out.flush()


def _name(contract: str, falsifier: str, item: str) -> str:
    """What a falsifier that runs is called: of many items each has one of the same contract and id."""
    return f"{item}: {contract}/{falsifier}" if item else f"{contract}/{falsifier}"


@contextmanager
def now_and_then(say: Callable[[], None], seconds: float = SECONDS_BETWEEN) -> Iterator[None]:
    """Call ``say`` every so many ``seconds`` while this is in use."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(seconds):
            say()

    thread = threading.Thread(target=go_on, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
