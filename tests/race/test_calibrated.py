"""A calibrated predictor: made of finished curves, saved as data, the same when read again, honest about its limits."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable import Curve, open_curves
from falsifiable.race.predicting.backtest import backtest, pooled_coverage
from falsifiable.race.predicting.calibrated import (
    SHARES,
    CalibratedPredictor,
    CalibrationError,
    calibrate,
    load_predictor,
    save_predictor,
)
from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor, half_width

OWN = Path(__file__).parent / "data" / "own_curves.csv"


@pytest.fixture(scope="module")
def own() -> list[Curve]:
    """Curves of tiny models trained for this, forty recipes with three seeds each; here every fourth recipe."""
    curves = open_curves(OWN).curves
    recipes = sorted({one.recipe for one in curves})[::4]
    return [one for one in curves if one.recipe in recipes]


@pytest.fixture(scope="module")
def predictor(own: list[Curve]) -> CalibratedPredictor:
    return calibrate(own[:-3])


def test_a_run_of_another_recipe_is_predicted_with_an_interval(
    own: list[Curve], predictor: CalibratedPredictor
) -> None:
    unseen = own[-1]
    (said,) = predictor.predict([unseen.first(12)])
    assert said.predictor == predictor.name
    assert said.last_step == unseen.steps[-1]
    assert said.low < said.value < said.high
    assert abs(said.value - unseen.final) < abs(unseen.first(12).final - unseen.final)


def test_it_is_saved_as_data_and_read_back_the_same(
    own: list[Curve], predictor: CalibratedPredictor, tmp_path: Path
) -> None:
    save_predictor(predictor, tmp_path / "predictor.json")
    again = load_predictor(tmp_path / "predictor.json")
    assert again.name == predictor.name
    seen = [one.first(12) for one in own[-3:]]
    assert again.predict(seen) == predictor.predict(seen)


def test_another_curve_gives_another_name(own: list[Curve], predictor: CalibratedPredictor) -> None:
    assert replace(predictor, curves=predictor.curves[:-1]).name != predictor.name


def test_bands_are_learnt_around_three_shares_of_a_run(predictor: CalibratedPredictor) -> None:
    assert tuple(predictor.bands) == SHARES


def test_a_run_unlike_all_others_stops_nothing(own: list[Curve], predictor: CalibratedPredictor) -> None:
    seen = own[-1].first(12)
    odd = replace(seen, values=tuple(40 * value for value in seen.values))
    usual, unusual = predictor.predict([seen, odd])
    assert not unusual.may_stop
    assert unusual.high - unusual.low > usual.high - usual.low


def test_one_value_is_enough_where_finished_runs_logged_the_same_step(
    own: list[Curve], predictor: CalibratedPredictor
) -> None:
    early = own[-1].until(next(step for step in own[-1].steps if step > 0))
    (said,) = predictor.predict([early])
    assert said.predictor == predictor.name
    assert said.low <= own[-1].final <= said.high
    assert abs(said.value - own[-1].final) < abs(early.final - own[-1].final) / 2
    assert not said.may_stop  # of fewer than 40 finished runs
    (off_grid,) = predictor.predict([replace(early, steps=(*early.steps[:-1], early.steps[-1] + 1))])
    assert off_grid.predictor == "power-law"


def test_another_unit_is_left_to_the_power_law(own: list[Curve], predictor: CalibratedPredictor) -> None:
    (said,) = predictor.predict([replace(own[0].first(12), unit="nats_per_token")])
    assert said.predictor == "power-law"
    assert not said.may_stop


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda curves: curves[:5], "5 sound curves"),
        (lambda curves: [replace(one, recipe="one") for one in curves], "in 1 groups"),
        (lambda curves: [*curves, replace(curves[0], run="other", unit="nats_per_token")], "one unit at a time"),
        (lambda curves: [replace(one, planned_steps=10**6) for one in curves], "have not reached their last step"),
    ],
)
def test_too_little_to_calibrate_on_is_refused_in_words(own: list[Curve], change, said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        calibrate(change(own))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"predictor": 2}', "\0"])
def test_a_file_that_is_no_predictor_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "predictor.json").write_text(content)
    with pytest.raises(CalibrationError, match="predictor"):
        load_predictor(tmp_path / "predictor.json")


def test_a_predictor_of_other_columns_is_refused(predictor: CalibratedPredictor, tmp_path: Path) -> None:
    save_predictor(predictor, tmp_path / "predictor.json")
    content = json.loads((tmp_path / "predictor.json").read_text())
    (tmp_path / "predictor.json").write_text(json.dumps({**content, "columns": ["last_value"]}))
    with pytest.raises(CalibrationError, match="another version"):
        load_predictor(tmp_path / "predictor.json")


def test_a_backtest_learns_from_other_recipes_and_says_how_far_each_predictor_can_be_trusted(own: list[Curve]) -> None:
    scores = {one.predictor: one for one in backtest(own, most_folds=4)}
    assert set(scores) == {"calibrated", "power-law", "delta-method", "last-value"}
    assert all(one.curves == len(own) for one in scores.values())
    assert scores["calibrated"].intervals == scores["power-law"].intervals == len(own)
    assert 0 < scores["delta-method"].intervals < len(own)  # none where the power ends at a bound
    assert scores["last-value"].intervals == 0
    assert scores["calibrated"].median_error < scores["power-law"].median_error < scores["last-value"].median_error
    assert scores["calibrated"].coverage > scores["delta-method"].coverage
    assert scores["calibrated"].half_width < scores["power-law"].half_width
    assert pooled_coverage(list(scores.values()), "calibrated") == scores["calibrated"].coverage


def test_without_finished_curves_the_power_law_has_a_wide_interval_and_stops_nothing(own: list[Curve]) -> None:
    said = PowerLawPredictor().predict([one.first(12) for one in own])
    assert all(one.low <= curve.final <= one.high for one, curve in zip(said, own, strict=True))
    assert not any(one.may_stop for one in said)
    assert {one.predictor for one in said} == {"power-law"}


def test_a_run_at_its_end_is_as_it_is(own: list[Curve]) -> None:
    (said,) = PowerLawPredictor().predict([own[0]])
    assert said.low == said.high == own[0].final
    assert half_width(own[0]) == 0


def test_a_run_with_two_points_is_predicted_by_its_last(own: list[Curve]) -> None:
    (said,) = PowerLawPredictor().predict([own[0].first(2)])
    assert said.value == own[0].values[1]
    assert math.isnan(said.asymptote)


def test_a_curve_with_a_fault_is_not_predicted(own: list[Curve]) -> None:
    broken = replace(own[0], steps=(*own[0].steps[:-1], 1))
    with pytest.raises(ValueError, match="step 1 follows"):
        PowerLawPredictor().predict([broken])
