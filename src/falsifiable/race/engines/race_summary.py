"""What came of a race: every run by its final value, what was decided about it, and what the probes found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from falsifiable.artifacts.races.rows import RaceRun
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.engines.probes import Probe
from falsifiable.race.ledger.ledger import Ledger

FAILED = ("failed", "killed")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run at the end of the race.

    Attributes:
        run, recipe, seed, exp_id: what it is.
        status: how it ended.
        step, value: its last value and the step of it; None before the first.
        seconds: wall clock that it computed.
        decision: what the last rung that decided about it said, such as ``rung 1: stop (DIVERGING)``.
        reason: why it ended.
    """

    run: str
    recipe: str
    seed: int
    exp_id: int
    status: str
    step: int
    value: float | None
    seconds: float | None
    decision: str
    reason: str


@dataclass(frozen=True, slots=True)
class RaceSummary:
    """A race at its end, its runs ordered by their last value, the best first."""

    race: str
    unit: str
    seconds: float
    runs: tuple[RunSummary, ...]
    probes: tuple[Probe, ...]

    @property
    def is_sound(self) -> bool:
        """Whether no run failed and every probe was refused as it should be."""
        return not any(one.status in FAILED for one in self.runs) and all(one.held for one in self.probes)

    def as_json(self) -> Mapping[str, Any]:
        """All of it as JSON values."""
        return asdict(self) | {"sound": self.is_sound}

    def as_text(self) -> str:
        """A table for a person, and under it what went wrong."""
        width = max((len(one.run) for one in self.runs), default=0)
        lines = [_line(place, one, width) for place, one in enumerate(self.runs, start=1)]
        lines += [f"failed   {one.run}: {one.reason}" for one in self.runs if one.status in FAILED]
        lines += [
            f"probe    {one.name}: expected {one.expected}, the ledger answered {one.found}"
            for one in self.probes
            if not one.held
        ]
        counts = ", ".join(f"{number} {status}" for status, number in Counter(one.status for one in self.runs).items())
        probes = f"; {sum(one.held for one in self.probes)} of {len(self.probes)} probes held" if self.probes else ""
        return "\n".join([*lines, f"\n{self.race}: {counts} in {self.seconds:.0f} s{probes}"])


RACE_ENDED = "race-ended"
"""The kind of the event that a race leaves when its last run has ended."""


def concluded(ledger: Ledger, race: str, unit: str, seconds: float, probes: tuple[Probe, ...]) -> RaceSummary:
    """Note in the ledger that the race has ended, and summarise it from there."""
    ledger.note(RACE_ENDED, None, {"seconds": round(seconds, 1)})
    return summarised(ledger, race, unit, seconds, probes)


def summarised(
    ledger: Ledger, race: str, unit: str, seconds: float = 0.0, probes: tuple[Probe, ...] = ()
) -> RaceSummary:
    """The summary of a race from its ledger."""
    last = {decision.run: decision for decision in ledger.decisions()}
    values = {curve.run: (curve.steps[-1], curve.final) for curve in ledger.curves()}
    runs = [_summary(run, values.get(run.name), last.get(run.name)) for run in ledger.entries()]
    runs.sort(key=lambda one: (one.value if one.value is not None else math.inf, one.run))
    return RaceSummary(race, unit, round(seconds, 1), tuple(runs), probes)


def _summary(run: RaceRun, last: tuple[int, float] | None, decision: Decision | None) -> RunSummary:
    said = "" if decision is None else f"rung {decision.rung}: {decision.action} ({decision.state})"
    step, value = last if last is not None else (0, None)
    return RunSummary(
        run.name, run.recipe, run.seed, run.exp_id, run.status, step, value, run.seconds, said, run.reason
    )


def _line(place: int, one: RunSummary, width: int) -> str:
    value = "-" if one.value is None else f"{one.value:.4f}"
    seconds = "-" if one.seconds is None else f"{one.seconds:.1f} s"
    return f"{place:>3}  {one.run:<{width}}  {one.status:<8} {one.step:>7} {value:>9} {seconds:>9}  {one.decision}"
