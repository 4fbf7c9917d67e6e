"""What is learnt for one share of a run: a blend of regressions, and intervals calibrated on recipes held out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from falsifiable.race.predicting.regression import Forest, GaussianProcess, Scaling, fit_process, grow_forest
from falsifiable.race.predicting.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a band is learnt; part of a predictor's file and digest.

    Attributes:
        level: the share of runs whose final value the interval is to hold.
        trees: trees per forest.
        least_leaf: rows in a leaf of the forest that predicts.
        least_leaf_of_scale: rows in a leaf of the forest that says how large an error to expect.
        shares: what the forest and the two processes count for, (forest, process, process by ranks).
        smallest_error: in median errors: what is added to each, so that no interval is a point.
        seed: of the trees.
    """

    level: float = 0.95
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
        farthest: the largest distance, over training rows, to the nearest row of another group.
    """

    settings: Settings
    forest: Forest
    process: GaussianProcess
    ranked: GaussianProcess
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
        trees, trees_spread = self.forest.predict(table.columns)
        plain, plain_spread = self.process.predict(table.columns)
        ranked, ranked_spread = self.ranked.predict(table.columns)
        each = _values(table.last, trees, plain, ranked)
        doubt = _doubt(each, trees_spread, plain_spread, ranked_spread)
        expected = self.scale.predict(np.hstack([table.columns, doubt]))[0][:, 0]
        distance = nearest(self.scaling(table.columns), self.rows) / self.farthest
        half = self.quantile * expected * np.maximum(distance, 1.0)
        return each @ _blend(self.settings), half, distance


def fit_band(table: Table, settings: Settings) -> Band:
    """Fit the regressions, predict every training row without its group, and calibrate on those errors.

    Raises ValueError where fewer than two groups have a row cut at the share itself.
    """
    fall, ratio = table.final - table.last, np.log(table.final / table.last)
    targets = np.stack([fall, ratio], axis=1)
    forest = grow_forest(
        table.columns, targets, table.groups, trees=settings.trees, least_leaf=settings.least_leaf, seed=settings.seed
    )
    process = fit_process(table.columns, fall[:, None], table.groups, ranked=False)
    ranked = fit_process(table.columns, targets, table.groups, ranked=True)
    each = _values(table.last, forest.held_out, process.held_out, ranked.held_out)
    doubt = _doubt(each, forest.held_out_spread, process.held_out_spread, ranked.held_out_spread)
    errors = np.abs(table.final - each @ _blend(settings))
    floor = np.median(errors) * settings.smallest_error + 1e-9
    scale = grow_forest(
        np.hstack([table.columns, doubt]), (errors + floor)[:, None], table.groups,
        trees=settings.trees, least_leaf=settings.least_leaf_of_scale, seed=settings.seed + 7,
    )  # fmt: skip
    scores = (errors / scale.held_out[:, 0])[table.at_share]
    scaling = Scaling.of(table.columns, ranked=False)
    rows = scaling(table.columns)
    farthest = float(_distances_between_groups(rows, table.groups).max()) + 1e-12
    return Band(
        settings, forest, process, ranked, scale, conformal_quantile(scores, settings.level), scores, rows, scaling,
        farthest,
    )  # fmt: skip


def conformal_quantile(scores: Array, level: float) -> float:
    """The score that ``level`` of new cases stay below, as conformal prediction takes it: the ``(n + 1) level``-th.

    Infinite where there are too few scores for the level, for then no finite interval can promise it.
    """
    rank = math.ceil((len(scores) + 1) * level)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def _blend(settings: Settings) -> Array:
    forest, process, ranked = settings.shares
    return np.array([forest / 2, forest / 2, process, ranked / 2, ranked / 2])


def _values(last: Array, forest: Array, process: Array, ranked: Array) -> Array:
    """What each regression says of the final value, of shape (rows, 5); a fall and a ratio are two ways to say it."""
    falls = np.stack([forest[:, 0], process[:, 0], ranked[:, 0]], axis=1) + last[:, None]
    ratios = np.exp(np.stack([forest[:, 1], ranked[:, 1]], axis=1)) * last[:, None]
    return np.stack([falls[:, 0], ratios[:, 0], falls[:, 1], falls[:, 2], ratios[:, 1]], axis=1)


def _doubt(each: Array, *spreads: Array) -> Array:
    """What tells how far to trust a row: the spread of each regression, and how much they disagree."""
    trees = (each[:, 0] + each[:, 1]) / 2
    apart = [trees - each[:, 2], trees - each[:, 3], each[:, 2] - each[:, 3]]
    columns = [*(spread[:, 0] for spread in spreads), *(np.abs(one) for one in apart), each.std(axis=1)]
    return np.log(np.stack(columns, axis=1) + 1e-5)


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
