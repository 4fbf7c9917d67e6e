"""Expected gains against measured ones: whether those who planned the experiments knew what would help.

A gain is the mean final of the recipe compared with, minus the mean final of the recipe: positive is better. Its
interval comes from seed noise alone: the spread of finals within each recipe, pooled over all recipes that ran with two
seeds or more, because no recipe has enough seeds to know its own spread.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.judging.phases import Experiment

Outcome = Literal["hit", "miss", "undecided", "not run"]
Sign = Literal["right", "wrong", "unclear"]

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class GainRow:
    """One expectation and what became of it; values in the unit of the race.

    Attributes:
        recipe, against: what was compared.
        expected: the gain that was registered.
        measured: the gain of the finals, None where one side has none.
        low, high: its 95 % interval, infinite where no recipe shows seed noise.
        seeds: finals behind the recipe and behind what it was compared with.
        sign: whether it helped at all as expected: unclear while the interval holds 0.
        outcome: ``hit`` where the interval holds what was expected and not 0; ``miss`` where it does not hold what was
            expected; ``undecided`` where it holds both, so that more seeds are needed.
    """

    recipe: str
    against: str
    expected: float
    measured: float | None
    low: float
    high: float
    seeds: tuple[int, int]
    sign: Sign
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class GainTable:
    """All expectations of a race, and how many of those that could be decided came true."""

    rows: tuple[GainRow, ...]
    noise: float
    degrees: int

    @property
    def hits(self) -> int:
        """Expectations that came true."""
        return sum(one.outcome == "hit" for one in self.rows)

    @property
    def decided(self) -> int:
        """Expectations that the runs were able to decide."""
        return sum(one.outcome in ("hit", "miss") for one in self.rows)

    @property
    def signs_right(self) -> int:
        """Recipes that helped, or hurt, as was expected."""
        return sum(one.sign == "right" for one in self.rows)


def judge_gains(experiments: Sequence[Experiment], curves: Sequence[Curve]) -> GainTable:
    """Every registered gain of ``experiments`` beside what ``curves`` show.

    Only runs that reached the step they were asked for enter, with their final value. An experiment without a gain, or
    without a recipe to compare with, registers nothing.
    """
    finals = _finals(curves)
    noise, degrees = pooled_noise(finals)
    expected: dict[tuple[str, str], float] = {}
    for one in experiments:
        if one.gain is not None and one.against is not None:
            expected.setdefault((one.recipe, one.against), one.gain)
    quantile = _quantile(degrees)
    rows = tuple(
        _row(recipe, against, gain, finals.get(recipe, ()), finals.get(against, ()), noise * quantile)
        for (recipe, against), gain in expected.items()
    )
    return GainTable(rows, noise, degrees)


def pooled_noise(finals: Mapping[str, Sequence[float]]) -> tuple[float, int]:
    """The standard deviation of finals within recipes, with its degrees of freedom; NaN and 0 where none has two."""
    groups = [values for values in finals.values() if len(values) > 1]
    degrees = sum(len(values) - 1 for values in groups)
    if not degrees:
        return math.nan, 0
    squares = math.fsum((len(values) - 1) * statistics.variance(values) for values in groups)
    return math.sqrt(squares / degrees), degrees


def _finals(curves: Sequence[Curve]) -> dict[str, list[float]]:
    """Finite finals by recipe, of runs that got where they were asked to."""
    found: dict[str, list[float]] = {}
    for curve in curves:
        reached = curve.steps and curve.planned_steps in (None, curve.steps[-1])
        if reached and math.isfinite(curve.final):
            found.setdefault(curve.recipe, []).append(curve.final)
    return found


def _quantile(degrees: int) -> float:
    if not degrees:
        return math.inf
    from scipy import stats

    return float(stats.t.ppf((1 + LEVEL) / 2, degrees))


def _row(
    recipe: str, against: str, expected: float, ours: Sequence[float], theirs: Sequence[float], width: float
) -> GainRow:
    seeds = (len(ours), len(theirs))
    if not ours or not theirs:
        return GainRow(recipe, against, expected, None, -math.inf, math.inf, seeds, "unclear", "not run")
    measured = statistics.fmean(theirs) - statistics.fmean(ours)
    half = math.inf if math.isnan(width) else width * math.sqrt(1 / len(ours) + 1 / len(theirs))
    low, high = measured - half, measured + half
    decided = not low <= 0 <= high
    right = decided and (measured > 0) == (expected > 0) and expected != 0
    sign: Sign = "unclear" if not decided else "right" if right else "wrong"
    outcome: Outcome = "miss" if not low <= expected <= high else "hit" if decided else "undecided"
    return GainRow(recipe, against, expected, measured, low, high, seeds, sign, outcome)
