"""The ambiguities a to h of the reference race, each settled; and the three regimes of real curves."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.plan import Comparison
from falsifiable.race.deciding.states import Slope, standing, state_of
from tests.race.cohorts import Known, curve, plan_of

SHARED = Path(__file__).parents[3] / "shared" / "data" / "curves"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared, which is not committed")


def state(own: Curve, leader: Curve, *, step: int = 500, comparison: Comparison | None = None) -> str:
    measured = standing(own, leader, comparison or plan_of().comparison, step=step)
    return state_of(plan_of().states, measured.words).state


def test_a_own_slope_and_slope_of_the_gap_are_two_quantities() -> None:
    leader, slower = curve("leader", 2.0), curve("slower", 2.1, slope=0.0002)
    measured = standing(slower, leader, plan_of().comparison, step=200)
    assert (measured.words["gap_slope"], measured.words["own_slope"]) == ("rising", "falling")
    assert state(slower, leader, step=200) == "PARALLEL_LOSING"
    assert state(curve("worse", 2.1, slope=0.005), leader) == "DIVERGING"


def test_b_flat_has_a_tolerance_and_overlaps_with_nothing() -> None:
    comparison = Comparison(slope_tolerance=0.01)
    assert [Slope(rate, 0.0, 8).direction(comparison) for rate in (-0.02, -0.01, 0.0, 0.01, 0.02)] == [
        "falling", "flat", "flat", "flat", "rising",
    ]  # fmt: skip
    assert Slope(-1.0, 0.5, 8).direction(Comparison()) == "flat"
    assert Slope(-1.0, 0.1, 8).direction(Comparison()) == "falling"
    assert Slope(math.nan, math.nan, 2).direction(Comparison()) == "flat"


def test_c_a_small_gap_that_grows_slowly_has_a_state() -> None:
    assert state(curve("run", 2.03, slope=0.0005), curve("leader", 2.0), step=200) == "PARALLEL_LOSING"


def test_d_only_one_run_leads_and_its_equal_is_tied() -> None:
    leader = curve("a", 2.0)
    assert state(leader, leader) == "LEADING"
    assert state(curve("b", 2.0), leader) == "TIED"


def test_e_slopes_are_per_step_whatever_lies_between_evaluations() -> None:
    dense, sparse = curve("dense", 2.0), curve("sparse", 2.0, steps=range(50, 550, 50))
    drifts = [
        standing(curve("run", 2.0, slope=0.001, steps=one.steps), one, Comparison(samples=6), step=500).gap_slope
        for one in (dense, sparse)
    ]
    assert [round(one.per_step, 9) for one in drifts] == [0.001, 0.001]


@pytest.mark.parametrize(
    ("own", "state_wanted", "why"),
    [
        (curve("few", 2.1, steps=(480, 490)), "UNDECIDED", "its last step up to 500 is 490, the leader's is 500"),
        (curve("few", 2.1, steps=(490, 500)), "UNDECIDED", "shares 2 evaluations"),
        (curve("late", 2.1, steps=range(10, 400, 10)), "UNDECIDED", "is 390, the leader's is 500"),
        (
            Curve("back", "wsd", 1, "bits_per_byte", (10, 5, 500), (3.0, 2.0, 2.0)),
            "UNDECIDED",
            "step 5 follows step 10",
        ),
        (Curve("nan", "wsd", 1, "bits_per_byte", (10, 500), (3.0, math.nan)), "DIVERGED", "not finite"),
        (Curve("inf", "wsd", 1, "bits_per_byte", (10, 500), (math.inf, 2.0)), "DIVERGED", "not finite"),
        (Curve("empty", "wsd", 1, "bits_per_byte", (), ()), "UNDECIDED", "no point was logged"),
    ],
)
def test_e_what_cannot_be_compared_is_undecided_and_what_is_no_number_diverged(
    own: Curve, state_wanted: str, why: str
) -> None:
    leader = curve("leader", 2.0)
    assert state(own, leader) == state_wanted
    assert why in standing(own, leader, plan_of().comparison, step=500).why


def test_e_a_missing_point_of_the_leader_is_no_gap() -> None:
    leader = curve("leader", 2.0, steps=range(10, 400, 10))
    assert state(curve("run", 2.1), leader) == "UNDECIDED"


def test_e_a_gap_within_its_own_error_is_tied() -> None:
    leader, run = curve("leader", 2.0), curve("run", 2.1)
    known = Known({"leader": 2.0, "run": 2.1}, half=0.2).predict([leader, run])
    measured = standing(run, leader, plan_of().comparison, step=500, predicted=known[1], leading=known[0])
    assert measured.gap == "tied"
    assert measured.standardized == pytest.approx(0.1 / (math.sqrt(2) * 0.2 / 1.96), rel=1e-3)
    sharper = Known({"leader": 2.0, "run": 2.1}, half=0.02).predict([leader, run])
    assert (
        standing(run, leader, plan_of().comparison, step=500, predicted=sharper[1], leading=sharper[0]).gap == "behind"
    )


def test_f_the_leader_is_not_tied_with_itself() -> None:
    leader = curve("leader", 2.0)
    measured = standing(leader, leader, Comparison(tolerance=10.0), step=500)
    assert measured.gap == "leader"


def test_h_another_unit_is_not_comparable() -> None:
    other = Curve("nats", "wsd", 1, "nats_per_token", curve("x", 2.0).steps, curve("x", 2.1).values)
    assert state(other, curve("leader", 2.0)) == "UNDECIDED"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(allow_nan=True, allow_infinity=True)), max_size=12),
    st.lists(st.tuples(st.integers(0, 60), st.floats(-1e6, 1e6)), max_size=12),
    st.integers(0, 60),
)
def test_any_two_runs_have_exactly_one_state(
    own: list[tuple[int, float]], other: list[tuple[int, float]], step: int
) -> None:
    made = [
        Curve(name, "r", 0, "bits_per_byte", tuple(at for at, _ in points), tuple(value for _, value in points))
        for name, points in (("own", own), ("leader", other))
    ]
    assert state(made[0], made[1], step=step) in {one.state for one in plan_of().states}


@cache
def real_curves() -> list[Curve]:
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    about = {}
    for line in (SHARED / "modded_nanogpt_val_loss.jsonl").read_text().splitlines():
        one = json.loads(line)
        points[one["run"]].append((one["step"], one["value"]))
        about[one["run"]] = one["recipe"]
    return [
        Curve(run, about[run], None, "nats_per_token", *map(tuple, zip(*points[run], strict=True)))  # type: ignore[arg-type]
        for run in sorted(points)
    ]


def decisions(curves: list[Curve], steps: range) -> Iterator[tuple[str, str]]:
    """The state of every run at every step, and what the old rule (slope of the gap above 0.001) would have said."""
    plan = plan_of()
    for step in steps:
        there = [one for one in curves if step in one.steps and step < one.steps[-1] and not one.fault]
        if len(there) < 2:
            continue
        leader = min(there, key=lambda one: (one.values[one.steps.index(step)], one.run))
        for one in there:
            measured = standing(one, leader, plan.comparison, step=step)
            old = measured.measured_gap > 0 and measured.gap_slope.per_step > 0.001
            yield state_of(plan.states, measured.words).state, "killed" if old else "kept"


@needs_shared
def test_same_configurations_leave_no_decision_without_a_state() -> None:
    groups: dict[tuple[str, int], list[Curve]] = defaultdict(list)
    for one in real_curves():
        groups[one.recipe, one.last_step].append(one)
    found = Counter(
        state for group in groups.values() if len(group) >= 5 for state, _ in decisions(group, range(1000, 3001, 1000))
    )
    assert sum(found.values()) > 500
    assert found["DIVERGING"] == 0
    assert found["UNDECIDED"] < sum(found.values()) / 20


@needs_shared
def test_the_old_rule_kills_falling_runs_of_a_mixed_cohort_and_ours_none() -> None:
    mixed = [one for one in real_curves() if {125, 250, 375, 500} <= set(one.steps)]
    found = Counter(decisions(mixed, range(500, 1251, 375)))
    assert sum(count for (_, old), count in found.items() if old == "killed") > 100
    assert sum(count for (state, _), count in found.items() if state in ("DIVERGING", "DIVERGED")) == 0


@needs_shared
def test_own_slopes_of_real_runs_do_not_rise() -> None:
    rising = 0
    for one in real_curves():
        if len(one.steps) >= 16 and not one.fault:
            measured = standing(one, one, Comparison(slope_tolerance=0.001), step=one.steps[len(one.steps) // 2])
            rising += measured.words["own_slope"] == "rising"
    assert rising <= 2
