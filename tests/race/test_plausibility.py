"""Tripwires: ceilings by unit, jumps against a run's own usual change, and that no real curve trips one."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.judging.plausibility import (
    Tripwires,
    distinct_evaluations,
    floor_alarms,
    largest_rise,
    uniform_ceiling,
    void_reasons,
)
from tests.race.gate_cases import CEILING, CORRUPTED, STEPS, curve

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_a_uniform_model_scores_the_log_of_the_vocabulary():
    assert uniform_ceiling(128, "bits_per_char") == 7
    assert uniform_ceiling(50304, "nats_per_token") == pytest.approx(math.log(50304))


def test_only_step_0_may_lie_above_the_ceiling():
    values = (7.1, 4.0, 3.0)
    untrained = Curve("a", "a", 1, "bits_per_char", (0, 10, 20), values)
    trained = Curve("a", "a", 1, "bits_per_char", (1, 10, 20), values)

    assert void_reasons(untrained, Tripwires(), CEILING) == ()
    assert [one.name for one in void_reasons(trained, Tripwires(), CEILING)] == ["WorseThanUniform"]


def test_repeated_rows_are_one_evaluation():
    repeated = Curve("a", "a", 1, "bits_per_char", tuple(range(10, 510, 10)), tuple(5 - n // 5 / 10 for n in range(50)))

    assert distinct_evaluations(repeated) == 10
    assert largest_rise(repeated)[3] == 0


def test_the_jump_of_the_corrupted_pass():
    corrupted = Curve("fix-verify-s43", "fix", 43, "bits_per_char", STEPS, CORRUPTED)
    step, before, value, sigmas = largest_rise(corrupted)

    assert (step, before, value) == (9000, 0.0, 7.2781)
    assert sigmas > 10


def test_a_curve_that_a_mock_wrote_is_void_and_a_measured_one_is_not():
    """The mock trainer of a public race: a recurrence towards 1.85, logged under names that do not say so."""
    value, values = 3.5, []
    for step in range(1, STEPS[-1] + 1):
        value = 1.83 + (value - 1.83) * (1 - 0.0005) + 0.0015 * 0.005 * abs(math.sin(43))
        if step in STEPS:
            values.append(value)
    mock = Curve("CHAMP-E0061", "champ", 43, "bits_per_char", STEPS, tuple(values))
    (reason,) = void_reasons(mock, Tripwires(), CEILING)

    assert (reason.name, reason.family, reason.points) == ("ComputedCurve", "exponential", 12)
    assert void_reasons(curve(43, 1.84), Tripwires(), CEILING) == ()
    flat = Curve("flat", "flat", 43, "bits_per_char", STEPS, (2.0,) * 12)
    assert void_reasons(flat, Tripwires(), CEILING) == ()


def test_a_short_curve_has_no_usual_change():
    assert largest_rise(curve(43, 2.0).first(4)) is None
    assert largest_rise(Curve("flat", "flat", 1, "bits_per_char", STEPS, (2.0,) * 12)) is None


def test_a_floor_is_about_the_final_value():
    assert floor_alarms(curve(43, 1.88), Tripwires(floor=1.89), "")[0].floor == 1.89
    assert floor_alarms(curve(43, 1.89), Tripwires(floor=1.89), "") == ()
    assert floor_alarms(curve(43, 0.5), Tripwires(), "") == ()


def read(name: str) -> list[Curve]:
    points = defaultdict(list)
    for line in (SHARED / name).read_text().splitlines():
        row = json.loads(line)
        value = next(row[key] for key in ("bpb", "loss", "val_loss", "value") if key in row)
        points[row["run"]].append((row["step"], math.nan if value is None else value))
    return [
        Curve(run, run, None, "nats_per_token", *zip(*sorted(found), strict=True))
        for run, found in points.items()
        if len(found) >= 5
    ]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    "name", ["trios_curves.jsonl", "parameter_golf_val_bpb.jsonl", "modded_nanogpt_val_loss.jsonl"]
)
def test_no_public_curve_rises_as_a_corrupted_one_does(name):
    curves = read(f"curves/{name}")
    rises = [found[3] for one in curves if (found := largest_rise(one))]

    assert len(rises) > 50
    assert max(rises) < 10


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_most_of_the_corrupted_ledger_trips_a_wire():
    curves = read("ledgers/race_samples.jsonl")
    void = [one for one in curves if void_reasons(one, Tripwires(), CEILING)]

    assert (len(curves), len(void)) == (234, 174)
