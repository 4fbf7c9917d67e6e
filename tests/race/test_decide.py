from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decide import NotReadyError, cohort_ready, decide, mirror_seeds
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import AntiCull, Keep, Promote, Rung
from falsifiable.race.judging.plausibility import Tripwires
from falsifiable.race.predicting.prediction import Prediction
from tests.race.cohorts import Known, cohort, curve, plan_of


def actions(decisions: tuple[Decision, ...]) -> dict[str, str]:
    return {one.run: one.action for one in decisions}


def test_half_of_a_cohort_goes_and_the_best_leads() -> None:
    decided = decide(plan_of(), cohort(6), Known(), 1)
    assert [one.run for one in decided] == [f"run-{number}" for number in range(6)]
    assert list(actions(decided).values()) == ["keep"] * 3 + ["stop"] * 3
    assert {one.leader for one in decided} == {"run-0"}
    assert decided[0].state == "LEADING"
    assert "rank 6 of 6 by what is predicted" in decided[-1].reason


def test_what_is_predicted_ranks_and_not_what_is_measured() -> None:
    decided = decide(plan_of(), cohort(4), Known({"run-3": 0.5}), 1)
    assert decided[0].run == "run-3"
    assert decided[0].action == "keep"


@given(st.randoms(use_true_random=False), st.integers(1, 6), st.booleans())
def test_decisions_do_not_depend_on_the_order_of_arrival(shuffle: random.Random, runs: int, may_stop: bool) -> None:
    curves = cohort(runs)
    wanted = decide(plan_of(), curves, Known(may_stop=may_stop), 1)
    shuffle.shuffle(curves)
    assert decide(plan_of(), curves, Known(may_stop=may_stop), 1) == wanted


def test_decisions_do_not_depend_on_what_came_later() -> None:
    late = [one.until(250) for one in cohort(5)]
    assert decide(plan_of(), late, Known(), 1) == decide(plan_of(), cohort(5), Known(), 1)


def test_nothing_is_decided_before_the_cohort_is_there() -> None:
    curves = [*cohort(3), curve("slow", 1.0, steps=range(10, 200, 10))]
    assert not cohort_ready(plan_of(), curves, 1)
    with pytest.raises(NotReadyError, match="1 runs have not reached step 250: slow"):
        decide(plan_of(), curves, Known(), 1)
    decided = decide(plan_of(), curves, Known(), 1, ended={"slow"})
    assert "slow" not in actions(decided)


def test_a_run_that_is_no_number_is_there_and_is_stopped_even_in_the_blind_period() -> None:
    broken = Curve("broken", "wsd", 502, "bits_per_byte", (10, 20), (3.0, math.nan), 500)
    assert cohort_ready(plan_of(), [*cohort(2), broken], 0)
    decided = decide(plan_of(blind_steps=10_000), [*cohort(2), broken], Known(), 0)
    assert actions(decided) == {"run-0": "keep", "run-1": "keep", "broken": "stop"}
    assert decided[-1].state == "DIVERGED"


def test_g_the_blind_period_is_stronger_than_the_cut() -> None:
    decided = decide(plan_of(blind_steps=300), cohort(4), Known(), 1)
    assert set(actions(decided).values()) == {"keep"}
    assert "no run is stopped before step 300" in decided[-1].reason


def test_g_the_anti_cull_floor_is_stronger_than_the_cut_until_the_run_is_flat() -> None:
    sheltered = plan_of(anti_cull=AntiCull(floor=1.89, evaluations=5, within=0.005, from_step=200))
    assert set(actions(decide(sheltered, cohort(4), Known(), 1)).values()) == {"keep"}
    flat = [Curve(one.run, "wsd", one.seed, one.unit, one.steps, (one.values[-1],) * 50, 500) for one in cohort(4)]
    assert list(actions(decide(sheltered, flat, Known(), 1)).values()) == ["keep", "keep", "stop", "stop"]
    below = plan_of(anti_cull=AntiCull(floor=9.0, evaluations=5, within=0.005, from_step=200))
    assert "stop" in actions(decide(below, cohort(4), Known(), 1)).values()


def test_a_value_below_the_floor_is_held_and_neither_promoted_nor_stopped() -> None:
    plan = plan_of(tripwires=Tripwires(floor=2.2), rungs=(Rung(step=500, promote=Promote(count=3)),))
    decided = decide(plan, [curve("good", 2.0), curve("usual", 2.3, seed=501)], Known(), 0)
    assert actions(decided) == {"good": "hold", "usual": "keep"}
    assert decided[0].mirrors == ()
    assert "below the floor 2.2: a record or a corruption" in decided[0].reason


def test_a_predictor_that_was_not_tested_ranks_and_stops_nobody() -> None:
    decided = decide(plan_of(without_calibration="keep"), cohort(4), Known({"run-3": 0.1}, may_stop=False), 1)
    assert set(actions(decided).values()) == {"keep"}
    assert decided[0].run == "run-3"
    assert "known was not back-tested on comparable runs: it ranks and stops nobody" in decided[-1].reason


