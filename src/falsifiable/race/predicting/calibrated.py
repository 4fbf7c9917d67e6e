"""A predictor made of somebody's own finished curves: a blend of regressions, with intervals tested on other recipes.

It is data: the finished curves and the settings. Reading it fits the same regressions again, so that no program is
stored and nobody's file can run one. Its name holds the digest of both, and stands in every decision made on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.evidence import canonical_json, sha256_of, write_atomically
from falsifiable.race.predicting.band import Band, Settings, fit_band
from falsifiable.race.predicting.features import NAMES, features, usable
from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor
from falsifiable.race.predicting.prediction import Prediction
from falsifiable.race.predicting.recipes import recipe_groups
from falsifiable.race.predicting.same_grid import SameGrid
from falsifiable.race.predicting.table import Table, table_of

FORMAT = 1
LEAST_CURVES, LEAST_GROUPS = 20, 5
"""Below, a quantile of 95 % is one of the worst errors there happened to be, and says nothing of the next recipe."""
LEAST_POINTS = 8
SHARES = (0.1, 0.25, 0.5)
"""The shares of a run around which bands are learnt: early, at a quarter, and half-way."""
DEFAULTS = Settings()
_DIGITS_OF_NAME = 12


class CalibrationError(ValueError):
    """Curves or a file that no predictor can be made of; the message says what is missing."""


@dataclass(frozen=True)
class CalibratedPredictor:
    """Predicts runs of one unit from the finished curves it was made of.

    Attributes:
        unit: of the curves, and of every prediction.
        curves: the finished curves, in the order of their names.
        settings: how the bands are learnt.
    """

    unit: str
    curves: tuple[Curve, ...]
    settings: Settings = DEFAULTS

    @cached_property
    def digest(self) -> str:
        """sha256 of the file that holds it."""
        return sha256_of(canonical_json(_content(self)))

    @property
    def name(self) -> str:
        """``calibrated:`` and the first digits of the digest."""
        return f"calibrated:{self.digest[:_DIGITS_OF_NAME]}"

    @cached_property
    def bands(self) -> Mapping[float, Band]:
        """Share of a run -> what was learnt around it; a share at which too few curves have points is left out."""
        groups = recipe_groups(self.curves)
        tables = {share: table_of(self.curves, groups, share).thinned() for share in SHARES}
        return {share: fit_band(table, self.settings) for share, table in tables.items() if _suffices(table)}

    @cached_property
    def same_grid(self) -> SameGrid:
        """What is said of a run with too few points for a band, where finished runs logged the step it has come to."""
        return SameGrid(self.curves)

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        """One prediction per curve, by the band whose share is nearest to how far the run has come.

        A run with too few points for a band is predicted by the finished runs of the same grid of evaluations; one in
        another unit, at its end, or of a grid of its own by its power law alone. ``may_stop`` holds where the interval
        is finite and the curve no farther from those that were learnt from than these are apart.
        """
        found = list(PowerLawPredictor().predict(curves))
        known = [place for place, one in enumerate(curves) if one.unit == self.unit and one.steps[-1] < one.last_step]
        for place in known:
            early = None if usable(curves[place]) else self.same_grid.predict(curves[place])
            if early is not None:
                found[place] = self._instead(found[place], *early)
        places = [place for place in known if usable(curves[place])]
        for share in {self._share(curves[place]) for place in places}:
            some = [place for place in places if self._share(curves[place]) == share]
            values, halves, distances = self.bands[share].predict(_seen([curves[place] for place in some]))
            near = np.isfinite(halves) & (distances <= 1.0)
            for place, value, half, may_stop in zip(some, values, halves, near, strict=True):
                found[place] = self._instead(found[place], float(value), float(half), bool(may_stop))
        return tuple(found)

    def _instead(self, law: Prediction, value: float, half: float, may_stop: bool) -> Prediction:
        """What this predictor says in place of the power law, whose asymptote stays."""
        low, high = value - half, value + half
        return replace(law, value=value, low=low, high=high, predictor=self.name, may_stop=may_stop)

    def _share(self, curve: Curve) -> float:
        gone = curve.steps[-1] / curve.last_step
        return min(self.bands, key=lambda share: abs(np.log(share / gone)))


def calibrate(curves: Sequence[Curve], settings: Settings = DEFAULTS) -> CalibratedPredictor:
    """The predictor made of finished ``curves``.

    Raises:
        CalibrationError: fewer than ``LEAST_CURVES`` curves or ``LEAST_GROUPS`` groups of recipes, several units, or a
            curve that is not finished.
    """
    kept = tuple(sorted((one for one in curves if len(one.steps) >= LEAST_POINTS and not one.fault), key=_key))
    units = sorted({one.unit for one in kept})
    if len(units) > 1:
        raise CalibrationError(f"the curves are in {', '.join(units)}; calibrate those of one unit at a time")
    groups = len(set(recipe_groups(kept)))
    if len(kept) < LEAST_CURVES or groups < LEAST_GROUPS:
        found = f"{len(kept)} sound curves of {LEAST_POINTS} points and more, in {groups} groups of recipes"
        raise CalibrationError(f"{found}; a calibration takes {LEAST_CURVES} curves in {LEAST_GROUPS} groups")
    open_ones = [one.run for one in kept if one.steps[-1] != one.last_step]
    if open_ones:
        raise CalibrationError(f"{open_ones[0]} and {len(open_ones) - 1} more have not reached their last step")
    predictor = CalibratedPredictor(units[0], kept, settings)
    if not predictor.bands:
        raise CalibrationError("no band can be learnt: at no share of a run have two groups of recipes enough points")
    return predictor


def save_predictor(predictor: CalibratedPredictor, path: Path) -> None:
    """Write the predictor as canonical JSON. Raises OSError."""
    write_atomically(path, canonical_json(_content(predictor)))


def load_predictor(path: Path) -> CalibratedPredictor:
    """The predictor that :func:`save_predictor` wrote; its regressions are fitted again. Raises CalibrationError."""
    try:
        content = json.loads(path.read_bytes())
        if content["predictor"] != FORMAT or content["columns"] != list(NAMES):
            raise CalibrationError(f"{path}: it was made by another version; calibrate again from its curves")
        settings = Settings(**{**content["settings"], "shares": tuple(content["settings"]["shares"])})
        return calibrate([_curve(one, content["unit"]) for one in content["curves"]], settings)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, CalibrationError):
            raise
        raise CalibrationError(f"{path} is no predictor of `contract race calibrate`: {error}") from error


def _content(predictor: CalibratedPredictor) -> dict[str, Any]:
    runs = [
        {"run": one.run, "recipe": one.recipe, "seed": one.seed, "steps": list(one.steps), "values": list(one.values)}
        for one in predictor.curves
    ]
    settings = {**asdict(predictor.settings), "shares": list(predictor.settings.shares)}
    return {"predictor": FORMAT, "unit": predictor.unit, "columns": list(NAMES), "settings": settings, "curves": runs}


def _curve(one: Mapping[str, Any], unit: str) -> Curve:
    return Curve(one["run"], one["recipe"], one["seed"], unit, tuple(one["steps"]), tuple(map(float, one["values"])))


def _key(curve: Curve) -> tuple[str, str]:
    return curve.recipe, curve.run


def _suffices(table: Table) -> bool:
    return len(np.unique(table.groups[table.at_share])) >= LEAST_GROUPS


def _seen(curves: Sequence[Curve]) -> Table:
    """Rows of runs that go on; what a row learns from is not known, and not read."""
    nothing = np.zeros(len(curves), dtype=np.intp)
    return Table(
        columns=np.array([features(one) for one in curves]),
        last=np.array([one.final for one in curves]),
        final=np.full(len(curves), np.nan),
        groups=nothing,
        curve=nothing,
        at_share=np.ones(len(curves), dtype=np.bool_),
    )
