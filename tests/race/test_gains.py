"""Expected gains against measured ones, with intervals from seed noise."""

from __future__ import annotations

import math
import random

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.judging.gains import judge_gains, pooled_noise
from falsifiable.race.judging.phases import Experiment


def runs(recipe: str, *finals: float, planned: int = 10) -> list[Curve]:
    return [
        Curve(f"{recipe}-{n}", recipe, n, "bits_per_byte", (5, 10), (final + 1, final), planned)
        for n, final in enumerate(finals)
    ]


BASE = runs("base", 2.00, 2.01, 1.99)


def judged(gain: float, *finals: float, against: str = "base"):
    table = judge_gains([Experiment("wsd", 0, against=against, gain=gain)], [*BASE, *runs("wsd", *finals)])
    return table.rows[0]


@pytest.mark.parametrize(
    ("gain", "finals", "sign", "outcome"),
    [
        (0.10, (1.90, 1.91, 1.89), "right", "hit"),
        (0.30, (1.90, 1.91, 1.89), "right", "miss"),
        (0.10, (2.10, 2.11, 2.09), "wrong", "miss"),
        (-0.10, (2.10, 2.11, 2.09), "right", "hit"),
        (0.01, (1.99, 2.00, 1.98), "unclear", "undecided"),
        (0.10, (2.00, 2.01, 1.99), "unclear", "miss"),
        (0.10, (1.90,), "right", "hit"),
        (0.10, (), "unclear", "not run"),
    ],
)
def test_an_expectation_is_judged_by_what_the_finals_can_tell(gain, finals, sign, outcome):
    row = judged(gain, *finals)

    assert (row.sign, row.outcome) == (sign, outcome)


def test_the_interval_is_that_of_a_t_test_with_pooled_noise():
    row = judged(0.1, 1.90, 1.91, 1.89)
    half = 2.7764451051977987 * 0.01 * math.sqrt(2 / 3)

    assert row.measured == pytest.approx(0.1)
    assert (row.low, row.high) == pytest.approx((0.1 - half, 0.1 + half))


def test_without_two_seeds_of_anything_nothing_is_decided():
    experiments = [Experiment("wsd", 0, against="base", gain=0.1)]
    (row,) = judge_gains(experiments, [BASE[0], *runs("wsd", 1.9)]).rows

    assert (row.low, row.high, row.outcome) == (-math.inf, math.inf, "undecided")


def test_runs_that_did_not_arrive_or_diverged_are_left_out():
    experiments = [Experiment("wsd", 0, against="base", gain=0.1)]
    stopped, diverged = runs("wsd", 1.0, planned=20), runs("wsd", math.nan)

    assert judge_gains(experiments, [*BASE, *stopped, *diverged]).rows[0].outcome == "not run"


def test_a_table_counts_what_came_true():
    experiments = [
        Experiment("wsd", 0, against="base", gain=0.1),
        Experiment("wsd", 1, against="base", gain=0.1),
        Experiment("bs8", 0, against="base", gain=0.2),
        Experiment("base", 0),
    ]
    table = judge_gains(experiments, [*BASE, *runs("wsd", 1.90, 1.91), *runs("bs8", 1.90, 1.91)])

    assert [(one.recipe, one.outcome) for one in table.rows] == [("wsd", "hit"), ("bs8", "miss")]
    assert (table.hits, table.decided, table.signs_right, table.degrees) == (1, 2, 2, 4)


def test_the_noise_is_that_within_recipes():
    assert pooled_noise({"a": [1.0, 1.2], "b": [5.0, 5.2], "c": [9.0]}) == (pytest.approx(math.sqrt(0.02)), 2)
    assert pooled_noise({"a": [1.0]})[1] == 0


def test_intervals_hold_the_true_gain_as_often_as_they_say():
    generator, held = random.Random(3), 0
    for _ in range(400):
        base, better = ([generator.gauss(mean, 0.01) for _ in range(3)] for mean in (2.0, 1.95))
        row = judge_gains(
            [Experiment("wsd", 0, against="base", gain=0.05)], [*runs("base", *base), *runs("wsd", *better)]
        ).rows[0]
        held += row.low <= 0.05 <= row.high

    assert 0.92 < held / 400 < 0.98
