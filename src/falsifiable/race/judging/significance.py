"""Whether a few finals show that a recipe is below a baseline: the victory test of a gate."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from falsifiable.race.errors import TtestFailed


@dataclass(frozen=True, slots=True)
class Significance:
    """A one-sided t-test against ``baseline``, with an effect that is worth having.

    With three seeds (two degrees of freedom) a level of 0.01 needs t below -6.96: a standard deviation below a
    quarter of the effect.
    """

    baseline: float = field(metadata={"description": "the mean that the finals must lie below, in the race's unit"})
    alpha: float = field(default=0.01, metadata={"description": "the level of the one-sided t-test"})
    effect: float = field(default=0.0, metadata={"description": "how far below, at least"})


@dataclass(frozen=True, slots=True)
class TTest:
    """What the test found: mean and standard deviation of the finals, t, p, and the effect below the baseline."""

    finals: tuple[float, ...]
    mean: float
    deviation: float
    t: float
    p_value: float
    effect: float


def t_test(finals: Mapping[int, float], wanted: Significance) -> TTest:
    """The test of the finals by seed. All of them enter, whatever their order, and however many pass.

    Raises TtestFailed where there are fewer than two, they do not vary, the effect is too small or p is not below the
    level.
    """
    values = tuple(finals[seed] for seed in sorted(finals))
    mean = statistics.fmean(values) if values else math.nan
    effect = wanted.baseline - mean
    if len(values) < 2:
        raise TtestFailed("one final shows no spread", math.nan, wanted.alpha, effect, wanted.effect)
    deviation = statistics.stdev(values)
    if not deviation:
        raise TtestFailed("the finals do not vary at all", math.nan, wanted.alpha, effect, wanted.effect)
    from scipy import stats

    t = (mean - wanted.baseline) / (deviation / math.sqrt(len(values)))
    p_value = float(stats.t.cdf(t, df=len(values) - 1))
    if effect < wanted.effect:
        raise TtestFailed("the effect is too small", p_value, wanted.alpha, effect, wanted.effect)
    if not p_value < wanted.alpha:
        raise TtestFailed("the finals vary too much", p_value, wanted.alpha, effect, wanted.effect)
    return TTest(values, mean, deviation, t, p_value, effect)
