"""Two kinds of regression that tell what they would have said of a recipe they had not seen, at no extra cost.

Trees: each is grown on a draw of whole groups, so that for every row there are trees which saw none of its group.
Gaussian process: what it says of a group once that group is left out follows from one inverse, in closed form.

Both give, for training rows and for new ones, the prediction and a spread; those of training rows are from models that
never saw the row's group. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Groups = NDArray[np.intp]

Shape = Literal["smooth", "rough"]
"""Of a kernel: the squared exponential, or Matern's of order 3/2, which lets the final value bend more sharply."""
SHARE_OF_GROUPS = 0.7
"""Of all groups, how many each tree is grown on."""
Kernel = tuple[Shape, float]
LOCAL: tuple[Kernel, ...] = (("smooth", 0.3), ("smooth", 0.5), ("rough", 0.5), ("rough", 1.0))
BROAD: tuple[Kernel, ...] = (("smooth", 1.0), ("smooth", 2.0), ("rough", 1.0), ("rough", 2.0), ("rough", 4.0))
"""Shapes and lengths of the processes that are averaged: near the curve, by size; and from afar, by rank.

Lengths are in deviations of a column, per root of the number of columns. They are fixed: choosing them anew by the
groups left out moved from one half of the curves to the other, and predicted recipes held out worse than the average.
"""
_NOISE = 0.01
_LINEAR_SHARE = 0.1
_FAR = 5.0
_FAR_QUANTILE = 2.5


class Model(Protocol):
    """What was fitted: ``held_out`` and ``held_out_spread`` of the training rows, of shape (rows, targets)."""

    held_out: Array
    held_out_spread: Array

    def predict(self, columns: Array) -> tuple[Array, Array]:
        """Prediction and spread of new rows, each of shape (rows, targets)."""
        ...


@dataclass(frozen=True, slots=True)
class Forest:
    """Extremely randomised trees, each grown on a draw of whole groups."""

    trees: tuple[Any, ...]
    held_out: Array
    held_out_spread: Array
    sizes: Array

    def predict(self, columns: Array) -> tuple[Array, Array]:
        """The mean over all trees, and their standard deviation."""
        each = np.stack([_said(tree, columns) for tree in self.trees]) * self.sizes
        return each.mean(axis=0), each.std(axis=0)


def grow_forest(columns: Array, targets: Array, groups: Groups, *, trees: int, least_leaf: int, seed: int) -> Forest:
    """Grow ``trees`` trees on ``targets`` of shape (rows, targets), each target counting by its own spread.

    A tree sees ``SHARE_OF_GROUPS`` of the groups, never all; rows that no tree left out (too few trees) get the mean.
    Raises ValueError where there are fewer than two groups.
    """
    from sklearn.tree import ExtraTreeRegressor

    names = np.unique(groups)
    if len(names) < 2:
        raise ValueError("one group of recipes alone: there is nothing to hold out")
    random = np.random.default_rng(seed)
    sizes = targets.std(axis=0) + 1e-12
    taken = min(len(names) - 1, max(1, round(SHARE_OF_GROUPS * len(names))))
    total, squares, count = np.zeros_like(targets), np.zeros_like(targets), np.zeros((len(targets), 1))
    grown = []
    for number in range(trees):
        seen = np.isin(groups, random.permutation(names)[:taken])
        tree = ExtraTreeRegressor(max_features=0.5, min_samples_leaf=least_leaf, random_state=seed * 100_003 + number)
        tree.fit(columns[seen].astype(np.float32), targets[seen] / sizes)
        said = _said(tree, columns[~seen])
        total[~seen] += said
        squares[~seen] += said * said
        count[~seen] += 1
        grown.append(tree)
    mean = np.where(count > 0, total / np.maximum(count, 1), (targets / sizes).mean(axis=0))
    spread = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean * mean, 0))
    return Forest(tuple(grown), mean * sizes, spread * sizes, sizes)


