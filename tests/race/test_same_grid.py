from __future__ import annotations

import math
import random

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.same_grid import SameGrid

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


def test_the_end_of_an_unseen_recipe_is_predicted_from_one_value_with_an_interval_that_holds() -> None:
    known, unseen = finished(12, 5), finished(14, 4)[48:]
    said = [SameGrid(known).predict(one.until(300)) for one in unseen]
    predictions = [one for one in said if one is not None]
    assert len(predictions) == len(unseen)
    assert all(may_stop for _, _, may_stop in predictions)
    errors = [abs(value - run.final) for (value, _, _), run in zip(predictions, unseen, strict=True)]
    carried = [abs(run.until(300).final - run.final) for run in unseen]
    assert max(errors) < min(carried) / 4
    assert sum(error <= half for error, (_, half, _) in zip(errors, predictions, strict=True)) >= 7


@pytest.mark.parametrize(("recipes", "seeds"), [(3, 20), (12, 3)])
def test_too_few_runs_or_recipes_rank_and_stop_nobody(recipes: int, seeds: int) -> None:
    known = finished(recipes, seeds)
    said = SameGrid(known).predict(known[0].until(300))
    assert said is not None
    value, _, may_stop = said
    assert not may_stop
    assert math.isfinite(value)


def test_nothing_is_known_of_a_step_that_no_finished_run_logged() -> None:
    odd = Curve("odd", "x", 0, "nats_per_token", (100, 150), (4.0, 3.9), 1000)
    assert SameGrid(finished(12, 5)).predict(odd) is None


def test_a_run_at_that_step_of_its_own_end_teaches_nothing() -> None:
    ended = tuple(one for one in finished(12, 5) if one.steps[-1] == 1000)
    assert SameGrid(ended).predict(Curve("r", "x", 0, "nats_per_token", (1000,), (3.0,), 1400)) is None
