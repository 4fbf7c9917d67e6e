"""Power laws ``y(t) = y_inf + a * t**-p`` through many curves at once.

For a given ``p`` the law is linear in the other two, so they are solved for and only ``p`` is searched (variable
projection): first over a grid that every curve shares, each node of which is the square of an earlier one and costs one
multiplication; then by Levenberg-Marquardt steps on what is left, with the projected derivative of Kaufman. All curves
take every step together, and those that have arrived drop out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from falsifiable.artifacts.curves.curve import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_POINTS = 4
"""Three parameters and one point more: fewer distinct steps determine no law."""
LEAST_POINTS_FOR_INTERVAL = 5
LOWEST_POWER, HIGHEST_POWER = 0.001, 10.0
"""Below, the law is a line in log t; above, it has ended before the second point."""
DETERMINED_FROM = 0.01
"""The power below which the points hardly tell a law from a line in log t, and the asymptote runs away."""
_GRID_NODES = 14
_MOST_STEPS = 40
_PRECISION = 1e-9
_WORTHLESS = 1e-10
_BLOCK = 2500
_FLAT = 1e-13
_WORTH_DROPPING = 0.8


@dataclass(frozen=True, slots=True)
class PowerLaws:
    """One law per curve, in their order; NaN in every field where a curve has too few points.

    Attributes:
        y_inf: the asymptote, in the unit of the curve.
        a: the distance from the asymptote at step 1, in the unit of the curve.
        p: the power, from ``LOWEST_POWER`` to ``HIGHEST_POWER``.
        residual: the sum of squared residuals.
        points: how many points were fitted: those at step 1 or later.
        y_inf_error: the standard error of ``y_inf`` by the delta method; NaN below five points.
        covariance: of (y_inf, a, p), shape (curves, 3, 3); NaN below five points.
    """

    y_inf: Array
    a: Array
    p: Array
    residual: Array
    points: Array
    y_inf_error: Array
    covariance: Array

    @property
    def degenerate(self) -> NDArray[np.bool_]:
        """Where the asymptote is not determined: nothing was fitted, or the power is hardly one."""
        at_bound = (self.p <= DETERMINED_FROM * 1.001) | (self.p >= HIGHEST_POWER * 0.999)
        return ~np.isfinite(self.p) | at_bound

    def at(self, steps: Array) -> Array:
        """The value of each law at a step of its own; ``steps`` has one entry per law."""
        return self.y_inf + self.a * np.asarray(steps, dtype=np.float64) ** -self.p

    def error_at(self, steps: Array) -> Array:
        """The delta-method standard error of a new measurement at ``steps``: of the law, and of the noise around it.

        It knows nothing of schedules that end with a cooldown and therefore claims too much on real curves; it is
        reported beside a tested interval and decides nothing.
        """
        logs = np.log(np.asarray(steps, dtype=np.float64))
        powers = np.exp(-self.p * logs)
        slopes = np.stack([np.ones_like(powers), powers, -self.a * logs * powers], axis=1)
        of_law = np.einsum("ij,ijk,ik->i", slopes, self.covariance, slopes)
        noise = self.residual / np.maximum(self.points - 3, 1)
        error: Array = np.sqrt(np.maximum(of_law, 0) + noise)
        return error


def fit_power_laws(curves: Sequence[Curve]) -> PowerLaws:
    """The law of least squares through each curve's points at step 1 or later.

    Raises ValueError, naming the run, for a curve whose steps do not rise or whose values are not finite.
    """
    steps, values, weights = _padded(curves)
    return fit_padded(steps, values, weights)


def _padded(curves: Sequence[Curve]) -> tuple[Array, Array, Array]:
    """Steps, values and weights (1, or 0 for padding), each of shape (curves, longest)."""
    counts = np.array([len(curve.steps) for curve in curves], dtype=np.int64)
    longest = int(counts.max(initial=1)) or 1
    there = np.arange(longest) < counts[:, None]
    steps = np.full((len(curves), longest), np.inf)
    values = np.zeros((len(curves), longest))
    total = int(counts.sum())
    steps[there] = np.fromiter(itertools.chain.from_iterable(one.steps for one in curves), np.float64, total)
    values[there] = np.fromiter(itertools.chain.from_iterable(one.values for one in curves), np.float64, total)
    _refuse_faults(curves, steps, values, there)
    used = there & (steps >= 1)
    return np.where(used, steps, 1.0), np.where(used, values, 0.0), used.astype(np.float64)


def _refuse_faults(curves: Sequence[Curve], steps: Array, values: Array, there: NDArray[np.bool_]) -> None:
    """Raise ValueError for the first curve with a fault; a curve is looked at by itself only once it is suspect."""
    falls = (steps[:, 1:] <= steps[:, :-1]) & there[:, 1:]
    suspects = falls.any(axis=1) | ~np.isfinite(values).all(axis=1) | (there & (steps < 0)).any(axis=1)
    if suspects.any():
        first = curves[int(np.argmax(suspects))]
        raise ValueError(f"{first.run}: {first.fault}; no law is fitted to such a curve")


def fit_padded(steps: Array, values: Array, weights: Array) -> PowerLaws:
    """The laws through rows of points; ``weights`` is 1 for a point and 0 for padding, all of shape (curves, points).

    Steps are 1 or more and rise within a row; padding holds step 1 and value 0.
    """
    count = weights.sum(axis=1)
    enough = np.flatnonzero(count >= LEAST_POINTS)
    laws = np.full((len(steps), 4), np.nan)
    covariance = np.full((len(steps), 3, 3), np.nan)
    for first in range(0, len(enough), _BLOCK):  # so many curves at once that they stay in the processor's cache
        some = enough[first : first + _BLOCK]
        rows = _Rows.of(steps[some], values[some], weights[some])
        laws[some], covariance[some] = _laws(rows, _refined(rows, *_best_of_grid(rows)))
    error = np.sqrt(np.where(covariance[:, 0, 0] >= 0, covariance[:, 0, 0], np.nan))
    return PowerLaws(laws[:, 0], laws[:, 1], laws[:, 2], laws[:, 3], count, error, covariance)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Points of curves that have enough of them, in the form the search needs.

    ``logs`` is log t less its mean in the row, so that a power of any size stays near 1 in the middle; ``values`` is
    centred and 0 in padding; ``middle`` and ``level`` are what was taken away.
    """

    logs: Array
    values: Array
    weights: Array
    count: Array
    middle: Array
    level: Array

    @classmethod
    def of(cls, steps: Array, values: Array, weights: Array) -> _Rows:
        count = weights.sum(axis=1)
        logs = np.log(steps)
        middle = (logs * weights).sum(axis=1) / count
        level = (values * weights).sum(axis=1) / count
        return cls(
            (logs - middle[:, None]) * weights, (values - level[:, None]) * weights, weights, count, middle, level
        )

    def some(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Rows:
        """The rows ``which``."""
        return _Rows(
            self.logs[which], self.values[which], self.weights[which], self.count[which], self.middle[which],
            self.level[which],
        )  # fmt: skip


def _dot(left: Array, right: Array) -> Array:
    products: Array = np.einsum("ij,ij->i", left, right)
    return products


def _sum(rows: Array) -> Array:
    sums: Array = np.einsum("ij->i", rows)
    return sums


def _powers(rows: _Rows, power: Array) -> Array:
    """``t**-p`` with t in units of its geometric mean; 0 in padding."""
    powers = rows.logs * -power[:, None]
    np.exp(powers, out=powers)
    powers *= rows.weights
    return powers


def _explained(rows: _Rows, powers: Array) -> Array:
    """How much of the sum of squares ``t**-p`` explains; ``powers`` holds it per point, 0 in padding."""
    total = _sum(powers)
    spread = _dot(powers, powers) - total * total / rows.count
    shared = _dot(powers, rows.values)
    return np.where(spread > _FLAT * total * total, shared * shared / np.maximum(spread, 1e-300), 0.0)


def _best_of_grid(rows: _Rows) -> tuple[Array, Array, Array]:
    """The best node of the grid per row, and its neighbours, between which the best power lies."""
    nodes = LOWEST_POWER * 2.0 ** np.arange(_GRID_NODES)
    scores = np.empty((_GRID_NODES, len(rows.count)))
    powers = _powers(rows, np.full(len(rows.count), LOWEST_POWER))
    for place in range(_GRID_NODES):
        scores[place] = _explained(rows, powers)
        powers *= powers
    best = np.argmax(scores, axis=0)
    low, high = nodes[np.maximum(best - 1, 0)], nodes[np.minimum(best + 1, _GRID_NODES - 1)]
    return nodes[best] * 2.0 ** _peak(scores, best), low, np.where(best == _GRID_NODES - 1, HIGHEST_POWER, high)


def _peak(scores: Array, best: NDArray[np.intp]) -> Array:
    """Where the parabola through the best node and its neighbours is highest, in nodes from the best; 0 at an end."""
    inside = np.clip(best, 1, len(scores) - 2)
    row = np.arange(scores.shape[1])
    before, at, after = scores[inside - 1, row], scores[inside, row], scores[inside + 1, row]
    bend = before - 2 * at + after
    peak = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    return np.where(inside == best, np.clip(peak, -0.5, 0.5), 0.0)


@dataclass(slots=True)
class _State:
    """Where the search stands: a power per row, its sum of squares, and the step that Gauss and Newton would take."""

    power: Array
    residual: Array
    gradient: Array
    curvature: Array

    @classmethod
    def at(cls, rows: _Rows, power: Array) -> _State:
        """Solve for the other two parameters, and differentiate what is left (Kaufman's projected derivative)."""
        powers = _powers(rows, power)
        centred = powers - (_sum(powers) / rows.count)[:, None] * rows.weights
        spread = np.maximum(_dot(centred, centred), 1e-300)
        scale = _dot(centred, rows.values) / spread
        rest = rows.values - scale[:, None] * centred
        slope = np.multiply(rows.logs, powers, out=powers)
        total, shared = _sum(slope), _dot(slope, centred)
        curvature = _dot(slope, slope) - total * total / rows.count - shared * shared / spread
        return cls(power, _dot(rest, rest), -scale * _dot(slope, rest), scale * scale * np.maximum(curvature, 0))

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_], other: _State) -> None:
        """Replace the rows ``which`` by those of ``other``."""
        for name in ("power", "residual", "gradient", "curvature"):
            getattr(self, name)[which] = getattr(other, name)

    def some(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> _State:
        """The rows ``which``."""
        return _State(self.power[which], self.residual[which], self.gradient[which], self.curvature[which])


def _refined(rows: _Rows, power: Array, low: Array, high: Array) -> _State:
    """Levenberg-Marquardt in the power alone, between ``low`` and ``high``; a row that has arrived drops out."""
    state = _State.at(rows, power)
    damping = np.full_like(power, 1e-3)
    going, left = np.arange(len(power)), rows
    for _ in range(_MOST_STEPS):
        here = state.some(going)
        step = here.gradient / np.maximum(here.curvature * (1 + damping[going]), 1e-300)
        there = np.clip(here.power + step, low[going], high[going])
        moving = np.abs(there - here.power) > _PRECISION * here.power
        moving &= here.gradient * step > _WORTHLESS * here.residual
        if moving.mean() < _WORTH_DROPPING:
            going, left, there, here = going[moving], left.some(moving), there[moving], here.some(moving)
        if not moving.any():
            break
        proposed = _State.at(left, there)
        better = proposed.residual < here.residual
        proposed.curvature = _secant(here, proposed)
        state.take(going[better], proposed.some(better))
        damping[going] = np.where(better, damping[going] * 0.01, damping[going] * 10 + 0.1)
    return state


def _secant(before: _State, after: _State) -> Array:
    """The curvature that the last step showed, which counts the residuals too; that of Gauss where it is not convex."""
    moved = after.power - before.power
    seen = (before.gradient - after.gradient) / np.where(moved == 0, 1.0, moved)
    return np.where(seen > 0.05 * after.curvature, seen, after.curvature)


def _laws(rows: _Rows, state: _State) -> tuple[Array, Array]:
    """(y_inf, a, p, sum of squares) per row in the terms of the points as they came, and the covariance."""
    powers = _powers(rows, state.power)
    mean = _sum(powers) / rows.count
    centred = powers - mean[:, None] * rows.weights
    scale = _dot(centred, rows.values) / np.maximum(_dot(centred, centred), 1e-300)
    y_inf = rows.level - scale * mean
    a = scale * np.exp(state.power * rows.middle)
    return np.stack([y_inf, a, state.power, state.residual], axis=1), _covariance(rows, state, powers, a)


def _covariance(rows: _Rows, state: _State, powers: Array, a: Array) -> Array:
    """Residual variance times the inverse of J'J; NaN where there is no degree of freedom to spare or no inverse.

    J is taken in the centred terms of the rows, where it is well conditioned, and turned into (y_inf, a, p) after.
    """
    slope = rows.logs * powers
    sums = (rows.count, _sum(powers), _sum(slope))
    normal = np.empty((len(a), 3, 3))
    normal[:, 0] = np.stack(sums, axis=1)
    normal[:, 1, 1], normal[:, 1, 2], normal[:, 2, 2] = _dot(powers, powers), _dot(powers, slope), _dot(slope, slope)
    normal[:, 1, 0], normal[:, 2, 0], normal[:, 2, 1] = normal[:, 0, 1], normal[:, 0, 2], normal[:, 1, 2]
    size = np.sqrt(np.einsum("ijj->ij", normal)) + 1e-300
    normal /= size[:, :, None] * size[:, None, :]
    known = (rows.count >= LEAST_POINTS_FOR_INTERVAL) & (a != 0) & (np.linalg.det(normal) > _FLAT)
    normal[~known] = np.eye(3)
    # The model is level + scale * x, with x = exp(-p (log t - middle)): its derivative by p is -scale * slope.
    turn = np.zeros_like(normal)
    scale = a * np.exp(-state.power * rows.middle)
    turn[:, 0, 0], turn[:, 1, 1], turn[:, 2, 2] = 1.0, a / scale, -1.0 / scale
    turn[:, 1, 2] = -a * rows.middle / scale
    turn /= size[:, None, :]
    variance = state.residual / np.maximum(rows.count - 3, 1)
    found: Array = turn @ np.linalg.inv(normal) @ turn.transpose(0, 2, 1) * variance[:, None, None]
    found[~known] = np.nan
    return found