def test_where_the_plan_says_so_the_current_value_stands_in_and_is_named() -> None:
    decided = decide(plan_of(), cohort(4), Known({"run-3": 0.1}, may_stop=False), 1)
    assert list(actions(decided)) == [f"run-{number}" for number in range(4)]
    assert list(actions(decided).values()) == ["keep", "keep", "stop", "stop"]
    assert "measured, for want of a back-tested predictor" in decided[-1].reason


def test_an_undecided_run_is_kept_and_takes_a_place() -> None:
    sparse = curve("sparse", 9.0, steps=(240, 250))
    decided = decide(plan_of(), [*cohort(3), sparse], Known(), 1)
    assert actions(decided) == {"run-0": "keep", "run-1": "stop", "run-2": "stop", "sparse": "keep"}
    assert {one.run: one.state for one in decided}["sparse"] == "UNDECIDED"


def test_places_by_value_hedge_against_the_predictor() -> None:
    plan = plan_of(rungs=(Rung(step=100, keep=Keep(count=2, by_value=1)),), blind_steps=0)
    decided = decide(plan, cohort(4), Known({"run-3": 0.1, "run-2": 0.2}), 0)
    assert {run for run, action in actions(decided).items() if action == "keep"} == {"run-3", "run-0"}


class Unsure(Known):
    """Knows nothing of one run."""

    def _one(self, curve: Curve) -> Prediction:
        known = super()._one(curve)
        return replace(known, low=-9.0, high=9.0) if curve.run == "run-3" else known


def test_a_run_of_which_little_is_known_is_not_let_go_where_the_race_is_optimistic() -> None:
    sure, unsure = plan_of(blind_steps=0), plan_of(blind_steps=0, ranked_by="optimistic")
    assert actions(decide(sure, cohort(4), Unsure(), 1))["run-3"] == "stop"
    decided = decide(unsure, cohort(4), Unsure(), 1)
    assert actions(decided) == {"run-3": "keep", "run-0": "keep", "run-1": "stop", "run-2": "stop"}
    assert "by what is predicted at best" in decided[-1].reason


def test_compute_leaves_out_what_costs_too_much() -> None:
    plan = plan_of(rungs=(Rung(step=100, keep=Keep(count=3, compute=0.6)),), blind_steps=0)
    decided = decide(plan, cohort(4), Known(), 0)
    # 4 x 100 steps are spent, of 4 x 500; two more runs of 400 steps make 60 %.
    assert list(actions(decided).values()) == ["keep", "keep", "stop", "stop"]


def test_d_the_leader_alone_is_promoted_and_asks_for_its_mirrors_once() -> None:
    plan = plan_of(rungs=(Rung(step=500, promote=Promote(count=3)),))
    decided = decide(plan, cohort(3), Known(), 0)
    assert decided[0].action == "promote"
    assert decided[0].mirrors == (1618033, 2618033, 4236067)
    assert all(not one.mirrors for one in decided[1:])
    known = {"wsd": {500, 501, 502, 1618033, 4236067}}
    assert decide(plan, cohort(3), Known(), 0, existing=known)[0].mirrors == (2618033,)
    known["wsd"].add(2618033)
    assert decide(plan, cohort(3), Known(), 0, existing=known)[0].mirrors == ()


def test_d_a_mirror_is_never_mirrored() -> None:
    assert mirror_seeds(plan_of(), curve("mirror", 1.0, seed=1618033), Promote(count=3), {}) == ()


@given(st.lists(st.sampled_from([500, 501, 502]), max_size=12), st.sampled_from(["phi-anchored", "sibling", "random"]))
def test_d_however_often_leaders_change_the_mirrors_of_a_recipe_are_bounded(leaders: list[int], strategy: str) -> None:
    started = {"wsd": {500, 501, 502}}
    for seed in leaders:
        asked = Promote(count=3, strategy=strategy)  # type: ignore[arg-type]
        mirrors = mirror_seeds(plan_of(), curve("leader", 1.0, seed=seed), asked, started)
        assert not started["wsd"] & set(mirrors)
        started["wsd"] |= set(mirrors)
    assert len(started["wsd"]) <= 3 + 3 * len(set(leaders))


def test_a_diverging_run_is_replaced_by_its_own_seed() -> None:
    climbing = curve("climbing", 2.5, seed=501, slope=0.01)
    decided = decide(plan_of(), [*cohort(1), climbing], Known(), 1)
    assert decided[1].state == "DIVERGING"
    assert (decided[1].action, decided[1].mirrors) == ("stop", (6854101,))


def test_two_runs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="differ by name"):
        decide(plan_of(), [*cohort(1), *cohort(1)], Known(), 1)


def test_nobody_can_be_ranked_and_nobody_is_stopped_for_it() -> None:
    backwards = [Curve(f"b{number}", "wsd", 500, "bits_per_byte", (300, 250), (2.0, 2.0)) for number in range(2)]
    decided = decide(plan_of(), backwards, Known(), 1)
    assert [(one.state, one.action) for one in decided] == [("UNDECIDED", "keep")] * 2
