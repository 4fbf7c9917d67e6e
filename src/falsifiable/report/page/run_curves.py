"""The loss of one run, with the band that a law fitted to its first half would have drawn over the second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falsifiable.artifacts import Run
from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.prediction import Prediction

FEWEST_POINTS = 16
"""Of a curve of which something is predicted; the curves on which the width of the band was chosen had as many."""


@dataclass(frozen=True, slots=True)
class RunCurve:
    """A curve, and what its first half said of its end; None where it is too short, or has a fault."""

    title: str
    curve: Curve
    predicted: Prediction | None = None


def curves_of_run(run: Run) -> Iterator[RunCurve]:
    """The losses of ``run``, phase by phase. Raises ArtifactError for a broken log."""
    name = run.run_id or run.folder.name
    phases = dict.fromkeys(str(row["phase"]) for row in run.rows if row.get("phase") is not None)
    for phase in phases or (None,):
        for quantity in ("loss", "val_loss"):
            series = run.series(quantity, phase)
            if series:
                title = quantity if phase is None else f"{quantity} of {phase}"
                curve = Curve(
                    name, "", None, "nats_per_token", tuple(step for step, _ in series), tuple(one for _, one in series)
                )
                yield RunCurve(title, curve, _predicted(curve))


def _predicted(curve: Curve) -> Prediction | None:
    if curve.fault or len(curve.steps) < FEWEST_POINTS:
        return None
    from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor

    (found,) = PowerLawPredictor().predict((curve.first(len(curve.steps) // 2),))
    return found
