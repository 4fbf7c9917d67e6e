"""The hypothesis that phi-anchored seeds do better: supported only by a large and significant difference."""

from __future__ import annotations

import random

from falsifiable.race.deciding.seed_hypothesis import judge_seed_hypothesis


def finals(mean: float, count: int, seed: int) -> list[float]:
    generator = random.Random(seed)
    return [generator.gauss(mean, 0.01) for _ in range(count)]


def test_a_difference_far_beyond_two_sigma_is_supported():
    found = judge_seed_hypothesis(finals(1.9, 8, 1), finals(2.0, 8, 2))

    assert found.answer == "supported"
    assert found.difference < found.threshold < 0
    assert max(found.p_effect, found.p_permutation) < 0.05
    assert found.p_welch < 0.05


def test_a_significant_difference_below_two_sigma_is_not():
    assert judge_seed_hypothesis(finals(1.985, 30, 1), finals(2.0, 30, 2)).answer == "not supported"


def test_three_seeds_show_nothing_and_neither_do_runs_that_diverged():
    assert judge_seed_hypothesis(finals(1.9, 3, 1), finals(2.0, 9, 2)).answer == "too few"
    assert judge_seed_hypothesis([*finals(1.9, 3, 1), float("nan")], finals(2.0, 9, 2)).answer == "too few"


def test_groups_of_one_distribution_are_hardly_ever_told_apart():
    supported = sum(
        judge_seed_hypothesis(finals(2.0, 5, 2 * n), finals(2.0, 5, 2 * n + 1)).answer == "supported"
        for n in range(100)
    )

    assert supported <= 1


def test_at_exactly_two_sigma_it_is_supported_no_more_often_than_the_level():
    """The test is of the difference beyond the threshold, where nothing but the level lets it through."""
    supported = 0
    for n in range(200):
        found = judge_seed_hypothesis(finals(1.98, 5, 2 * n), finals(2.0, 5, 2 * n + 1))
        supported += found.answer == "supported"

    assert supported <= 20  # of 200, expected 10


def test_finals_that_never_vary():
    found = judge_seed_hypothesis([2.0] * 5, [2.0] * 5)

    assert (found.answer, found.p_permutation) == ("not supported", 1.0)
