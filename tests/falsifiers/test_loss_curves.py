"""Loss curves that nobody should believe, on the specimen and on the real ledger of a race that went wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable import Curve, Curves, open_curves
from falsifiable.samples import specimen
from falsifiers.loss_curves import complete, distinct, improve, in_order, in_range, measured, no_jump

SHARED = Path(__file__).parents[3] / "shared" / "data"
LEDGER = SHARED / "ledgers" / "race_samples.jsonl"
BITS = {"unit": "bits_per_byte", "floor": 0.1, "vocabulary_size": 128}

of_the_real_ledger = pytest.mark.skipif(not LEDGER.exists(), reason="the shared ledger is not here")


@pytest.fixture(scope="module")
def curves() -> Curves:
    return specimen("curves")  # type: ignore[return-value]


@pytest.fixture(scope="module")
def ledger() -> Curves:
    return open_curves(LEDGER)


def only(curves: Curves, *runs: str) -> Curves:
    for curve in curves.curves:
        if curve.run not in runs:
            curves = curves.without_curve(curve.run)
    return curves


def test_curves_of_a_sound_race_hold(curves: Curves) -> None:
    verdicts = [
        in_range(curves, **BITS | {"vocabulary_size": 256}),
        complete(curves, runs=21, points=50),
        in_order(curves),
        no_jump(curves),
        distinct(curves),
        measured(curves),
        improve(curves),
    ]
    assert [one.outcome for one in verdicts] == ["held"] * 7


def test_a_curve_says_where_it_leaves_the_range(curves: Curves) -> None:
    run = curves.curves[0].run
    below = curves.with_curve(run, lambda one: replace(one, values=(*one.values[:-1], 0.0003)))
    assert f"{run} has 0.0003 bits_per_byte at step 500" in in_range(below, **BITS | {"vocabulary_size": 256}).found


def test_nats_are_bounded_by_the_natural_logarithm(curves: Curves) -> None:
    run = curves.curves[0].run
    nats = only(curves, run).with_curve(run, lambda one: replace(one, unit="nats_per_token", values=(5.0,) * 50))
    verdict = in_range(nats, unit="nats_per_token", floor=0.1, vocabulary_size=128)
    assert "expected 0.1 to 4.852" in verdict.found


def test_nothing_to_look_at_is_inconclusive(curves: Curves) -> None:
    short = only(curves, curves.curves[0].run).with_curve(curves.curves[0].run, lambda one: one.first(4))
    assert measured(short).outcome == distinct(short).outcome == "inconclusive"


def test_a_repetition_of_one_run_is_no_copy(curves: Curves) -> None:
    again: Curve = replace(curves.curves[0], run="the same seed once more")
    assert distinct(curves.with_more(again)).outcome == "held"


@of_the_real_ledger
def test_the_first_honest_pass_is_none(ledger: Curves) -> None:
    claimed = only(ledger, next(one.run for one in ledger.curves if "fix-verify-s43" in one.run))
    assert in_range(claimed, **BITS).outcome == "falsified"
    verdict = no_jump(claimed)
    assert verdict.outcome == "falsified"
    assert "to 7.2781" in verdict.found


@of_the_real_ledger
def test_mocks_are_told_by_their_formula(ledger: Curves) -> None:
    whole = [one for one in ledger.curves if not one.fault and len(one.steps) >= 8 and min(one.values) > 0.1]
    verdict = measured(only(ledger, *(one.run for one in whole)))
    assert verdict.outcome == "falsified"
    assert verdict.measurements[0].name == "runs_on_a_formula"
    assert verdict.measurements[0].value >= 25


@of_the_real_ledger
def test_runs_of_other_names_share_their_trajectory(ledger: Curves) -> None:
    verdict = distinct(ledger)
    assert verdict.outcome == "falsified"
    assert verdict.measurements[0].value >= 70


@of_the_real_ledger
def test_most_of_that_ledger_is_out_of_range(ledger: Curves) -> None:
    assert in_range(ledger, **BITS).measurements[0].value > 200


@pytest.mark.skipif(not SHARED.exists(), reason="the shared curves are not here")
@pytest.mark.parametrize("name", ["trios_curves", "parameter_golf_val_bpb", "modded_nanogpt_val_loss"])
def test_real_curves_lie_on_no_formula_and_do_not_jump(name: str) -> None:
    real = open_curves(SHARED / "curves" / f"{name}.jsonl")
    assert [one.outcome for one in (measured(real), no_jump(real), in_order(real))] == ["held"] * 3
