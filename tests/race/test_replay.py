from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.race_replay import POOLS, difference, peers, read_plan, read_pools, run_pool, spent
from falsifiable.race.deciding.plan import Keep, Rung
from falsifiable.race.deciding.replay import CrossFitted, CurrentValue, draws, outcome, replay, replay_engine
from tests.race.cohorts import Known, cohort, plan_of
from tests.race.test_same_grid import finished

SHARED = Path(__file__).parents[3] / "shared" / "data" / "curves"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared, which is not committed")


def test_what_was_stopped_is_not_paid_for_and_what_was_lost_is_told() -> None:
    curves = cohort(4)
    race = outcome(curves, {"run-0": 100, "run-3": 50})
    assert race.finished == ("run-1", "run-2")
    assert (race.survived, race.regret) == (False, pytest.approx(0.05))
    assert race.compute == (100 + 50 + 1000) / 2000


def test_a_replay_stops_what_decide_stops_at_each_rung() -> None:
    rungs = (Rung(step=100, keep=Keep(share=0.5)), Rung(step=200, keep=Keep(count=1)))
    race = replay(plan_of(rungs=rungs, blind_steps=0), cohort(4), CurrentValue())
    assert race.finished == ("run-0",)
    assert race.compute == (2 * 100 + 200 + 500) / 2000
    mistaken = replay(plan_of(rungs=rungs, blind_steps=0), cohort(4), Known({"run-3": 0.0}))
    assert (mistaken.finished, mistaken.survived) == (("run-3",), False)


def test_an_engine_is_told_values_side_by_side_and_never_asked_about_a_last_step() -> None:
    asked: list[tuple[str, int]] = []

    def ask(run: str, step: int, _: float) -> bool:
        asked.append((run, step))
        return run == "run-1" and step == 30

    race = replay_engine(cohort(2), ask)
    assert asked[:6] == [(f"run-{number}", step) for step in (10, 20, 30) for number in (0, 1)]
    assert ("run-1", 40) not in asked
    assert max(step for _, step in asked) == 490
    assert race.compute == 530 / 1000


def test_draws_are_the_same_whatever_the_order_of_names() -> None:
    names = [f"n{number}" for number in range(30)]
    assert list(draws(names, 5, 3, 7)) == list(draws(names[::-1], 5, 3, 7))
    assert list(draws(names, 5, 3, 7)) != list(draws(names, 5, 3, 8))
    assert all(len(set(one)) == 5 for one in draws(names, 5, 20, 7))


def test_no_future_of_a_raced_run_takes_part_in_a_prediction() -> None:
    known = finished(12, 5)
    raced = [one for one in known if one.seed == 0]
    predictor = CrossFitted(known).without([one.run for one in raced])
    changed = tuple(
        type(one)(one.run, one.recipe, one.seed, one.unit, one.steps, (*one.values[:-1], 99.0)) if one in raced else one
        for one in known
    )
    again = CrossFitted(changed).without([one.run for one in raced])
    seen = [one.until(300) for one in raced]
    assert predictor.predict(seen) == again.predict(seen)
    # Nor does any run of the recipe that a prediction is about.
    others = tuple(one for one in known if one.recipe != "recipe-0" or one.seed == 0)
    alone = CrossFitted(others).without([one.run for one in raced])
    assert alone.predict(seen[:1]) == predictor.predict(seen[:1])


def test_the_paired_difference_has_an_interval() -> None:
    mean, low, high = difference([1, 1, 0, 1] * 50, [0, 1, 0, 1] * 50)
    assert low < mean == 0.25 < high


def test_the_committed_pools_are_named_by_rule() -> None:
    document = json.loads(POOLS.read_text())
    assert document["runs_of_a_race"] == 21
    assert next(one["name"] for one in document["pools"]) == "all comparable"
    assert len({one["draw_seed"] for one in document["pools"]}) == len(document["pools"])
    assert read_plan("race_lean.yaml").rung_step(0) == 125


@needs_shared
def test_a_few_races_of_the_widest_pool_run_through_every_engine() -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("ray")
    pool = read_pools(SHARED)[0]
    assert len(pool.curves) == 451
    ours, theirs = run_pool(pool, 3)
    assert theirs.keys() == peers().keys()
    assert all(len(one) == 3 for one in (*ours.values(), *theirs.values()))
    assert 0.2 < spent(ours["ours"]) < 0.6
