"""Computed curves: found under what was written over them, and never found among measured ones."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts.curves.closed_form import FEWEST_POINTS, closed_form

CURVES = Path(__file__).parents[3].parent / "shared" / "data" / "curves"
STEPS = tuple(range(100, 2100, 100))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 3.0), st.floats(0.5, 4.0), st.floats(5e-4, 4e-3))
def test_any_exponential_approach_is_found_with_its_numbers(asymptote: float, scale: float, rate: float) -> None:
    values = [asymptote + scale * (1 - rate) ** step for step in STEPS]

    form = closed_form(STEPS, values)

    assert form is not None
    assert (form.family, form.points) == ("exponential", len(STEPS))
    assert math.isclose(form.asymptote, asymptote, abs_tol=1e-3)
    assert math.isclose(form.at(STEPS[-1]), values[-1], abs_tol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 3.0), st.floats(1.0, 20.0), st.floats(0.1, 1.5))
def test_any_power_law_is_found(asymptote: float, scale: float, power: float) -> None:
    form = closed_form(STEPS, [asymptote + scale * step**-power for step in STEPS])

    assert form is not None
    assert form.points == len(STEPS)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 0.05))
def test_a_little_noise_of_measurement_is_enough_to_be_believed(seed: int, noise: float) -> None:
    draw = random.Random(seed)
    values = [1.85 + 1.65 * 0.9985**step + draw.gauss(0, noise) for step in STEPS]

    assert closed_form(STEPS, values) is None


def test_it_is_found_under_the_zeros_that_were_written_over_it() -> None:
    values = [1.85 + 1.65 * 0.9985**step for step in STEPS]
    spoiled = [0.0, *values[1:6], 4.53, *values[7:15], *[9.0] * 5]

    form = closed_form(STEPS, spoiled, low=0.1, high=7.0)

    assert form is not None
    assert form.points == 13


def test_a_constant_is_one_and_few_points_prove_nothing() -> None:
    constant = closed_form(STEPS, [0.7213] * len(STEPS))
    assert constant is not None
    assert (constant.family, constant.at(7)) == ("constant", 0.7213)
    few = STEPS[: FEWEST_POINTS - 1]
    assert closed_form(few, [1.85 + 0.9985**step for step in few]) is None


@pytest.mark.slow
@pytest.mark.parametrize("file", ["parameter_golf_val_bpb", "trios_curves", "modded_nanogpt_val_loss"])
def test_no_measured_curve_is_taken_for_a_computed_one(file: str) -> None:
    path = CURVES / f"{file}.jsonl"
    if not path.is_file():
        pytest.skip("the shared curves are not here")
    curves = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        curves[row["run"]].append((row["step"], row["value"]))

    taken = [run for run, points in curves.items() if closed_form(*zip(*points, strict=True))]

    assert taken == []
