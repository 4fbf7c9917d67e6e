"""Phases: smoke before fire, counts that agree, an order of blockers, a budget that nobody picks from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts.shapes import record_shape
from falsifiable.race import errors
from falsifiable.race.judging.phases import (
    Blocker,
    Experiment,
    Phase,
    blocker_order,
    check_may_start,
    phase_faults,
    registration,
    within_budget,
)

RECIPES = ("base", "wsd", "bs8", "ema10", "h512", "h768", "gradfix", "nca")
CRITERIA = tuple(f"SMOKE-{n:02d}" for n in range(1, 15))
EXPERIMENTS = tuple(
    Experiment(recipe, seed=200 + 10 * n + k, exp_id=5 + 3 * n + k, against="base", gain=0.02, minimum=n < 3)
    for n, recipe in enumerate(RECIPES[1:])
    for k in range(3)
)
SMOKE = Phase("Fourteen criteria on short runs")
CHAMPION = Phase("What is expected to help", EXPERIMENTS, requires=("smoke",), green=CRITERIA, count=21)
PHASES = {"smoke": SMOKE, "champion": CHAMPION}
GREEN = dict.fromkeys(CRITERIA, True)


@pytest.mark.parametrize("kind", [Phase, Experiment, Blocker])
def test_phases_have_the_shape_of_race_yaml(kind):
    assert all(one.description for one in record_shape(kind).fields)


def test_a_phase_starts_when_all_is_green():
    check_may_start("champion", CHAMPION, GREEN, finished={"smoke"})


@pytest.mark.parametrize("answer", [False, None, "missing"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_it_refuses_on_any_criterion_that_is_not_green(criterion, answer):
    judged = {key: value for key, value in GREEN.items() if key != criterion or answer != "missing"}
    if answer != "missing":
        judged[criterion] = answer
    with pytest.raises(errors.NotGreen, match=criterion) as caught:
        check_may_start("champion", CHAMPION, judged, finished={"smoke"})
    assert caught.value.criteria == (criterion,)


def test_all_that_is_not_green_is_named():
    with pytest.raises(errors.NotGreen) as caught:
        check_may_start("champion", CHAMPION, {}, finished={"smoke"})
    assert caught.value.criteria == CRITERIA


def test_it_waits_for_phases_and_blockers():
    blockers = {"corpus": Blocker("the corpus is not pinned", blocks=("champion",))}
    with pytest.raises(errors.PhaseUnfinished, match="smoke, corpus"):
        check_may_start("champion", CHAMPION, GREEN, blockers=blockers)

    check_may_start("champion", CHAMPION, GREEN, finished={"smoke"}, blockers=blockers, removed={"corpus"})


def test_the_reference_race_has_no_fault():
    assert phase_faults(PHASES, {}, RECIPES) == ()


def test_a_phase_that_says_five_and_lists_four_is_told():
    sweep = Phase("Precision sweep", EXPERIMENTS[:4], count=5)
    (fault,) = phase_faults({"sweep": sweep}, {}, RECIPES)

    assert fault.values == {"phase": "sweep", "declared": 5, "listed": 4}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"requires": ("smoke", "hedge")}, errors.UnknownRequirement),
        ({"requires": ("champion",)}, errors.DependencyCycle),
        ({"experiments": (*EXPERIMENTS[:-1], EXPERIMENTS[0])}, errors.ExperimentListedTwice),
        ({"experiments": (*EXPERIMENTS[:-1], replace(EXPERIMENTS[-1], exp_id=5))}, errors.ExperimentListedTwice),
        ({"experiments": (*EXPERIMENTS[:-1], replace(EXPERIMENTS[-1], recipe="nobody"))}, errors.UnknownRequirement),
        ({"experiments": (*EXPERIMENTS[:-1], replace(EXPERIMENTS[-1], against="nobody"))}, errors.UnknownRequirement),
        ({"experiments": (*EXPERIMENTS[:-1], replace(EXPERIMENTS[-1], gain=0.5))}, errors.ConflictingGains),
    ],
)
def test_what_contradicts_itself_is_told_before_anything_runs(change, error):
    faults = phase_faults({**PHASES, "champion": replace(CHAMPION, **change)}, {}, RECIPES)

    assert error in {type(one) for one in faults}


def test_a_blocker_of_a_phase_that_is_not_there():
    (fault,) = phase_faults(PHASES, {"corpus": Blocker("not pinned", blocks=("champoin",))}, RECIPES)

    assert fault.requirement == "champoin"


def test_blockers_are_removed_in_the_order_they_wait_for_each_other():
    blockers = {
        "deploy": Blocker("no image", requires=("trainer", "ledger")),
        "trainer": Blocker("ignores its seed", requires=("corpus",)),
        "corpus": Blocker("not pinned"),
        "ledger": Blocker("not there"),
    }

    assert blocker_order(blockers) == ("corpus", "trainer", "ledger", "deploy")


def test_a_cycle_names_the_way_around():
    blockers = {"a": Blocker("a", ("b",)), "b": Blocker("b", ("c",)), "c": Blocker("c", ("a",)), "d": Blocker("d")}
    with pytest.raises(errors.DependencyCycle, match="a, b, c, a"):
        blocker_order(blockers)
    with pytest.raises(errors.UnknownRequirement, match="'e'"):
        blocker_order({"a": Blocker("a", ("e",))})


def test_what_is_in_the_way_is_named_with_what_has_to_go_first():
    blockers = {
        "deploy": Blocker("no image", requires=("trainer",), blocks=("champion",)),
        "trainer": Blocker("ignores its seed", requires=("corpus",)),
        "corpus": Blocker("not pinned"),
        "ledger": Blocker("not there", blocks=("smoke",)),
    }
    with pytest.raises(errors.PhaseUnfinished, match="corpus, trainer, deploy"):
        check_may_start("champion", CHAMPION, GREEN, finished={"smoke"}, blockers=blockers)
    with pytest.raises(errors.PhaseUnfinished, match="for deploy"):
        check_may_start(
            "champion", CHAMPION, GREEN, finished={"smoke"}, blockers=blockers, removed={"corpus", "trainer"}
        )


@given(st.permutations(range(8)), st.data())
def test_any_order_without_cycles_is_found(order, data):
    names = [f"b{n}" for n in order]
    blockers = {
        name: Blocker(name, tuple(data.draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else ()))
        for place, name in enumerate(names)
    }
    found = blocker_order(dict(sorted(blockers.items())))

    assert sorted(found) == sorted(names)
    assert all(found.index(one) < found.index(name) for name, item in blockers.items() for one in item.requires)


@pytest.mark.parametrize(("runs", "chosen"), [(30, 21), (21, 21), (20, 9), (9, 9)])
def test_a_tight_budget_runs_the_minimum_set_and_nothing_between(runs, chosen):
    assert len(within_budget("champion", CHAMPION, runs)) == chosen


def test_a_budget_below_the_minimum_set_runs_nothing():
    with pytest.raises(errors.BudgetTooSmall) as caught:
        within_budget("champion", CHAMPION, 8)
    assert (caught.value.needed, caught.value.runs) == (9, 8)


def test_what_was_expected_cannot_be_changed_unseen():
    changed = (*EXPERIMENTS[:-1], replace(EXPERIMENTS[-1], gain=0.021))

    assert registration(EXPERIMENTS) == registration(tuple(EXPERIMENTS))
    assert registration(changed) != registration(EXPERIMENTS)
