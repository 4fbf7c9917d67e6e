"""Tripwires: what makes a curve unbelievable, and what makes it too good to be believed without a look.

Two things are called a floor, and they are not one. ``implausible_below`` *voids*: no language model reaches it, so a
value below it is another quantity or a damaged row, at whichever step. ``floor`` *holds*: nobody has been below it, so
a pass below it is either a record or a corruption, and a person decides which. (A third floor of the reference race,
the one that shelters runs from being stopped, is ``anti_cull`` of ``race.yaml`` and has nothing to do with results.)
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from falsifiable.artifacts.curves.closed_form import closed_form
from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.errors import (
    BelowFloor,
    ComputedCurve,
    JepaProxyDetected,
    JumpTooLarge,
    NonFiniteBpb,
    OutOfOrder,
    RaceError,
    WorseThanUniform,
)

NORMAL = 1.4826
"""Standard deviations in one median absolute value of a normal distribution."""

MIN_CHANGES = 4
"""Changes from which a usual change can be told."""


@dataclass(frozen=True, slots=True)
class Tripwires:
    """What no honest curve does, and what one has to be looked at for. Values are in the unit of the race."""

    floor: float | None = field(default=None, metadata={"description": "a pass below it is held for review"})
    family_floors: Mapping[str, float] = field(
        default_factory=dict, metadata={"description": "the same for one family of models, instead of floor"}
    )
    implausible_below: float = field(default=0.1, metadata={"description": "a value below it voids its run"})
    jump_sigmas: float = field(
        default=10.0, metadata={"description": "a rise of more than so many usual changes voids its run"}
    )

    def floor_of(self, family: str) -> float | None:
        """The floor of a family of models."""
        return self.family_floors.get(family, self.floor)


def uniform_ceiling(vocabulary_size: int, unit: str) -> float:
    """What guessing uniformly scores: log2 of the vocabulary in bits, its natural logarithm in ``nats_per_token``.

    In bits per byte it is exact for models of bytes; of a model of longer tokens it is an upper bound.
    """
    return math.log(vocabulary_size) if unit == "nats_per_token" else math.log2(vocabulary_size)


def void_reasons(curve: Curve, wires: Tripwires, ceiling: float) -> tuple[RaceError, ...]:
    """Why ``curve`` counts for nothing, the first offence of every kind; empty for a plausible one.

    Args:
        curve: all that the run logged.
        wires: the tripwires of the race.
        ceiling: of :func:`uniform_ceiling`; step 0, before any training, may lie above it.
    """
    return tuple(_void_reasons(curve, wires, ceiling))


def floor_alarms(curve: Curve, wires: Tripwires, family: str) -> tuple[BelowFloor, ...]:
    """The last value below the floor of the family, if the final value lies below it: for a person to look at."""
    floor = wires.floor_of(family)
    if floor is None or not curve.values or not curve.final < floor:
        return ()
    return (BelowFloor(curve.run, curve.steps[-1], curve.final, floor, family or "the race"),)


def distinct_evaluations(curve: Curve) -> int:
    """How many evaluations are behind the points: a value that is logged again until the next one counts once."""
    return sum(1 for _ in itertools.groupby(curve.values))


def largest_rise(curve: Curve) -> tuple[int, float, float, float] | None:
    """The largest rise between two evaluations: its step, both values, and how many usual changes it is.

    The usual change is ``NORMAL`` times the median of all changes that are not 0. Of 1,133 public curves of three
    projects with 5 points or more, none rises by more than 8 usual changes. None where there are too few changes.
    """
    changes = [after - before for before, after in itertools.pairwise(curve.values)]
    usual = NORMAL * statistics.median([abs(one) for one in changes if one] or [0.0])
    if sum(1 for one in changes if one) < MIN_CHANGES or not usual:
        return None
    place = max(range(len(changes)), key=changes.__getitem__)
    return curve.steps[place + 1], curve.values[place], curve.values[place + 1], changes[place] / usual


def _void_reasons(curve: Curve, wires: Tripwires, ceiling: float) -> Iterator[RaceError]:
    points = list(zip(curve.steps, curve.values, strict=True))
    unmeasured = next((one for one in points if not math.isfinite(one[1])), None)
    if unmeasured:
        yield NonFiniteBpb(curve.run, *unmeasured)
        return
    if curve.fault:
        yield OutOfOrder(curve.run, curve.fault)
        return
    low = next((one for one in points if one[1] < wires.implausible_below), None)
    if low:
        yield JepaProxyDetected(curve.run, *low, wires.implausible_below)
    high = next((one for one in points if one[1] > ceiling and one[0] > 0), None)
    if high:
        yield WorseThanUniform(curve.run, *high, ceiling)
    rise = largest_rise(curve)
    if rise and rise[3] > wires.jump_sigmas:
        yield JumpTooLarge(curve.run, *rise, wires.jump_sigmas)
    formula = closed_form(curve.steps, curve.values, low=wires.implausible_below, high=ceiling)
    if formula and formula.family != "constant":  # what never moves has too few distinct evaluations, and says so
        yield ComputedCurve(curve.run, formula.family, formula.points)
