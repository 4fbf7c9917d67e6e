"""Predict runs of one evaluation grid from finished runs of that grid: the narrow predictor beside the general one.

Runs that share their evaluation steps can be compared value by value, which a predictor for any curve cannot do. Here
the value at a run's own last step is a ridge regression over what the run logged and how long it is planned, fitted at
the very step that is asked about. The interval is conformal: residuals of whole recipes that the fit had not seen, in
units of the fit's own standard error.

What it was fitted on is named by digest in every prediction. Whoever replays a race leaves the recipes of its runs out
(``without``), so that no run's future takes part in its own prediction.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.prediction import LEVEL, Prediction

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

RIDGE = 0.05
"""Penalty in units of one run's standardised features: enough to solve, small beside hundreds of runs."""
LEAST_RUNS = 40
"""Below it, residuals of unseen recipes cannot hold a 95 % interval, and nothing may be stopped."""
LEAST_RECIPES = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A ridge regression at one step: everything a prediction needs."""

    centre: Array
    scale: Array
    weights: Array
    inverse: Array
    deviation: float

    def apply(self, features: Array) -> tuple[Array, Array]:
        """Predicted values and their standard errors."""
        import numpy as np

        rows = np.column_stack([np.ones(len(features)), (features - self.centre) / self.scale])
        spread = np.einsum("ij,jk,ik->i", rows, self.inverse, rows)
        return rows @ self.weights, self.deviation * np.sqrt(1.0 + spread)


@dataclass(frozen=True)
class CohortPredictor:
    """Predicts from ``finished`` runs of the same unit that logged the step asked about.

    Attributes:
        finished: runs that ended, of several recipes.
        without: recipes of ``finished`` that take no part.
    """

    finished: tuple[Curve, ...]
    without: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """``cohort:`` and the digest of the runs it rests on."""
        return f"cohort:{self._digest}"

    @cached_property
    def _digest(self) -> str:
        return digest_of([one for one in self.finished if one.recipe not in self.without])

    @cached_property
    def _fits(self) -> dict[tuple[str, int], tuple[Fitted, float, bool] | None]:
        return {}

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        """One prediction per curve, in their order; not finite where too few finished runs logged its last step."""
        import numpy as np

        found = []
        for curve in curves:
            known = self._fitted(curve.unit, curve.steps[-1]) if curve.steps else None
            if known is None:
                found.append(self._prediction(curve, math.nan, math.inf, may_stop=False))
                continue
            fit, width, may_stop = known
            value, error = fit.apply(np.array([features(curve, curve.steps[-1])]))
            found.append(self._prediction(curve, float(value[0]), width * float(error[0]), may_stop=may_stop))
        return tuple(found)

    def _prediction(self, curve: Curve, value: float, half: float, *, may_stop: bool) -> Prediction:
        step = curve.steps[-1] if curve.steps else 0
        last = curve.last_step if curve.steps else 0
        low, high = value - half, value + half
        return Prediction(curve.run, step, last, value, low, high, math.nan, math.nan, math.nan, self.name, may_stop)

    def _fitted(self, unit: str, step: int) -> tuple[Fitted, float, bool] | None:
        """The fit at ``step``, the conformal width in standard errors, and whether it may stop a run."""
        if (unit, step) not in self._fits:
            usable = [one for one in self.finished if one.unit == unit and comparable(one, step)]
            self._fits[unit, step] = _calibrated([one for one in usable if one.recipe not in self.without], step)
        return self._fits[unit, step]


def comparable(curve: Curve, step: int) -> bool:
    """Whether a finished run can teach about ``step``: it logged it, in order, and went on."""
    return not curve.fault and step in curve.steps and curve.steps[-1] > step


def features(curve: Curve, step: int) -> tuple[float, ...]:
    """What the regression sees of a run at ``step``: its value, in its unit, and how long it is planned.

    Earlier values add nothing to the last one across recipes that were left out (measured on 451 public curves of 42
    recipes, at every evaluation up to step 2750); how long a run is planned adds most, and not in proportion.
    """
    value = next(value for at, value in zip(curve.steps, curve.values, strict=True) if at == step)
    planned = float(max(curve.last_step, 1))
    return value, math.log(planned), 1e3 / planned, 1e6 / planned**2, value * math.log(planned)


def digest_of(curves: Sequence[Curve]) -> str:
    """Twelve digits that name a set of curves, whatever their order."""
    lines = sorted(repr((one.run, one.recipe, one.unit, one.steps, one.values, one.last_step)) for one in curves)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _calibrated(runs: Collection[Curve], step: int) -> tuple[Fitted, float, bool] | None:
    """Fit on all ``runs``; judge by folds of whole recipes. None where there are too few to fit at all."""
    import numpy as np

    if len(runs) < 12:
        return None
    rows = np.array([features(one, step) for one in runs])
    finals = np.array([one.final for one in runs])
    fit = fitted(rows, finals)
    recipes = sorted({one.recipe for one in runs})
    if len(recipes) < 2:
        return fit, math.inf, False
    folds = np.array([recipes.index(one.recipe) for one in runs]) % min(len(recipes), 10)
    scores = np.concatenate([_scores(rows, finals, folds == fold) for fold in np.unique(folds)])
    rank = math.ceil((len(scores) + 1) * LEVEL)
    width = float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf
    enough = len(runs) >= LEAST_RUNS and len(recipes) >= LEAST_RECIPES
    return fit, width, enough and math.isfinite(width)


def _scores(rows: Array, finals: Array, held: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    """Absolute errors of the runs that are held out, in standard errors of a fit on the others."""
    import numpy as np

    if (~held).sum() < 12:
        return np.full(int(held.sum()), np.inf)
    value, error = fitted(rows[~held], finals[~held]).apply(rows[held])
    scores: Array = np.abs(finals[held] - value) / np.maximum(error, 1e-12)
    return scores


def fitted(rows: Array, finals: Array) -> Fitted:
    """The ridge regression of ``finals`` on ``rows`` (runs x features)."""
    import numpy as np

    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inside = np.column_stack([np.ones(len(rows)), (rows - centre) / scale])
    penalty = RIDGE * np.eye(inside.shape[1])
    penalty[0, 0] = 0.0
    inverse = np.linalg.inv(inside.T @ inside + penalty)
    weights = inverse @ inside.T @ finals
    freedom = max(len(rows) - inside.shape[1], 1)
    deviation = float(np.sqrt(((finals - inside @ weights) ** 2).sum() / freedom))
    return Fitted(centre, scale, weights, inverse, deviation)
