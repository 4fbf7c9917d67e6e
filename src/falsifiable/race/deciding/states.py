"""What is measured of one run beside the leader of its cohort, and which one state of ``race.yaml`` follows.

The reference race names four states and leaves open what they mean; about half of all decisions on real runs fall
between them. What was open is settled here:

a. *The slope of what.* Two quantities with two names: ``own_slope`` is the slope of the run's own values,
   ``gap_slope`` that of its measured distance to the leader. DIVERGING needs both to rise: a run that still learns, and
   only learns more slowly than the leader, does not diverge.
b. *"About zero".* A slope is flat unless it exceeds ``significance`` standard errors and ``slope_tolerance`` per step;
   falling and rising are the rest, so that the three words overlap nowhere.
c. *Holes.* ``race.yaml`` is read only if every combination of words has exactly one state.
d. *The leader and ties.* The leader is one run: the lowest predicted final value, at equal values the first name. Only
   it is ``leader`` and only it is promoted; a run that equals it is ``tied``. A mirror is never mirrored, and the seeds
   that a leader asks for depend on its own place alone, so that asking at every rung starts them once.
e. *Units and noise.* Slopes are per step, whatever the distance between evaluations. A gap within ``tolerance`` or
   within its own error is ``tied``. Values are joined at equal steps only; a run that shares too few of them, or has
   not logged the rung, is ``missing`` and nothing is decided about it; a value that is not finite is ``diverged``.
f. *Tied with itself.* The leader is compared with nobody: ``leader`` comes before ``tied``.
g. *What forbids a stop.* Blind steps and the anti-cull floor are stronger than every stop that follows from a
   comparison, at every rung. They do not shelter a run whose values are no numbers.
h. *Comparable.* One unit, and the leader's value at the very steps of the run's own. Runs of another unit, or on
   another grid, are ``missing``. The ledger holds a race to one corpus.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.plan import Comparison, State
from falsifiable.race.deciding.vocabulary import described, matching
from falsifiable.race.predicting.prediction import Prediction

Evidence = Literal["diverged", "missing", "comparable"]
Gap = Literal["leader", "tied", "behind"]
Direction = Literal["falling", "flat", "rising"]

_INTERVAL_WIDTHS = 1.959963984540054
"""Half of a 95 % interval in standard deviations: turns a predicted interval into the error of a gap."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A least-squares line through the last evaluations: its slope per step and the standard error of it."""

    per_step: float
    error: float
    samples: int

    def direction(self, comparison: Comparison) -> Direction:
        """Where it goes; flat where it is too small, too uncertain, or rests on fewer than three points."""
        if self.samples < 3 or abs(self.per_step) <= comparison.slope_tolerance:
            return "flat"
        if self.per_step == 0.0 or abs(self.per_step) < comparison.significance * self.error:
            return "flat"
        return "falling" if self.per_step < 0 else "rising"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is measured of a run at one step, in the unit of the race; not finite where it could not be measured.

    Attributes:
        run: its name.
        evidence: whether it can be compared, and why not.
        why: what is missing, in words; "" where nothing is.
        predicted_gap: its predicted final value less the leader's.
        error: the standard error of that gap, by the intervals of both predictions.
        measured_gap: its last value less the leader's at the same step.
        gap_slope: of the measured gap.
        own_slope: of its own values.
        gap: what the gap amounts to.
        words: what each quantity of the vocabulary says.
    """

    run: str
    evidence: Evidence
    why: str
    predicted_gap: float
    error: float
    measured_gap: float
    gap_slope: Slope
    own_slope: Slope
    gap: Gap
    words: Mapping[str, str]

    @property
    def standardized(self) -> float:
        """The predicted gap in standard errors; the gap's sign times infinity where no error is known."""
        if self.predicted_gap == 0.0:
            return 0.0
        return self.predicted_gap / self.error if self.error > 0 else math.copysign(math.inf, self.predicted_gap)


