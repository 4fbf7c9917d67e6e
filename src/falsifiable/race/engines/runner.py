"""The local engine: every run of a race as a process of this machine, a few at once, everything in the ledger.

The runner starts as many runs as there are workers, follows their logs and decides at each rung as soon as its cohort
is there. Without ``apply`` the decisions are advice: every run goes on to its end. With it, a run that reached the rung
before the others waits there, computing nothing, until the cohort has decided; then it goes on, or is asked to end.

A runner that was interrupted or killed is simply started again on the same folder. Claims are repeated under the same
keys and give the same runs; what had ended stays as it ended; a run that was going is trained again from its start as a
new attempt, and must log the values that the ledger already has of it: a run that does not repeat them has failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.commands import command_of
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.interruption import Interruption
from falsifiable.race.engines.lane import Lane
from falsifiable.race.engines.run_limits import run_limits

TICK_SECONDS = 0.05

Watch = Callable[[Sequence[Lane], Conductor], None]


def nobody(lanes: Sequence[Lane], conductor: Conductor) -> None:
    """Looks on, and sees nothing: for a race that nobody watches."""
    del lanes, conductor


class LocalRunner:
    """One race on this machine, whose runs were claimed.

    Args:
        book: its runs and its ledger.
        workers: runs at once.
        watch: is shown the runs about twenty times a second.
    """

    def __init__(self, book: Book, workers: int, watch: Watch = nobody) -> None:
        self._book, self._workers, self._watch = book, workers, watch
        self._plan = book.plan
        self._limits = run_limits(book.plan)
        self._started = time.monotonic()

    def run(self) -> None:
        """Run what was claimed to its end.

        Raises:
            KeyboardInterrupt: asked to end; every process was ended gracefully, or at once where it was asked twice.
            CommandError: the plan lacks what starting a run needs.
            OSError: the program of the command cannot be started.
        """
        self._started = time.monotonic()
        with Interruption() as asked:
            try:
                while self._tick():
                    if asked.times:
                        raise KeyboardInterrupt
                    time.sleep(TICK_SECONDS)
            finally:
                self._end_processes(asked)

    def _tick(self) -> bool:
        """Look at every run once; whether any has not ended."""
        for lane in self._book.lanes:
            if lane.process is not None and not lane.has_ended:
                self._follow(lane)
        self._book.decide()
        self._start_or_resume()
        self._watch(self._book.lanes, self._book.conductor)
        return not all(lane.has_ended for lane in self._book.lanes)

    def _follow(self, lane: Lane) -> None:
        assert lane.process is not None and lane.log is not None  # noqa: S101, PT018 - it was started
        code = lane.process.code  # asked before the log is read, so that nothing written before the end is missed
        self._book.said(lane, lane.log.read(to_end=code is not None))
        if code is None:
            self._enforce(lane)
        else:
            lane.process.clear()
            self._book.ended(lane, code)

    def _enforce(self, lane: Lane) -> None:
        """Hold the run at its rung, and to its limits."""
        assert lane.process is not None  # noqa: S101 - it was started
        if said := self._limits.exceeded(lane.process.seconds, lane.last_step) or self._overdue():
            lane.end(said, failed=True)
        if lane.process.end_if_overdue(self._limits.grace):
            self._book.ledger.note("killed", lane.name, {"after_seconds": self._limits.grace})
        if self._book.waits_at_rung(lane) and not lane.is_ending:
            lane.process.hold()

    def _overdue(self) -> str:
        most = self._plan.limits.race_seconds if self._plan.limits else None
        if most is None or time.monotonic() - self._started <= most:
            return ""
        return f"the race ran longer than {most:g} seconds"

    def _start_or_resume(self) -> None:
        """Fill the free workers: with runs that may leave their rung, then with runs that have not begun."""
        lanes = self._book.lanes
        if said := self._overdue():
            for lane in lanes:
                if lane.standing == "waiting":
                    self._book.given_up(lane, said)
        ready = [lane for lane in lanes if lane.standing == "held" and not self._book.waits_at_rung(lane)]
        ready += [lane for lane in lanes if lane.standing == "waiting"]
        for lane in ready:
            if len(self._active()) >= self._workers:
                return
            if self._has_slot(lane):
                self._start(lane)

    def _active(self) -> list[Lane]:
        return [lane for lane in self._book.lanes if lane.standing in ("running", "ending")]

    def _has_slot(self, lane: Lane) -> bool:
        account = self._plan.accounts.get(lane.entrant.account)
        busy = sum(1 for one in self._active() if one.entrant.account == lane.entrant.account)
        return account is None or busy < account.slots

    def _start(self, lane: Lane) -> None:
        if lane.process is not None:
            lane.process.go_on()
            return
        command = command_for(self._plan, lane)
        assert self._plan.log is not None  # noqa: S101 - asked for before anything is started
        pid = lane.start(command, self._plan.log)
        self._book.started(lane, command, pid)

    def _end_processes(self, asked: Interruption) -> None:
        """Leave no process behind: ask all to end, and kill those that outlast their grace."""
        left = [lane for lane in self._book.lanes if lane.process is not None and lane.process.code is None]
        for lane in left:
            lane.end("the runner was interrupted", failed=False)
        deadline = time.monotonic() + self._limits.grace
        while any(_lives(lane) for lane in left) and time.monotonic() < deadline and asked.times < 2:
            time.sleep(TICK_SECONDS)
        for lane in left:
            if lane.process is not None:
                lane.process.clear()
                lane.process.wait()
            self._book.ledger.note("interrupted", lane.name, {"step": lane.last_step})


def command_for(plan: RacePlan, lane: Lane) -> tuple[str, ...]:
    """The command of one run of the plan. Raises CommandError where the plan lacks what it names."""
    entry = lane.entrant.entry
    return command_of(
        plan.command,
        name=lane.name,
        seed=entry.seed,
        steps=entry.steps,
        folder=lane.folder,
        config=entry.config,
        model=plan.recipes[entry.recipe].model,
        evaluate_every=plan.evaluate_every,
    )


def _lives(lane: Lane) -> bool:
    return lane.process is not None and lane.process.code is None
