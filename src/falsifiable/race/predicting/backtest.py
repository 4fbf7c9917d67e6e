"""How far predictors can be trusted, measured on finished curves of recipes that they had not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.band import Settings, fit_band
from falsifiable.race.predicting.power_law import fit_power_laws
from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor
from falsifiable.race.predicting.recipes import folds, recipe_groups
from falsifiable.race.predicting.table import points_at, table_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DEFAULTS = Settings()
LEVEL = 0.95
LEAST_POINTS = 16
"""Of a finished curve that is judged: four points are a quarter of it."""
LEAST_POINTS_LEARNT = 8
_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Score:
    """One predictor on the curves of one unit.

    Attributes:
        predictor: its name.
        unit: of all values.
        curves: how many last values were predicted.
        median_error, p90_error: of the absolute errors.
        bias: the median of predicted minus true: above zero, the run ended lower than was said.
        intervals: how many of the curves got an interval; the next three are of these.
        coverage: the share of last values inside the interval.
        p_value: of the exact two-sided binomial test that the interval holds 95 %.
        half_width: the median half-width of the interval.
        regret: how much higher the run chosen by its prediction ended than the best of its cohort, on average; a cohort
            are the curves of one recipe group. NaN where no group has two.
    """

    predictor: str
    unit: str
    curves: int
    median_error: float
    p90_error: float
    bias: float
    intervals: int
    coverage: float
    p_value: float
    half_width: float
    regret: float

    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON values; what is not finite becomes None."""
        return {
            key: None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class _Said:
    """What was predicted of each curve: values and half-widths."""

    values: Array
    halves: Array


def backtest(
    curves: Sequence[Curve], share: float = 0.25, *, most_folds: int = 12, settings: Settings = DEFAULTS
) -> tuple[Score, ...]:
    """Every predictor on finished ``curves`` of one or several units, each cut at ``share`` of its points.

    The calibrated predictor is fitted and calibrated on the other folds alone; a fold holds whole groups of recipes, so
    that nothing like a judged curve was learnt from. Curves of fewer than ``LEAST_POINTS`` points are not judged.

    Args:
        curves: finished curves; those with a fault are left out.
        share: of the points, above 0 and below 1.
        most_folds: how many times the calibrated predictor is fitted; as many as groups leaves one recipe out.
        settings: of the calibrated predictor.
    """
    scores: list[Score] = []
    for unit in sorted({one.unit for one in curves}):
        some = [one for one in curves if one.unit == unit and not one.fault and len(one.steps) >= LEAST_POINTS_LEARNT]
        scores += _of_unit(unit, some, share, most_folds, settings)
    return tuple(scores)


def pooled_coverage(scores: Sequence[Score], predictor: str) -> float:
    """The share of last values inside the intervals of one predictor, over all units."""
    chosen = [one for one in scores if one.predictor == predictor]
    total = sum(one.intervals for one in chosen)
    return sum(one.coverage * one.intervals for one in chosen if one.intervals) / total if total else float("nan")


def _of_unit(unit: str, curves: list[Curve], share: float, most_folds: int, settings: Settings) -> list[Score]:
    judged = [place for place, one in enumerate(curves) if len(one.steps) >= LEAST_POINTS]
    seen = [curves[place].first(points_at(curves[place], share)) for place in judged]
    true = np.array([curves[place].final for place in judged])
    groups = np.array(recipe_groups(curves))[judged]
    predictors: dict[str, Callable[[], _Said]] = {
        "calibrated": lambda: _calibrated(curves, judged, share, most_folds, settings),
        "power-law": lambda: _power_law(seen),
        "delta-method": lambda: _delta_method(seen),
        "last-value": lambda: _Said(np.array([one.final for one in seen]), np.full(len(seen), np.nan)),
    }
    return [_score(name, unit, say(), true, groups) for name, say in predictors.items() if judged]


def _calibrated(curves: list[Curve], judged: list[int], share: float, most_folds: int, settings: Settings) -> _Said:
    table = table_of(curves, recipe_groups(curves), share)
    fold = np.array(folds(curves, most_folds))[table.curve]
    wanted = table.at_share & np.isin(table.curve, judged)
    values, halves = np.full(len(curves), np.nan), np.full(len(curves), np.nan)
    for held_out in np.unique(fold[wanted]):
        asked = wanted & (fold == held_out)
        others = table.some(fold != held_out).thinned()
        if len(np.unique(others.groups[others.at_share])) < 2:
            continue
        said, half, _ = fit_band(others, settings).predict(table.some(asked))
        values[table.curve[asked]], halves[table.curve[asked]] = said, half
    return _Said(values[judged], halves[judged])


def _power_law(seen: list[Curve]) -> _Said:
    said = PowerLawPredictor().predict(seen)
    return _Said(np.array([one.value for one in said]), np.array([one.high - one.value for one in said]))


def _delta_method(seen: list[Curve]) -> _Said:
    laws = fit_power_laws(seen)
    last = np.array([max(one.last_step, 1) for one in seen], dtype=np.float64)
    return _Said(laws.at(last), _NORMAL_95 * laws.error_at(last))


def _score(name: str, unit: str, said: _Said, true: Array, groups: NDArray[np.intp]) -> Score:
    from scipy.stats import binomtest

    made = np.isfinite(said.values)
    errors = np.abs(said.values - true)[made]
    with_interval = made & ~np.isnan(said.halves)
    halves = said.halves[with_interval]
    inside = int((np.abs(said.values - true)[with_interval] <= halves).sum())
    some = len(halves) > 0
    return Score(
        predictor=name, unit=unit, curves=len(errors), median_error=_quantile(errors, 0.5),
        p90_error=_quantile(errors, 0.9), bias=_quantile((said.values - true)[made], 0.5), intervals=len(halves),
        coverage=inside / len(halves) if some else float("nan"),
        p_value=float(binomtest(inside, len(halves), LEVEL).pvalue) if some else float("nan"),
        half_width=_quantile(halves, 0.5), regret=_regret(said.values, true, groups),
    )  # fmt: skip


def _quantile(values: Array, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")


def _regret(values: Array, true: Array, groups: NDArray[np.intp]) -> float:
    lost = []
    for group in np.unique(groups):
        own = np.flatnonzero((groups == group) & np.isfinite(values))
        if len(own) > 1:
            lost.append(float(true[own[np.argmin(values[own])]] - true[own].min()))
    return float(np.mean(lost)) if lost else float("nan")