def standing(
    curve: Curve,
    leader: Curve,
    comparison: Comparison,
    *,
    step: int,
    predicted: Prediction | None = None,
    leading: Prediction | None = None,
) -> Standing:
    """Measure ``curve`` beside ``leader`` as both stood at ``step``.

    Args:
        curve, leader: the two runs; the same one for the leader itself.
        comparison: when a difference counts.
        step: the rung's step; later values are not looked at.
        predicted, leading: what is predicted of the two, None where nothing is; then the measured gap stands in.
    """
    own, other = curve.until(step), leader.until(step)
    evidence, why = _evidence(own, other, comparison, step)
    shared = _shared(own, other) if evidence == "comparable" else ()
    gap_slope = _slope([(at, mine - theirs) for at, mine, theirs in shared], comparison.samples)
    own_slope = _slope([(at, mine) for at, mine, _ in shared], comparison.samples)
    measured = shared[-1][1] - shared[-1][2] if shared else math.nan
    expected, error = _expected_gap(predicted, leading, measured)
    gap = _gap(curve.run == leader.run, expected, error, comparison)
    words = {
        "evidence": evidence,
        "gap": gap,
        "gap_slope": gap_slope.direction(comparison),
        "own_slope": own_slope.direction(comparison),
    }
    return Standing(curve.run, evidence, why, expected, error, measured, gap_slope, own_slope, gap, words)


def state_of(states: Sequence[State], words: Mapping[str, str]) -> State:
    """The one state that holds. Raises ValueError where none does, or several: no plan that was read has such words."""
    found = matching(tuple(states), words)
    if len(found) != 1:
        raise ValueError(f"{len(found)} states hold for ({described(words)}); a race needs exactly one")
    return next(one for one in states if one.state == found[0])


def _evidence(own: Curve, other: Curve, comparison: Comparison, step: int) -> tuple[Evidence, str]:
    if any(not math.isfinite(value) for value in own.values):
        return "diverged", own.fault or "a value is not finite"
    if own.fault:
        return "missing", own.fault
    if own.unit != other.unit:
        return "missing", f"it is measured in {own.unit} and the leader in {other.unit}"
    if other.fault:
        return "missing", f"of the leader {other.run}: {other.fault}"
    if own.steps[-1] != other.steps[-1]:
        return "missing", f"its last step up to {step} is {own.steps[-1]}, the leader's is {other.steps[-1]}"
    shared = len(set(own.steps) & set(other.steps))
    if shared < comparison.fewest:
        return "missing", f"it shares {shared} evaluations with the leader, of {comparison.fewest} needed"
    return "comparable", ""


def _shared(own: Curve, other: Curve) -> tuple[tuple[int, float, float], ...]:
    """Step, own value and the other's value wherever both logged the same step."""
    theirs = dict(zip(other.steps, other.values, strict=True))
    return tuple((at, mine, theirs[at]) for at, mine in zip(own.steps, own.values, strict=True) if at in theirs)


def _slope(points: list[tuple[int, float]], samples: int) -> Slope:
    """Ordinary least squares over the last ``samples`` points."""
    last = points[-samples:]
    count = len(last)
    if count < 3:
        return Slope(math.nan, math.nan, count)
    steps, values = [float(at) for at, _ in last], [value for _, value in last]
    middle, level = math.fsum(steps) / count, math.fsum(values) / count
    spread = math.fsum((at - middle) ** 2 for at in steps)
    slope = math.fsum((at - middle) * (value - level) for at, value in zip(steps, values, strict=True)) / spread
    left = math.fsum((value - level - slope * (at - middle)) ** 2 for at, value in zip(steps, values, strict=True))
    return Slope(slope, math.sqrt(left / (count - 2) / spread), count)


def _expected_gap(predicted: Prediction | None, leading: Prediction | None, measured: float) -> tuple[float, float]:
    """The gap at the end with its standard error; where one of both is not predicted, the measured gap, without."""
    if predicted is None or leading is None or not math.isfinite(predicted.value - leading.value):
        return measured, 0.0
    errors = [(one.high - one.low) / 2 / _INTERVAL_WIDTHS for one in (predicted, leading)]
    return predicted.value - leading.value, math.hypot(*errors)


def _gap(leads: bool, gap: float, error: float, comparison: Comparison) -> Gap:
    if leads:
        return "leader"
    within = abs(gap) <= comparison.tolerance or abs(gap) <= comparison.significance * error
    return "behind" if gap > 0 and not within else "tied"
