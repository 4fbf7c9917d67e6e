"""Power laws through many curves at once: the law that is there is found, and nobody finds a better one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.race_fits import compare, noisy_laws
from falsifiable import Curve, open_curves
from falsifiable.race.predicting.power_law import LEAST_POINTS, fit_power_laws

OWN = Path(__file__).parent / "data" / "own_curves.csv"
STEPS = tuple(range(100, 2100, 100))


def law(y_inf: float, a: float, p: float, steps: tuple[int, ...] = STEPS) -> Curve:
    """A curve that follows a power law exactly."""
    return Curve("run", "law", 0, "nats_per_token", steps, tuple(y_inf + a * step**-p for step in steps))


@settings(max_examples=60, deadline=None)
@given(y_inf=st.floats(0.1, 5), a=st.floats(0.5, 50), p=st.floats(0.05, 3))
def test_a_law_without_noise_is_found(y_inf: float, a: float, p: float) -> None:
    curve = law(y_inf, a, p)
    found = fit_power_laws([curve])
    fall = curve.values[0] - curve.values[-1]
    ahead = 100_000
    assert found.at(np.array([ahead]))[0] == pytest.approx(y_inf + a * ahead**-p, abs=2e-3 * fall)
    assert found.residual[0] <= (1e-5 * fall) ** 2 * len(STEPS)


def test_the_optimum_is_that_of_scipy_which_is_never_better() -> None:
    outcome = compare(300, 25, rounds=1)
    assert outcome.scipy_lower == 0
    assert outcome.same >= 285
    assert outcome.same + outcome.ours_lower + outcome.gave_up >= 295  # the rest have no asymptote to be found


def test_no_other_power_explains_a_real_curve_better() -> None:
    curves = [replace(one, steps=one.steps[1:], values=one.values[1:]) for one in open_curves(OWN).curves]
    found = fit_power_laws(curves)
    for place, curve in enumerate(curves):
        if not found.degenerate[place]:
            best = min(_residual(curve, power) for power in np.geomspace(0.01, 10, 400))
            assert found.residual[place] <= best * (1 + 1e-9)


def _residual(curve: Curve, power: float) -> float:
    across = np.array(curve.steps, dtype=np.float64) ** -power
    columns = np.column_stack([np.ones_like(across), across])
    values = np.array(curve.values)
    left = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    return float(left @ left)


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-2, 2), scale=st.floats(0.1, 10), seed=st.integers(0, 50))
def test_another_zero_and_another_unit_of_the_values_move_the_law_with_them(
    shift: float, scale: float, seed: int
) -> None:
    (curve,) = noisy_laws(1, 25, seed)
    moved = replace(curve, values=tuple(shift + scale * value for value in curve.values))
    found = fit_power_laws([curve, moved])
    if not found.degenerate.any():
        last = found.at(np.array([5000, 5000]))
        assert last[1] == pytest.approx(shift + scale * last[0], rel=1e-4, abs=1e-4 * scale)


def test_a_curve_is_fitted_the_same_whatever_is_fitted_beside_it() -> None:
    curves = noisy_laws(40, 12)
    alone, together = (
        fit_power_laws(curves[:1]),
        fit_power_laws([*curves, law(1, 5, 0.5, STEPS + tuple(range(2100, 9000, 100)))]),
    )
    assert alone.p[0] == pytest.approx(together.p[0], rel=1e-6)


def test_below_four_points_there_is_no_law_and_below_five_no_error() -> None:
    curve = law(2, 8, 0.5)
    found = fit_power_laws([curve.first(LEAST_POINTS - 1), curve.first(LEAST_POINTS), curve.first(LEAST_POINTS + 1)])
    assert math.isnan(found.p[0])
    assert found.degenerate[0]
    assert math.isfinite(found.p[1])
    assert np.isnan(found.y_inf_error).tolist() == [True, True, False]


def test_a_line_in_the_logarithm_of_steps_has_no_asymptote_and_says_so() -> None:
    values = tuple(9 - math.log(step) for step in STEPS)
    found = fit_power_laws([Curve("run", "line", 0, "nats_per_token", STEPS, values)])
    assert found.degenerate[0]
    assert found.at(np.array([4000]))[0] == pytest.approx(9 - math.log(4000), abs=0.01)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": (*STEPS[:-1], STEPS[0])}, "run: step 100 follows step 1900"),
        ({"values": (*(1.0,) * 19, math.nan)}, "run: the value at step 2000 is not finite"),
        ({"steps": (-5, *STEPS[1:])}, "run: step -5 is negative"),
    ],
)
def test_a_curve_with_a_fault_is_refused_by_name(change: dict[str, tuple[float, ...]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_power_laws([law(2, 8, 0.5), replace(law(2, 8, 0.5), **change)])
