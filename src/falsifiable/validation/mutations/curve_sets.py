"""Mutations of loss curves: runs lost or copied, points out of order, and values that no training leaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from falsifiable.artifacts import Curve, Curves
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, control

_POINTS = 8


def _chosen(curves: Curves, random: Random) -> Curve:
    long = [one for one in curves.curves if len(one.steps) >= _POINTS]
    if not long:
        raise NotApplicable(f"no curve has {_POINTS} points")
    return random.choice(long)


def _of_one(change: Callable[[Curve, Random], Curve]) -> Callable[[Curves, Random], Curves]:
    """A mutation of one curve."""

    def make(curves: Curves, random: Random) -> Curves:
        return curves.with_curve(_chosen(curves, random).run, lambda one: change(one, random))

    return make


def _value(factor: float) -> Callable[[Curve, Random], Curve]:
    """One value, not the first, multiplied."""

    def change(curve: Curve, random: Random) -> Curve:
        place = random.randrange(1, len(curve.values))
        values = list(curve.values)
        values[place] *= factor
        return replace(curve, values=tuple(values))

    return change


def _swapped(curve: Curve, random: Random) -> Curve:
    place = random.randrange(1, len(curve.steps))
    steps = list(curve.steps)
    steps[place - 1], steps[place] = steps[place], steps[place - 1]
    return replace(curve, steps=tuple(steps))


def _frozen(curve: Curve, _: Random) -> Curve:
    return replace(curve, values=(curve.values[0],) * len(curve.values))


def _smooth(curve: Curve, random: Random) -> Curve:
    rate = random.uniform(2.0, 6.0) / curve.steps[-1]
    low, span = min(curve.values), curve.values[0] - min(curve.values)
    return replace(curve, values=tuple(low + span * math.exp(-rate * step) for step in curve.steps))


def _copied(curves: Curves, random: Random) -> Curves:
    """The values of one run under another seed."""
    chosen = _chosen(curves, random)
    return curves.with_more(replace(chosen, run=f"{chosen.run}-copy", seed=(chosen.seed or 0) + 1000))


def _other_unit(curve: Curve, _: Random) -> Curve:
    return replace(curve, unit="nats_per_token" if curve.unit != "nats_per_token" else "bits_per_byte")


_POSSIBLE = "Every value is one that a model of this vocabulary can have"
_MEASURED = "Every curve was measured in training, and in that of its own run"

CURVE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("run-copied", "curves", "the values of a run under another seed", _MEASURED, _copied),
    Mutation("curve-frozen", "curves", "a loss that stands still", _MEASURED, _of_one(_frozen)),
    Mutation("curve-scripted", "curves", "a loss that decays by a formula", _MEASURED, _of_one(_smooth)),
    Mutation("points-swapped", "curves", "two points in the wrong order", "Steps rise", _of_one(_swapped)),
    Mutation("value-too-good", "curves", "a value a thousandth of itself", _POSSIBLE, _of_one(_value(0.001))),
    Mutation("value-too-bad", "curves", "a value ten times itself", _POSSIBLE, _of_one(_value(10.0))),
    Mutation("value-not-finite", "curves", "a value that is no number", _POSSIBLE, _of_one(_value(math.nan))),
    Mutation("other-unit", "curves", "values in another unit", _POSSIBLE, _of_one(_other_unit)),
    control("curves"),
)
