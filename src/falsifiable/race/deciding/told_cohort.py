"""The cohort of an engine that tells values one by one: what it has told so far, and what was decided of it.

Optuna and Ray ask about one trial at a time, in whatever order their workers run. Here the answers are collected until
the cohort has reached its rung; then ``decide`` is asked once, on the values up to that rung alone, so that the engine
gets the decisions that it would have got from a ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decide import cohort_ready, decide
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.predicting.prediction import Predictor


@dataclass(frozen=True, slots=True)
class Entered:
    """A run that is in the race: what its curve is called, and how long it is to be."""

    run: str
    recipe: str
    seed: int | None
    planned_steps: int


def decided(
    plan: RacePlan, curves: Sequence[Curve], predictor: Predictor, *, ended: Collection[str] = (), cohort: int
) -> tuple[tuple[Decision, ...], ...]:
    """The decisions of every rung that ``curves`` have reached, in order: a pure function of what was recorded.

    Args:
        plan: the race.
        curves: all runs that entered, those stopped earlier included.
        predictor: what ranks.
        ended: runs that log nothing more.
        cohort: how many runs the race has; nothing is decided while fewer have entered.
    """
    found: list[tuple[Decision, ...]] = []
    stopped: set[str] = set()
    if len(curves) < cohort:
        return ()
    for rung in range(len(plan.rungs)):
        live = [one for one in curves if one.run not in stopped]
        if not live or not cohort_ready(plan, live, rung, ended):
            break
        found.append(decide(plan, live, predictor, rung, ended=ended))
        stopped |= {one.run for one in found[-1] if one.action == "stop"}
    return tuple(found)


@dataclass(slots=True)
class ToldCohort:
    """Values as an engine tells them.

    Attributes:
        plan, predictor: what decides.
        cohort: how many runs the race has.
        rungs: the decisions so far, one tuple for each rung that was decided.
    """

    plan: RacePlan
    predictor: Predictor
    cohort: int
    rungs: list[tuple[Decision, ...]] = field(default_factory=list)
    _entered: dict[str, Entered] = field(default_factory=dict)
    _values: dict[str, dict[int, float]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def enter(self, one: Entered) -> None:
        """A run joins. Raises ValueError where one of its name is there, or the cohort is complete."""
        if one.run in self._entered:
            raise ValueError(f"run {one.run} is in the race already; runs differ by name")
        if len(self._entered) == self.cohort:
            raise ValueError(f"run {one.run} is one more than the {self.cohort} runs of the race's cohort")
        self._entered[one.run] = one
        self._values[one.run] = {}

    def tell(self, run: str, step: int, value: float) -> None:
        """A value of a run; what a restored run repeats counts once, as it was first told."""
        self._values[run].setdefault(step, value)

    def end(self, run: str) -> None:
        """The run will tell nothing more."""
        self._ended.add(run)

    @property
    def stopped(self) -> Mapping[str, Decision]:
        """The decision that stopped each stopped run."""
        return {one.run: one for rung in self.rungs for one in rung if one.action == "stop"}

    def waits(self, run: str) -> bool:
        """Whether the run has reached a rung at which the cohort has not decided yet."""
        number = len(self.rungs)
        if number >= len(self.plan.rungs) or run in self._ended or run in self.stopped:
            return False
        return any(step >= self.plan.rung_step(number) for step in self._values[run])

    def advance(self) -> tuple[Decision, ...]:
        """Decide at every rung that the cohort has reached; the new decisions, in order."""
        new: list[Decision] = []
        while len(self.rungs) < len(self.plan.rungs) and len(self._entered) == self.cohort:
            live = [self._curve(run) for run in self._entered if run not in self.stopped]
            if not live or not cohort_ready(self.plan, live, len(self.rungs), self._ended):
                break
            self.rungs.append(decide(self.plan, live, self.predictor, len(self.rungs), ended=self._ended))
            new.extend(self.rungs[-1])
        return tuple(new)

    def _curve(self, run: str) -> Curve:
        one, values = self._entered[run], self._values[run]
        steps = tuple(sorted(values))
        told = tuple(values[step] for step in steps)
        return Curve(run, one.recipe, one.seed, self.plan.unit, steps, told, one.planned_steps)