def _said(tree: Any, columns: Array) -> Array:
    said: Array = tree.predict(columns.astype(np.float32))
    return said.reshape(len(columns), -1)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Columns brought to one size: by mean and deviation, or by their ranks among the training rows."""

    ranked: bool
    knots: Array
    heights: Array
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, columns: Array, *, ranked: bool) -> Scaling:
        """The scaling that brings ``columns`` to mean 0 and deviation 1, or to the quantiles of a normal."""
        from scipy.special import ndtri

        levels = np.linspace(0, 1, min(100, len(columns)))
        heights = np.clip(ndtri(levels), -_FAR_QUANTILE, _FAR_QUANTILE)
        return cls(
            ranked, np.quantile(columns, levels, axis=0), heights, columns.mean(axis=0), columns.std(axis=0) + 1e-9
        )

    def __call__(self, columns: Array) -> Array:
        """The columns, scaled."""
        if not self.ranked:
            scaled: Array = np.clip((columns - self.mean) / self.deviation, -_FAR, _FAR)
            return scaled
        return np.stack(
            [_rank(column, self.knots[:, place], self.heights) for place, column in enumerate(columns.T)], axis=1
        )


def _rank(column: Array, knots: Array, heights: Array) -> Array:
    """Interpolated from both sides, so that a value which many rows share lies in the middle of its ranks."""
    upward = np.interp(column, knots, heights)
    downward = -np.interp(-column, -knots[::-1], -heights[::-1])
    return (upward + downward) / 2


@dataclass(frozen=True, slots=True)
class _Member:
    """One process: its kernel, and the inverse of it over the training rows."""

    kernel: Kernel
    inverse: Array
    weights: Array

    def predict(self, new: Array, rows: Array) -> tuple[Array, Array]:
        across = _kernel(new, rows, self.kernel)
        own = 1 + _LINEAR_SHARE * np.mean(new * new, axis=1) + _NOISE
        left = np.maximum(own - np.einsum("ij,ij->i", across @ self.inverse, across), 1e-9)
        return across @ self.weights, np.sqrt(left)[:, None]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A few Gaussian processes, smooth and rough, each with a linear part; averaged. All targets share them."""

    scaling: Scaling
    members: tuple[_Member, ...]
    rows: Array
    middle: Array
    sizes: Array
    held_out: Array
    held_out_spread: Array

    def predict(self, columns: Array) -> tuple[Array, Array]:
        """The mean of the processes, and the standard deviation of a new value."""
        new = self.scaling(columns)
        each = [member.predict(new, self.rows) for member in self.members]
        mean = np.mean([said for said, _ in each], axis=0)
        spread = np.mean([own for _, own in each], axis=0)
        return mean * self.sizes + self.middle, spread * self.sizes


def fit_process(
    columns: Array, targets: Array, groups: Groups, kernels: Sequence[Kernel], *, ranked: bool
) -> GaussianProcess:
    """Fit one process per kernel and average them; ``targets`` has the shape (rows, targets)."""
    scaling = Scaling.of(columns, ranked=ranked)
    rows = scaling(columns)
    middle, sizes = np.median(targets, axis=0), targets.std(axis=0) + 1e-12
    scaled = (targets - middle) / sizes
    grouped = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    members, errors, spreads = [], np.zeros_like(scaled), np.zeros((len(scaled), 1))
    for kernel in kernels:
        inverse = _inverse(_kernel(rows, rows, kernel))
        members.append(_Member(kernel, inverse, inverse @ scaled))
        error, variance = _left_out(inverse, scaled, grouped)
        errors += error / len(kernels)
        spreads += np.sqrt(np.maximum(variance, 1e-9))[:, None] / len(kernels)
    return GaussianProcess(scaling, tuple(members), rows, middle, sizes, targets - errors * sizes, spreads * sizes)


def _kernel(left: Array, right: Array, of: Kernel) -> Array:
    shape, length = of
    columns = left.shape[1]
    inner = left @ right.T
    squares = np.sum(left * left, axis=1)[:, None] + np.sum(right * right, axis=1)[None] - 2 * inner
    apart = np.maximum(squares, 0) / (length * length * columns)
    if shape == "smooth":
        kernel: Array = np.exp(-apart / 2)
    else:
        steep = np.sqrt(3 * apart)
        kernel = (1 + steep) * np.exp(-steep)
    kernel += _LINEAR_SHARE * inner / columns
    return kernel


def _inverse(kernel: Array) -> Array:
    inverse: Array = np.linalg.inv(kernel + _NOISE * np.eye(len(kernel))).astype(np.float64)
    return inverse


def _left_out(inverse: Array, scaled: Array, grouped: list[Groups]) -> tuple[Array, Array]:
    """Error of each row, and its variance, once its group is left out: in closed form, from the inverse of them all."""
    weights = inverse @ scaled
    errors, variances = np.zeros_like(scaled), np.zeros(len(scaled))
    for some in grouped:
        block = np.linalg.inv(inverse[np.ix_(some, some)])
        errors[some] = block @ weights[some]
        variances[some] = np.diag(block)
    return errors, variances
