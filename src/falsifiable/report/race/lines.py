"""The runs of a race while it runs, in plain lines for logs: what ended, what was decided, and how far the rest is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.lane import Lane
from falsifiable.report.manner import MOST_LINES, SECONDS_BETWEEN
from falsifiable.report.text import clean, counted


class RaceLines:
    """Looks on, and writes lines to ``out``. ``clock`` counts seconds from whenever it likes."""

    def __init__(self, plan: RacePlan, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan, self._out, self._clock = plan, out, clock
        self._ended: set[str] | None = None
        self._decided = 0
        self._said = clock()

    def __call__(self, lanes: Sequence[Lane], conductor: Conductor) -> None:
        """Say what is new since the last look; what was so at the first is of an earlier call, and not told again."""
        ended = {lane.name: lane for lane in lanes if lane.has_ended}
        if self._ended is None:
            self._ended, self._decided = set(ended), conductor.rung
            self._say(f"{clean(self._plan.race)}: {counted(len(lanes), 'run')}, {len(ended)} of them over already")
        for name in sorted(ended.keys() - self._ended) if len(self._ended) < MOST_LINES else ():
            self._tell(ended[name])
        self._ended |= ended.keys()
        for rung in range(self._decided, conductor.rung):
            actions = Counter(one.action for one in conductor.decisions[rung])
            self._say(f"rung {rung} decided: {', '.join(f'{number} {action}' for action, number in actions.items())}")
        self._decided = conductor.rung
        if self._clock() - self._said >= SECONDS_BETWEEN:
            self._say(self._far(lanes))

    def _tell(self, lane: Lane) -> None:
        value = "" if lane.value is None else f", {lane.value:.4f} {self._plan.unit}"
        reason = f" ({clean(lane.reason)})" if lane.reason else ""
        self._say(f"{clean(lane.name)} {lane.result} at step {lane.last_step}/{self._plan.steps}{value}{reason}")

    def _far(self, lanes: Sequence[Lane]) -> str:
        standings = Counter(lane.standing for lane in lanes)
        steps = [lane.last_step for lane in lanes if not lane.has_ended]
        said = ", ".join(f"{number} {standing}" for standing, number in standings.items())
        slowest = f"; the slowest is at step {min(steps)} of {self._plan.steps}" if steps else ""
        return f"{clean(self._plan.race)}: {said}{slowest}"

    def _say(self, line: str) -> None:
        self._said = self._clock()
        with suppress(OSError, ValueError):  # a log that is gone or closed is no reason to end a race
            self._out.write(line + "\n")
            self._out.flush()
