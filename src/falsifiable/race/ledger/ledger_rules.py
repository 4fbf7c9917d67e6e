"""What may happen to a run next, asked before it is written so that the refusal carries its values.

The same rules stand as triggers in the file, for every other program that writes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from falsifiable.artifacts.races.chain import Row
from falsifiable.artifacts.races.layout import HIGHEST_UNTRAINED
from falsifiable.artifacts.races.rows import ENDED, LIVE, Sample, Status
from falsifiable.race.errors import (
    CrossAccountKillForbidden,
    ForbiddenTransition,
    ImplausibleDone,
    RaceError,
    RunAlreadyEnded,
    RunNotStarted,
    SlotStillOccupied,
    StepNotIncreasing,
    TimeRunsBackwards,
    UnknownRun,
    ValueOutOfRange,
)
from falsifiable.race.ledger.ledger_file import LedgerFile

_ENDS: tuple[Status, ...] = ("stopped", "failed", "killed")
_NEXT: dict[str, tuple[Status, ...]] = {"claimed": ("running", *_ENDS), "running": ("done", *_ENDS)}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands: what was asked of it, its status, and the last thing it logged."""

    run: str
    slot: str
    account: str
    steps: int
    status: Status
    changes: int
    last: Sample | None

    def next_state(self, status: Status, **said: object) -> Row:
        """The row that gives it this status."""
        empty = {"pid": None, "steps_done": None, "seconds": None, "reported": None, "reason": ""}
        return {"run": self.run, "number": self.changes + 1, "status": status, **empty, **said}


def standing(file: LedgerFile, run: str) -> Standing:
    """How ``run`` stands now. Raises UnknownRun."""
    found = file.rows("SELECT slot, account, steps FROM entries WHERE name = ?", run)
    if not found:
        raise UnknownRun(run, file.rows("SELECT name FROM race")[0][0])
    number, status = file.rows("SELECT number, status FROM states WHERE run = ? ORDER BY number DESC LIMIT 1", run)[0]
    last = file.rows(
        "SELECT step, value, evaluation, seconds FROM samples WHERE run = ? ORDER BY step DESC LIMIT 1", run
    )
    slot, account, steps = found[0]
    return Standing(run, slot, account, steps, status, number, Sample(*last[0]) if last else None)


def check_start(one: Standing) -> None:
    """Raise SlotStillOccupied for a run that runs already, RunAlreadyEnded for one that ended."""
    if one.status == "running":
        raise SlotStillOccupied(one.slot, (one.run,))
    if one.status in ENDED:
        raise RunAlreadyEnded(one.run, one.status)


def check_account(one: Standing, account: str | None) -> None:
    """Raise CrossAccountKillForbidden where another account than its own ends a run; None is its own worker."""
    if account is not None and account != one.account:
        raise CrossAccountKillForbidden(one.run, one.account, account)


def check_end(one: Standing, status: Status, steps_done: int, seconds: float, bounds: tuple[float, float]) -> None:
    """Raise RunAlreadyEnded, ForbiddenTransition or, for a ``done`` that cannot be, ImplausibleDone."""
    if one.status in ENDED:
        raise RunAlreadyEnded(one.run, one.status)
    if status not in _NEXT[one.status]:
        raise ForbiddenTransition(one.run, one.status, status)
    if status == "done" and (reason := _why_not_done(one, steps_done, seconds, bounds)):
        raise ImplausibleDone(one.run, reason)


def _why_not_done(one: Standing, steps_done: int, seconds: float, bounds: tuple[float, float]) -> str:
    if steps_done != one.steps:
        return f"it ended at step {steps_done} and was asked for {one.steps}"
    if not seconds > 0:
        return f"it took {seconds} seconds"
    if one.last is None:
        return "it logged no value"
    if not bounds[0] <= one.last.value <= bounds[1]:
        return f"its last value, {one.last.value:g}, lies outside {bounds[0]:g} to {bounds[1]:g}"
    return ""


def sound_points(one: Standing, points: Iterable[Sample], ceiling: float) -> tuple[Sequence[Sample], RaceError | None]:
    """The points up to the first that cannot follow, and the error of that one; None where all can."""
    if one.status not in LIVE:
        return (), RunAlreadyEnded(one.run, one.status)
    if one.status == "claimed":
        return (), RunNotStarted(one.run)
    sound: list[Sample] = []
    last = one.last
    for point in points:
        if fault := _fault(one.run, point, last, ceiling):
            return sound, fault
        sound.append(point)
        last = point
    return sound, None


def _fault(run: str, point: Sample, last: Sample | None, ceiling: float) -> RaceError | None:
    before = -1 if last is None else last.step
    if point.step <= before:
        return StepNotIncreasing(run, point.step, before)
    highest = HIGHEST_UNTRAINED if point.step == 0 else ceiling
    if not 0 <= point.value <= highest:  # NaN is in no range
        return ValueOutOfRange(run, point.step, point.value, 0.0, highest)
    if not math.isfinite(point.seconds) or point.seconds < (0.0 if last is None else last.seconds):
        return TimeRunsBackwards(run, point.step, point.seconds, 0.0 if last is None else last.seconds)
    return None
