"""Whether phi-anchored seeds do better than others: the hypothesis of the reference race, tested and not assumed.

Its own words: the mean final value of phi-anchored seeds lies more than 2 sigma below that of uniform seeds, where
sigma is the spread of finals among uniform seeds of the same recipe. Two tests must both say so: that there is a
difference at all (a permutation test, which assumes no distribution), and that it is larger than 2 sigma. For the
second, the difference over the *estimated* sigma follows a noncentral t-distribution; a test that took the estimate for
the truth would support the hypothesis four times as often as its level allows (measured with five against five runs).
"""

from __future__ import annotations

import math
import random
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Answer = Literal["supported", "not supported", "too few"]

MIN_GROUP = 4
"""With 4 against 4 there are 70 arrangements, the fewest at which a permutation test can fall below 0.05 at all."""

MAX_EXACT = 5_000
"""Arrangements that are enumerated; above it as many are drawn, from a fixed generator."""


@dataclass(frozen=True, slots=True)
class SeedHypothesis:
    """The answer, with everything it rests on; values are in the unit of the finals, smaller is better.

    Attributes:
        answer: ``supported`` where the difference is significant, and significantly beyond the threshold.
        difference: mean of the group that is said to be better minus mean of the other; negative is better.
        sigma: standard deviation of the other group.
        threshold: what the difference must be below: ``-sigmas * sigma``.
        p_effect: probability of so large an effect if the true one were exactly the threshold.
        p_permutation: probability of so low a mean by arrangement alone, were there no difference.
        p_welch: the same by Welch's t-test, for comparison.
        alpha: the level.
        sizes: finite finals of both groups.
    """

    answer: Answer
    difference: float
    sigma: float
    threshold: float
    p_effect: float
    p_permutation: float
    p_welch: float
    alpha: float
    sizes: tuple[int, int]


def judge_seed_hypothesis(
    better: Sequence[float], others: Sequence[float], *, sigmas: float = 2.0, alpha: float = 0.05
) -> SeedHypothesis:
    """Test that finals of ``better`` lie more than ``sigmas`` standard deviations of ``others`` below theirs.

    Args:
        better: final values of runs with phi-anchored seeds, of one recipe.
        others: final values of runs of that recipe with uniform seeds.
        sigmas: the effect that is claimed.
        alpha: the level of the both one-sided tests.
    """
    claimed, rest = ([one for one in group if math.isfinite(one)] for group in (better, others))
    sizes = (len(claimed), len(rest))
    if min(sizes) < MIN_GROUP:
        none = math.nan
        return SeedHypothesis("too few", none, none, none, none, none, none, alpha, sizes)
    difference = statistics.fmean(claimed) - statistics.fmean(rest)
    sigma = statistics.stdev(rest)
    threshold = -sigmas * sigma
    p_effect = _effect_p(difference, sigma, sigmas, sizes)
    p_permutation = _permutation_p(claimed, rest)
    answer: Answer = "supported" if max(p_effect, p_permutation) < alpha else "not supported"
    return SeedHypothesis(
        answer, difference, sigma, threshold, p_effect, p_permutation, _welch_p(claimed, rest), alpha, sizes
    )


def _effect_p(difference: float, sigma: float, sigmas: float, sizes: tuple[int, int]) -> float:
    """One-sided p against a true difference of ``-sigmas`` standard deviations, both groups normal and as wide."""
    if not sigma:
        return 0.0 if difference < 0 else 1.0
    from scipy import stats

    root = math.sqrt(sizes[0] * sizes[1] / sum(sizes))
    return float(stats.nct.cdf(difference / sigma * root, df=sizes[1] - 1, nc=-sigmas * root))


def _permutation_p(lower: Sequence[float], rest: Sequence[float]) -> float:
    """The share of arrangements whose first group lies as low as ``lower``; all of them, or many drawn."""
    pooled, size = [*lower, *rest], len(lower)
    observed = math.fsum(lower)
    if math.comb(len(pooled), size) <= MAX_EXACT:
        return _exact_share(pooled, size, observed)
    generator = random.Random(0)  # noqa: S311 - the same finals give the same answer
    as_low = sum(math.fsum(generator.sample(pooled, size)) <= observed for _ in range(MAX_EXACT))
    return (as_low + 1) / (MAX_EXACT + 1)


def _exact_share(pooled: Sequence[float], size: int, observed: float) -> float:
    from itertools import combinations

    sums = [math.fsum(one) for one in combinations(pooled, size)]
    slack = 1e-12 * max(1.0, abs(observed))  # equal sums may differ in their last bit
    return sum(one <= observed + slack for one in sums) / len(sums)


def _welch_p(lower: Sequence[float], rest: Sequence[float]) -> float:
    """One-sided p of Welch's t-test; NaN where neither group varies."""
    if not statistics.pstdev(lower) + statistics.pstdev(rest):
        return math.nan
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # finals that are all the same have no spread, and p is NaN
        return float(stats.ttest_ind(lower, rest, equal_var=False, alternative="less").pvalue)
