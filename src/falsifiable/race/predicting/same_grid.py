"""Predict runs of one evaluation grid from finished runs of that grid, from the first value they share.

Runs that share their evaluation steps can be compared value by value, which a band for any curve cannot do, and which
one value suffices for. Here the value at a run's own last step is a ridge regression over the value at one step and how
long the run is planned, fitted at the very step that is asked about. The interval is conformal: residuals of whole
recipes that the fit had not seen, in units of the fit's own standard error.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.prediction import LEVEL

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

RIDGE = 0.05
"""Penalty in units of one run's standardised features: enough to solve, small beside hundreds of runs."""
LEAST_RUNS = 40
"""Below it, residuals of unseen recipes cannot hold a 95 % interval, and nothing may be stopped."""
LEAST_RECIPES = 5
LEAST_TO_FIT = 12
"""Two runs for each weight: below, nothing is fitted at all."""


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


@dataclass(frozen=True, slots=True)
class SameGrid:
    """Says where a run ends by ``finished`` runs of its unit that logged the step it has come to."""

    finished: Sequence[Curve]
    _fits: dict[int, tuple[Fitted, float, bool] | None] = field(default_factory=dict, repr=False)

    def predict(self, curve: Curve) -> tuple[float, float, bool] | None:
        """The value at the last step, the half-width of its interval, and whether a run may be stopped on it.

        None where fewer than ``LEAST_TO_FIT`` finished runs logged the step. ``curve`` is in their unit.
        """
        import numpy as np

        known = self._fitted(curve.steps[-1])
        if known is None:
            return None
        fit, width, may_stop = known
        value, error = fit.apply(np.array([features(curve, curve.steps[-1])]))
        return float(value[0]), width * float(error[0]), may_stop

    def _fitted(self, step: int) -> tuple[Fitted, float, bool] | None:
        """The fit at ``step``, the conformal width in standard errors, and whether it may stop a run."""
        if step not in self._fits:
            self._fits[step] = _calibrated([one for one in self.finished if comparable(one, step)], step)
        return self._fits[step]


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


def _calibrated(runs: Collection[Curve], step: int) -> tuple[Fitted, float, bool] | None:
    """Fit on all ``runs``; judge by folds of whole recipes. None where there are too few to fit at all."""
    import numpy as np

    if len(runs) < LEAST_TO_FIT:
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

    if (~held).sum() < LEAST_TO_FIT:
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
