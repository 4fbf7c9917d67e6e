from __future__ import annotations

import math
import random

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.cohort import CohortPredictor, digest_of

STEPS = tuple(range(100, 1100, 100))


def finished(recipes: int, seeds: int, noise: float = 0.001) -> tuple[Curve, ...]:
    """Runs of several recipes: each falls from its own level, and ends lower the longer it is planned."""
    generator = random.Random(1)
    made = []
    for recipe in range(recipes):
        for seed in range(seeds):
            planned = 1000 + 100 * generator.randrange(5)
            level = 3 + 0.05 * recipe + generator.gauss(0, noise)
            steps = tuple(range(100, planned + 1, 100))
            values = tuple(level + (1 - step / planned) + generator.gauss(0, noise) for step in steps)
            made.append(Curve(f"{recipe}-{seed}", f"recipe-{recipe}", seed, "nats_per_token", steps, values))
    return tuple(made)


def test_the_end_of_an_unseen_recipe_is_predicted_with_an_interval_that_holds() -> None:
    known, unseen = finished(12, 5), finished(14, 4)[48:]
    predictions = CohortPredictor(known).predict([one.until(300) for one in unseen])
    assert all(one.may_stop for one in predictions)
    errors = [abs(one.value - run.final) for one, run in zip(predictions, unseen, strict=True)]
    carried = [abs(run.until(300).final - run.final) for run in unseen]
    assert max(errors) < min(carried) / 4
    assert sum(one.low <= run.final <= one.high for one, run in zip(predictions, unseen, strict=True)) >= 7


@pytest.mark.parametrize(("recipes", "seeds"), [(3, 20), (12, 3)])
def test_too_few_runs_or_recipes_rank_and_stop_nobody(recipes: int, seeds: int) -> None:
    known = finished(recipes, seeds)
    [one] = CohortPredictor(known).predict([known[0].until(300)])
    assert not one.may_stop
    assert math.isfinite(one.value)


def test_nothing_is_known_of_a_step_that_no_finished_run_logged() -> None:
    known = finished(12, 5)
    odd = Curve("odd", "x", 0, "nats_per_token", (100, 150), (4.0, 3.9), 1000)
    other = Curve("other", "x", 0, "bits_per_byte", (100, 200), (4.0, 3.9), 1000)
    for one in CohortPredictor(known).predict([odd, other]):
        assert math.isnan(one.value)
        assert not one.may_stop


def test_a_recipe_that_is_left_out_takes_no_part() -> None:
    known = finished(12, 5)
    run = known[0].until(300)
    without = CohortPredictor(known, frozenset({run.recipe}))
    rest = CohortPredictor(tuple(one for one in known if one.recipe != run.recipe))
    assert without.predict([run]) == rest.predict([run])
    assert without.name == rest.name != CohortPredictor(known).name


def test_the_digest_names_the_curves_and_not_their_order() -> None:
    known = finished(3, 2)
    assert digest_of(known) == digest_of(known[::-1])
    assert digest_of(known) != digest_of(known[1:])
