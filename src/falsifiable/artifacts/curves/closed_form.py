"""Curves that nobody measured: points that lie on a formula more exactly than any evaluation can.

A measured loss carries the noise of its batch and of its evaluation set, a thousandth of its fall and more. Values
that follow three numbers to a ten-thousandth of their fall, over many points, were computed. Two families are tried:
the exponential approach ``y_inf + a * r^t`` (what ``v <- target + (v - target) * (1 - rate)`` gives, step by step) and
the power law ``y_inf + a * t^-p``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

TOLERANCE = 1e-4
"""Of the fall of the points on the formula, how far each may lie off it."""
FEWEST_POINTS = 7
"""Three points fix a formula; four more on it are no accident."""
LEAST_SHARE = 0.2
"""Of a curve's whole fall, how much the points on the formula must span."""

_POWERS = tuple(0.02 * 1.05**n for n in range(105))  # from 0.02 to 3.2
_LEAST_BEND = 1e-3

Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The formula that points of a curve lie on.

    Attributes:
        family: ``exponential`` (``asymptote + scale * rate^step``), ``power-law`` (``asymptote + scale * step^-rate``)
            or ``constant``.
        asymptote, scale, rate: its numbers; ``asymptote + scale`` of an exponential is its value at step 0.
        points: how many points lie on it.
    """

    family: Literal["exponential", "power-law", "constant"]
    asymptote: float
    scale: float
    rate: float
    points: int

    def at(self, step: int) -> float:
        """The formula's value at ``step``, from 1."""
        if self.family == "constant":
            return self.asymptote
        factor = self.rate**step if self.family == "exponential" else step**-self.rate
        return self.asymptote + self.scale * factor


def closed_form(
    steps: Sequence[int], values: Sequence[float], *, low: float = -math.inf, high: float = math.inf
) -> ClosedForm | None:
    """The formula that at least ``FEWEST_POINTS`` points of a curve lie on, the one with most; None for a measured one.

    Points outside ``low`` to ``high`` are passed over, so that a computed curve is found under zeros that were written
    over it. A curve that never moves is ``constant``.
    """
    points = [(step, value) for step, value in zip(steps, values, strict=True) if step > 0 and low <= value <= high]
    if len(points) < FEWEST_POINTS:
        return None
    if len({value for _, value in points}) == 1:
        return ClosedForm("constant", points[0][1], 0.0, 0.0, len(points))
    found = [one for one in (_best(_exponentials(points), points), _power_law(points)) if one is not None]
    return max(found, key=lambda one: one.points, default=None)


def _best(candidates: Iterator[ClosedForm], points: Sequence[Point]) -> ClosedForm | None:
    counted = [replace(one, points=_on(one, points)) for one in candidates]
    best = max(counted, key=lambda one: one.points, default=None)
    return best if best is not None and best.points >= FEWEST_POINTS else None


def _exponentials(points: Sequence[Point]) -> Iterator[ClosedForm]:
    """The exponential through every three neighbouring points that are equally far apart and bend."""
    for (one, first), (two, second), (three, third) in zip(points, points[1:], points[2:], strict=False):
        before, after = second - first, third - second
        if two - one != three - two or before == 0:
            continue
        ratio = after / before
        if not 0 < ratio < 1 - _LEAST_BEND:
            continue
        rate = ratio ** (1 / (two - one))
        asymptote = first - before / (ratio - 1)
        scale = (first - asymptote) / rate**one if rate**one > 0 else math.inf
        if math.isfinite(scale):
            yield ClosedForm("exponential", asymptote, scale, rate, 3)


def _power_law(points: Sequence[Point]) -> ClosedForm | None:
    """The power law by least squares, where all points lie on it; the exponent is searched, the rest is linear."""
    power = _smallest(lambda p: _squares(p, points)[0])
    _, asymptote, scale = _squares(power, points)
    found = ClosedForm("power-law", asymptote, scale, power, len(points))
    return found if _on(found, points) == len(points) else None


def _squares(power: float, points: Sequence[Point]) -> tuple[float, float, float]:
    """Squared residuals of the best ``asymptote + scale * step^-power``, and its two numbers."""
    xs = [step**-power for step, _ in points]
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(value for _, value in points) / len(points)
    spread = math.fsum((x - mean_x) ** 2 for x in xs)
    together = math.fsum((x - mean_x) * (value - mean_y) for x, (_, value) in zip(xs, points, strict=True))
    scale = together / spread if spread > 0 else 0.0
    asymptote = mean_y - scale * mean_x
    residual = math.fsum((asymptote + scale * x - value) ** 2 for x, (_, value) in zip(xs, points, strict=True))
    return residual, asymptote, scale


def _smallest(cost: Callable[[float], float]) -> float:
    """The exponent of least cost: the best of a grid, then golden sections around it."""
    place = min(range(len(_POWERS)), key=lambda one: cost(_POWERS[one]))
    low, high = _POWERS[max(place - 1, 0)], _POWERS[min(place + 1, len(_POWERS) - 1)]
    golden = (math.sqrt(5) - 1) / 2
    for _ in itertools.repeat(None, 60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return (low + high) / 2


def _on(form: ClosedForm, points: Sequence[Point]) -> int:
    """How many points lie on a formula, measured by their own fall; 0 where that is little of the whole one.

    The flat end of a measured curve lies near any formula, and proves nothing.
    """
    whole = _fall(value for _, value in points)
    near = [point for point in points if abs(form.at(point[0]) - point[1]) <= TOLERANCE * whole]
    fall = _fall(value for _, value in near)
    if fall < LEAST_SHARE * whole:
        return 0
    return sum(abs(form.at(step) - value) <= TOLERANCE * fall for step, value in near)


def _fall(values: Iterable[float]) -> float:
    every = list(values)
    return max(every) - min(every) if every else 0.0
