"""Cohorts of generated curves for tests: a run's value falls as a power law towards its own level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.read_race import read_race
from falsifiable.race.predicting.prediction import Prediction

STEPS = tuple(range(10, 510, 10))


@cache
def reference() -> RacePlan:
    """The reference race."""
    plan = read_race(Path(__file__).parent / "data" / "race.yaml").plan
    assert plan is not None
    return plan


def plan_of(**changes: object) -> RacePlan:
    """The reference race, changed."""
    return replace(reference(), **changes)  # type: ignore[arg-type]


def curve(run: str, level: float, *, seed: int = 500, slope: float = 0.0, steps: Sequence[int] = STEPS) -> Curve:
    """A run that falls towards ``level``, and drifts by ``slope`` per step."""
    values = tuple(level + 3 / math.sqrt(step) + slope * step for step in steps)
    return Curve(run, "wsd", seed, "bits_per_byte", tuple(steps), values, 500)


def cohort(count: int) -> list[Curve]:
    """``count`` runs, the first the best."""
    return [curve(f"run-{number}", 2 + number / 20, seed=500 + number) for number in range(count)]


class Known:
    """A predictor that knows the ends: the level that was asked for, or today's value."""

    name = "known"

    def __init__(self, ends: dict[str, float] | None = None, *, may_stop: bool = True, half: float = 0.0) -> None:
        self.ends, self.may_stop, self.half = ends or {}, may_stop, half

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        return tuple(self._one(curve) for curve in curves)

    def _one(self, curve: Curve) -> Prediction:
        value = self.ends.get(curve.run, curve.values[-1])
        bounds = (value, value - self.half, value + self.half, math.nan, math.nan, math.nan)
        return Prediction(curve.run, curve.steps[-1], curve.last_step, *bounds, self.name, self.may_stop)
