"""How far the best value of a race was from its best in the end, over the compute that was spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from falsifiable.artifacts.curves.curve import Curve


@dataclass(frozen=True, slots=True)
class RegretPoint:
    """The race when its runs had reached one step.

    Attributes:
        step: how far the runs had come, those that had ended earlier aside.
        spent: optimizer steps of all runs until then.
        spent_without_stops: what it would have been had every run gone as far, or to its own last step.
        regret: the best value that any run had logged until then, less the best value that any logged at all; 0 at the
            end. In the unit of the curves.
    """

    step: int
    spent: int
    spent_without_stops: int
    regret: float


def regret_over_compute(curves: Sequence[Curve]) -> tuple[RegretPoint, ...]:
    """One point for each step at which some run logged a value, in order; none where nothing finite was logged.

    It speaks of what was recorded: how low a run would have come that was stopped, nobody knows. The back-test of a
    predictor answers that, on curves that were run to their end.
    """
    best = min((value for one in curves for value in one.values if math.isfinite(value)), default=math.nan)
    if not math.isfinite(best):
        return ()
    logged = sorted(
        (step, value)
        for one in curves
        for step, value in zip(one.steps, one.values, strict=True)
        if math.isfinite(value) and step >= 0
    )
    ends = [max(one.steps, default=0) for one in curves]
    asked = [max(end, one.last_step if one.steps else 0) for end, one in zip(ends, curves, strict=True)]
    points: dict[int, RegretPoint] = {}
    so_far = math.inf
    for step, value in logged:
        so_far = min(so_far, value)
        spent = points[step].spent if step in points else sum(min(end, step) for end in ends)
        points[step] = RegretPoint(step, spent, sum(min(end, step) for end in asked), so_far - best)
    return tuple(points.values())


def share_of_compute(curves: Sequence[Curve]) -> float:
    """Steps that were run, of those that the runs were asked for; nan where nobody asked for any."""
    asked = sum(max(one.last_step, 0) for one in curves if one.steps)
    done = sum(max((*one.steps, 0)) for one in curves)
    return done / asked if asked else math.nan
