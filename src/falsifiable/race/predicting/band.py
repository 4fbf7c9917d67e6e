"""What is learnt for one share of a run: a blend of regressions, and intervals calibrated on recipes held out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from falsifiable.race.predicting.features import SMOOTH
from falsifiable.race.predicting.regression import (
    BROAD,
    LOCAL,
    Forest,
    GaussianProcess,
    Scaling,
    fit_process,
    grow_forest,
)
from falsifiable.race.predicting.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


_NEARLY_ALL = 0.99


@dataclass(frozen=True, slots=True)
class Settings:
    """How a band is learnt; part of a predictor's file and digest.

    Attributes:
        level: the share of runs whose final value the interval is to hold, and is judged by.
        aimed: the share it is made for. Runs of one recipe err together, so that the scores count for fewer than there
            are, and intervals made for 95 % held 92 to 94 % of runs whose recipe was held out.
        trees: trees per forest.
        least_leaf: rows in a leaf of the forest that predicts.
        least_leaf_of_scale: rows in a leaf of the forest that says how large an error to expect.
        shares: what the forest, the local and the broad processes count for.
        smallest_error: in median errors: what is added to each, so that no interval is a point.
        seed: of the trees.
    """

    level: float = 0.95
    aimed: float = 0.96
    trees: int = 300
    least_leaf: int = 2
    least_leaf_of_scale: int = 5
    shares: tuple[float, float, float] = (0.2, 0.3, 0.5)
    smallest_error: float = 0.5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """A fitted band.

    Attributes:
        quantile: how many expected errors the interval is wide to either side.
        scores: the error of each curve held out, in expected errors: what ``quantile`` is taken of.
        farthest: the distance to the nearest row of another group that nearly all training rows stay within.
    """

    settings: Settings
    forest: Forest
    local: GaussianProcess
    broad: GaussianProcess
    scale: Forest
    quantile: float
    scores: Array
    rows: Array
    scaling: Scaling
    farthest: float

    def predict(self, table: Table) -> tuple[Array, Array, Array]:
        """Value, half-width, and distance in units of ``farthest``: beyond 1, nothing like it was calibrated on.

        Of ``table`` only ``columns`` and ``last`` are read. An interval beyond 1 is widened by the distance.
        """
        smooth = table.columns[:, SMOOTH]
        said = (self.forest.predict(table.columns), self.local.predict(smooth), self.broad.predict(smooth))
        each = _values(table.last, *(values for values, _ in said))
        doubt = _doubt(each, *(spread for _, spread in said))
        expected = self.scale.predict(np.hstack([table.columns, doubt]))[0][:, 0]
        distance = nearest(self.scaling(smooth), self.rows) / self.farthest
        half = self.quantile * expected * np.maximum(distance, 1.0)
        return each @ _blend(self.settings), half, distance


def fit_band(table: Table, settings: Settings) -> Band:
    """Fit the regressions, predict every training row without its group, and calibrate on those errors.

    Raises ValueError where there are fewer than two groups.
    """
    forest, local, broad = _fit_regressions(table, settings)
    each = _values(table.last, forest.held_out, local.held_out, broad.held_out)
    doubt = _doubt(each, forest.held_out_spread, local.held_out_spread, broad.held_out_spread)
    errors = np.abs(table.final - each @ _blend(settings))
    floor = np.median(errors) * settings.smallest_error + 1e-9
    scale = grow_forest(
        np.hstack([table.columns, doubt]), (errors + floor)[:, None], table.groups,
        trees=settings.trees, least_leaf=settings.least_leaf_of_scale, seed=settings.seed + 7,
    )  # fmt: skip
    scores = (errors / scale.held_out[:, 0])[table.at_share]
    scaling = Scaling.of(table.columns[:, SMOOTH], ranked=False)
    rows = scaling(table.columns[:, SMOOTH])
    farthest = float(np.quantile(_distances_between_groups(rows, table.groups), _NEARLY_ALL)) + 1e-12
    return Band(
        settings, forest, local, broad, scale, conformal_quantile(scores, settings), scores, rows, scaling,
        farthest,
    )  # fmt: skip


def _fit_regressions(table: Table, settings: Settings) -> tuple[Forest, GaussianProcess, GaussianProcess]:
    fall, ratio = table.final - table.last, np.log(table.final / table.last)
    forest = grow_forest(
        table.columns, fall[:, None], table.groups,
        trees=settings.trees, least_leaf=settings.least_leaf, seed=settings.seed,
    )  # fmt: skip
    smooth, targets = table.columns[:, SMOOTH], np.stack([fall, ratio], axis=1)
    local = fit_process(smooth, targets, table.groups, LOCAL, ranked=False)
    return forest, local, fit_process(smooth, targets, table.groups, BROAD, ranked=True)


def conformal_quantile(scores: Array, settings: Settings) -> float:
    """The score that ``aimed`` of new cases stay below, as conformal prediction takes it: the ``(n + 1) aimed``-th.

    The worst score where there are enough for ``level`` and not for that; infinite where there are too few for
    ``level``, for then no finite interval can promise it.
    """
    if math.ceil((len(scores) + 1) * settings.level) > len(scores):
        return math.inf
    rank = min(math.ceil((len(scores) + 1) * settings.aimed), len(scores))
    return float(np.sort(scores)[rank - 1])


def _blend(settings: Settings) -> Array:
    forest, local, broad = settings.shares
    return np.array([forest, local / 2, local / 2, broad / 2, broad / 2])


def _values(last: Array, forest: Array, *processes: Array) -> Array:
    """What each regression says of the final value, of shape (rows, 5); a fall and a ratio are two ways to say it."""
    both = [value for said in processes for value in (said[:, 0] + last, np.exp(said[:, 1]) * last)]
    return np.stack([forest[:, 0] + last, *both], axis=1)


def _doubt(each: Array, *spreads: Array) -> Array:
    """What tells how far to trust a row: the spread of each regression, and how much they disagree."""
    trees, local, broad = each[:, 0], each[:, 1:3].mean(axis=1), each[:, 3:].mean(axis=1)
    apart = [trees - local, trees - broad, local - broad]
    columns = [*(spread[:, 0] for spread in spreads), *(np.abs(one) for one in apart), each.std(axis=1)]
    found: Array = np.log(np.stack(columns, axis=1) + 1e-5)
    return found


def nearest(rows: Array, others: Array) -> Array:
    """The distance of each of ``rows`` to the nearest of ``others``."""
    inner = rows @ others.T
    squares = np.sum(rows * rows, axis=1)[:, None] + np.sum(others * others, axis=1)[None] - 2 * inner
    found: Array = np.sqrt(np.maximum(squares.min(axis=1), 0))
    return found


def _distances_between_groups(rows: Array, groups: NDArray[np.intp]) -> Array:
    found = np.zeros(len(rows))
    for group in np.unique(groups):
        own = groups == group
        found[own] = nearest(rows[own], rows[~own])
    return found
