"""Loss curves of many runs: values that a model can have, points in order, and trajectories that training made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from falsifiable import Curve, Curves, NotApplicable, Verdict, closed_form, falsifier

_NAMED = 3
_COMPARED_POINTS = 5
_FORMULA_POINTS = 8
_BITS = ("bits_per_byte", "bits_per_char")


def _points(curves: Curves) -> tuple[int, str]:
    return sum(len(one.steps) for one in curves.curves), "points"


def _said(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more


def _longest(curves: Curves, points: int) -> Curve:
    """A curve of at least so many points, to mutate."""
    found = max(curves.curves, key=lambda one: len(one.steps), default=None)
    if found is None or len(found.steps) < points:
        raise NotApplicable(f"no curve has {points} points")
    return found


def _with_value(curves: Curves, place: int, value: float) -> Curves:
    chosen = _longest(curves, 2)
    values = list(chosen.values)
    values[place] = value
    return curves.with_curve(chosen.run, lambda one: replace(one, values=tuple(values)))


@falsifier("loss-curves.in-range")
def in_range(curves: Curves, *, unit: str, floor: float, vocabulary_size: int) -> Verdict:
    """Every value is one that a model can have: above the floor, and not above that of guessing every token alike.

    In the ledger of one public race 226 of 291 finished runs lay below 0.1 bits per byte, because they had read what
    they were judged on, and 44 above 8, which is worse than guessing.

    Args:
        unit: what all curves are measured in: nats_per_token, bits_per_byte or bits_per_char.
        floor: the smallest value that is believed, in that unit.
        vocabulary_size: tokens that a model chooses from; guessing costs log2 of it in bits, ln of it in nats.
    """
    ceiling = math.log2(vocabulary_size) if unit in _BITS else math.log(vocabulary_size)
    faults = [f"{one.run} {out}" for one in curves.curves if (out := _out_of_range(one, unit, floor, ceiling))]
    cause = ". Below the floor it was judged on what it had read; above the ceiling it is worse than guessing"
    return Verdict.of(not faults, found=_said(faults) + cause, examined=_points(curves), runs_out_of_range=len(faults))


def _out_of_range(curve: Curve, unit: str, floor: float, ceiling: float) -> str:
    if curve.unit != unit:
        return f"is measured in {curve.unit}, expected {unit}"
    for step, value in zip(curve.steps, curve.values, strict=True):
        if not floor <= value <= ceiling:
            return f"has {value:g} {unit} at step {step}, expected {floor:g} to {ceiling:.4g}"
    return ""


@in_range.counterexample
def a_loss_too_good(curves: Curves, *, floor: float) -> Curves:
    """A run that reports a tenth of the floor at its end."""
    return _with_value(curves, -1, floor / 10)


@in_range.counterexample
def worse_than_guessing(curves: Curves, *, vocabulary_size: int) -> Curves:
    """A run that starts above the value of guessing."""
    return _with_value(curves, 0, 2 * math.log2(vocabulary_size))


@in_range.counterexample
def a_loss_that_is_no_number(curves: Curves) -> Curves:
    """A run that diverged."""
    return _with_value(curves, -1, math.nan)


@in_range.counterexample
def another_unit(curves: Curves, *, unit: str) -> Curves:
    """Values of another unit, which only look alike."""
    other = "nats_per_token" if unit != "nats_per_token" else "bits_per_byte"
    return curves.with_curve(_longest(curves, 1).run, lambda one: replace(one, unit=other))


@falsifier("loss-curves.complete")
def complete(curves: Curves, *, runs: int, points: int) -> Verdict:
    """There are so many runs, and each has so many points and one at the step it was to end at.

    Args:
        runs: how many runs there are.
        points: how many points each run has at least.
    """
    faults = [] if len(curves.curves) == runs else [f"there are {len(curves.curves)} runs, expected {runs}"]
    for curve in curves.curves:
        if len(curve.steps) < points:
            faults.append(f"{curve.run} has {len(curve.steps)} points, expected {points}")
        elif curve.planned_steps is not None and curve.steps[-1] != curve.planned_steps:
            faults.append(f"{curve.run} ends at step {curve.steps[-1]}, expected {curve.planned_steps}")
    found = _said(faults) + "; a run died in silence, or its rows were lost"
    return Verdict.of(not faults, found=found, examined=(len(curves.curves), "runs"), faults=len(faults))


@complete.counterexample
def a_run_is_missing(curves: Curves) -> Curves:
    """A run that never logged anything."""
    return curves.without_curve(_longest(curves, 1).run)


@complete.counterexample
def a_run_that_broke_off(curves: Curves, *, points: int) -> Curves:
    """A run one point short."""
    chosen = _longest(curves, 1)
    return curves.with_curve(chosen.run, lambda one: one.first(points - 1))


@falsifier("loss-curves.in-order")
def in_order(curves: Curves) -> Verdict:
    """Steps of every run rise, and no run has two values at one step."""
    faults = [f"{curve.run}: {fault}" for curve in curves.curves if (fault := _disorder(curve))]
    found = _said(faults) + "; two runs wrote under one name, or rows were appended by hand"
    return Verdict.of(not faults, found=found, examined=_points(curves), runs_out_of_order=len(faults))


def _disorder(curve: Curve) -> str:
    if not curve.steps:
        return "it has no point"
    pairs = itertools.pairwise(curve.steps)
    return next((f"step {after} follows step {before}" for before, after in pairs if after <= before), "")


@in_order.counterexample
def a_step_written_twice(curves: Curves) -> Curves:
    """A run whose last point was appended once more."""
    chosen = _longest(curves, 1)
    steps, values = (*chosen.steps, chosen.steps[-1]), (*chosen.values, chosen.values[-1])
    return curves.with_curve(chosen.run, lambda one: replace(one, steps=steps, values=values))


@in_order.counterexample
def points_in_reverse(curves: Curves) -> Curves:
    """A run whose points stand there the other way round."""
    chosen = _longest(curves, 2)
    steps, values = chosen.steps[::-1], chosen.values[::-1]
    return curves.with_curve(chosen.run, lambda one: replace(one, steps=steps, values=values))


@falsifier("loss-curves.no-jump")
def no_jump(curves: Curves, *, share: float = 0.5) -> Verdict:
    """No value rises by more than a share of itself from one point to the next: training does not forget that fast.

    A run that was claimed as a record logged 0.0003 eight times and then 7.2781, 1.6935, 1.7399 and 1.5492: the values
    were those of two programs. Divergence jumps as well, and such a run is no result either.

    Args:
        share: the largest rise between two points that follow each other, as a share of the earlier.
    """
    faults = [f"{curve.run} {said}" for curve in curves.curves if (said := _jump(curve, share))]
    found = _said(faults) + "; it diverged there, or the points are those of two runs"
    return Verdict.of(not faults, found=found, examined=_points(curves), runs_that_jump=len(faults))


def _jump(curve: Curve, share: float) -> str:
    points = list(zip(curve.steps, curve.values, strict=True))
    for (_, before), (step, value) in itertools.pairwise(points):
        if value - before > share * abs(before):
            return f"goes from {before:g} to {value:g} at step {step}, expected a rise of at most {share:g} of it"
    return ""


@no_jump.counterexample
def two_runs_in_one(curves: Curves) -> Curves:
    """A run that is back at twice its first value at its end."""
    return _with_value(curves, -1, 2 * _longest(curves, 2).values[0])


@falsifier("loss-curves.distinct")
def distinct(curves: Curves) -> Verdict:
    """No two runs of different recipe or seed have the same values at the same steps.

    In the ledger of one public race 101 runs share their trajectory, to the last digit, with a run of another name: the
    options that tell them apart never reached the trainer.
    """
    seen: dict[tuple[tuple[int, float], ...], Curve] = {}
    faults, compared = [], 0
    for curve in curves.curves:
        key = tuple(zip(curve.steps, curve.values, strict=True))[:_COMPARED_POINTS]
        if len(key) < _COMPARED_POINTS:
            continue
        compared += 1
        other = seen.setdefault(key, curve)
        if other is not curve and (other.recipe, other.seed) != (curve.recipe, curve.seed):
            faults.append(f"{curve.run} ({curve.recipe}, seed {curve.seed}) has the values of {other.run}")
    if not compared:
        return Verdict.inconclusive(f"{curves.path}: no curve has {_COMPARED_POINTS} points to be told apart by")
    found = _said(faults) + "; what tells the runs apart never reached the trainer, or rows were copied"
    return Verdict.of(not faults, found=found, examined=(compared, "runs"), runs_of_another_name=len(faults))


@distinct.counterexample
def another_seed_changes_nothing(curves: Curves) -> Curves:
    """A seed that the trainer never read."""
    chosen = _longest(curves, _COMPARED_POINTS)
    return curves.with_more(replace(chosen, run=f"{chosen.run}-again", seed=(chosen.seed or 0) + 1))


@distinct.counterexample
def another_recipe_changes_nothing(curves: Curves) -> Curves:
    """An algorithm that does not exist, so that the default ran under its name."""
    chosen = _longest(curves, _COMPARED_POINTS)
    return curves.with_more(replace(chosen, run=f"{chosen.run}-other", recipe=f"{chosen.recipe}-other"))


@falsifier("loss-curves.measured")
def measured(curves: Curves) -> Verdict:
    """No curve lies on a formula: losses of real batches scatter, and what a mock trainer writes does not.

    A mock that decays towards 1.85 wrote 33 curves of one public ledger, most of them under names that do not say so.
    Told are constants, exponentials and power laws, by seven points that lie on one to a ten-thousandth of their fall.
    """
    faults, examined = [], 0
    for curve in curves.curves:
        if len(curve.steps) < _FORMULA_POINTS or curve.fault:
            continue
        examined += 1
        formula = closed_form(curve.steps, curve.values)
        if formula is not None:
            faults.append(f"{curve.run} lies on one {formula.family} at {formula.points} of {len(curve.steps)} points")
    if not examined:
        return Verdict.inconclusive(
            f"{curves.path}: no curve has {_FORMULA_POINTS} points, so that a formula could show"
        )
    found = _said(faults) + "; a mock wrote it, or nothing was trained"
    return Verdict.of(not faults, found=found, examined=(examined, "runs"), runs_on_a_formula=len(faults))


@measured.counterexample
def a_mock_trainer(curves: Curves) -> Curves:
    """A curve that decays exponentially, as a mock writes it."""
    chosen = _longest(curves, _FORMULA_POINTS)
    rate = 5 / max(chosen.steps[-1], 1)
    values = tuple(1.85 + 1.65 * math.exp(-rate * step) for step in chosen.steps)
    return curves.with_curve(chosen.run, lambda one: replace(one, values=values))


@measured.counterexample
def a_frozen_loss(curves: Curves) -> Curves:
    """A loss that stands still from the first step to the last."""
    chosen = _longest(curves, _FORMULA_POINTS)
    return curves.with_curve(chosen.run, lambda one: replace(one, values=(chosen.values[0],) * len(chosen.steps)))


@falsifier("loss-curves.improve")
def improve(curves: Curves, *, by: float = 0.0) -> Verdict:
    """Every run ends lower than it began: 15 of 20 rows of one public matrix ended, after 3000 steps, where they began.

    Args:
        by: how much lower at least, in the unit of the curves.
    """
    faults = list(_standing(curves.curves, by))
    examined = sum(len(one.steps) > 1 for one in curves.curves)
    found = _said(faults) + "; nothing was trained, or it trained the wrong way"
    return Verdict.of(not faults, found=found, examined=(examined, "runs"), runs_that_did_not_improve=len(faults))


def _standing(curves: Sequence[Curve], by: float) -> Iterator[str]:
    for curve in curves:
        if len(curve.steps) > 1 and not curve.values[0] - curve.final > by:
            yield (
                f"{curve.run} begins with {curve.values[0]:g} and ends with {curve.final:g} {curve.unit} at step "
                f"{curve.steps[-1]}, expected more than {by:g} below"
            )


@improve.counterexample
def nothing_was_learned(curves: Curves) -> Curves:
    """A run that ends where it began."""
    return _with_value(curves, -1, _longest(curves, 2).values[0])
