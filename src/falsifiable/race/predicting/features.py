"""What of a curve's first points tells where it ends, as numbers that a regression can use.

Levels, the slopes they fall with on a logarithmic scale of steps, how far the run still has to go, and what simple laws
say of its last step. Everything is relative to the last value seen, but for that value itself. Step 0 is left out: it
is the loss before training, and says how the vocabulary is sized.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from falsifiable.artifacts.curves.curve import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_POINTS = 2
"""Points after step 0 below which there is no slope to speak of."""
_SHARES_OF_SEEN = (0.7, 0.5, 0.3, 0.2, 0.1)
_SHARES_OF_RUN = (0.1, 0.05)
_STEPS = (500, 1000, 2000)
_POWERS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
_REPORTED_POWERS = (0.2, 0.5)
_SMALL = 1e-5

NAMES = (
    "last_value", "log_last_step", "log_left_to_go", "log_points", "log_first_step", "log_fall", "log_points_in_all",
    *(f"level_at_{share}_of_seen" for share in _SHARES_OF_SEEN),
    *(f"level_at_{share}_of_run" for share in _SHARES_OF_RUN),
    *(f"level_at_step_{step}" for step in _STEPS),
    "slope_of_late", "slope_of_most", "slope_of_three", "slope_by_step", "bend", "line_of_most", "line_of_late",
    "noise", "rise_above_least", *(f"power_{power}" for power in _REPORTED_POWERS), "best_power_law", "best_power",
    "log_spacing",
)  # fmt: skip
"""The names of the columns of :func:`features`."""
_ONLY_FOR_TREES = {
    "log_points", "log_points_in_all", *(f"level_at_{share}_of_run" for share in _SHARES_OF_RUN),
    "slope_of_three", "slope_by_step", "best_power_law", "best_power",
}  # fmt: skip
SMOOTH = tuple(place for place, name in enumerate(NAMES) if name not in _ONLY_FOR_TREES)
"""The columns that a regression by distance can use: the others are noisy, jump, or repeat each other, and recipes held
out were predicted worse with them; trees leave aside what does not help."""


def usable(curve: Curve) -> bool:
    """Whether features can be computed: enough points after step 0, no fault, and steps still to go."""
    return (
        not curve.fault and sum(step > 0 for step in curve.steps) >= LEAST_POINTS and curve.steps[-1] < curve.last_step
    )


def features(curve: Curve) -> Array:
    """One number per name in ``NAMES``, of a curve that is :func:`usable`."""
    points = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if step > 0]
    steps, values = np.array(points, dtype=np.float64).T
    logs, last = np.log(steps), values[-1]
    left = float(np.log(curve.last_step / steps[-1]))
    place = [last, np.log(curve.last_step), left, np.log(len(steps)), logs[0], np.log(max(values[0] - last, 1e-3))]
    place.append(np.log(len(steps) * curve.last_step / steps[-1]))
    found = [*place, *_levels(steps, values, curve.last_step), *_shape(steps, values, curve.last_step, left)]
    return np.array([*found, *_laws(steps, values, curve.last_step), np.log(np.median(np.diff(steps)))])


def _levels(steps: Array, values: Array, last_step: int) -> Array:
    """How far above the last value the curve stood earlier, interpolated in log t."""
    asked = [steps[-1] * share for share in _SHARES_OF_SEEN] + [last_step * share for share in _SHARES_OF_RUN]
    found: Array = np.interp(np.log([*asked, *_STEPS]), np.log(steps), values) - values[-1]
    return found


def _shape(steps: Array, values: Array, last_step: int, left: float) -> list[float]:
    logs = np.log(steps)
    late, most = steps >= 0.45 * steps[-1], steps >= 0.2 * steps[-1]
    last_three = _slope(logs[-3:], values[-3:])
    slope_of_late = _slope(logs[late], values[late]) if late.sum() >= 2 else last_three
    slope_of_most = _slope(logs[most], values[most]) if most.sum() >= 3 else last_three
    by_step = _slope(steps[-3:] / last_step, values[-3:])
    noise = float(np.log(np.std(np.diff(values, 2)[-6:]) + _SMALL)) if len(values) > 3 else float(np.log(_SMALL))
    bend = slope_of_late - slope_of_most
    lines = [slope_of_most * left, slope_of_late * left]
    return [slope_of_late, slope_of_most, last_three, by_step, bend, *lines, noise, float(values.min() - values[-1])]


def _slope(across: Array, values: Array) -> float:
    """Of the line of least squares."""
    centred = across - across.mean()
    spread = float(centred @ centred)
    return float(centred @ values) / spread if spread > 0 else 0.0


def _laws(steps: Array, values: Array, last_step: int) -> list[float]:
    """What power laws of given powers, through the last four fifths of the points, say of the last step."""
    kept = max(3, int(len(steps) * 0.8))
    late, seen = steps[-kept:], values[-kept:]
    said, residuals = {}, {}
    for power in _POWERS:
        across = late**-power
        slope = _slope(across, seen)
        level = float(seen.mean() - slope * across.mean())
        said[power] = level + slope * last_step**-power - float(values[-1])
        residuals[power] = float(np.sum((seen - level - slope * across) ** 2))
    best = min(_POWERS, key=lambda power: residuals[power])
    return [*(said[power] for power in _REPORTED_POWERS), said[best], best]
