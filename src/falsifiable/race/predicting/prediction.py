"""What a predictor says of a run: the value at its own last step, with an interval that was tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from falsifiable.artifacts.curves.curve import Curve

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where a run will end, judged by its points so far. Values are in the unit of the curve.

    Attributes:
        run: the run's name.
        step: the last step seen.
        last_step: the run's own last step, for which ``value`` is predicted.
        value: the predicted value at ``last_step``.
        low, high: the interval that is to hold the value at ``last_step`` in ``LEVEL`` of all cases.
        asymptote: ``y_inf`` of the fitted power law, another quantity than ``value``; not finite where nothing fits.
        asymptote_low, asymptote_high: its delta-method interval, which covers far less than it claims on real curves
            and therefore decides nothing.
        predictor: name and digest of what predicted, such as ``calibrated:1f0c...`` or ``power-law``.
        may_stop: whether a run may be stopped on it: the predictor was back-tested on comparable finished runs.
    """

    run: str
    step: int
    last_step: int
    value: float
    low: float
    high: float
    asymptote: float
    asymptote_low: float
    asymptote_high: float
    predictor: str
    may_stop: bool


class Predictor(Protocol):
    """What turns the first points of runs into predictions."""

    @property
    def name(self) -> str:
        """Name and digest, written into every decision that rests on it."""
        ...

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        """One prediction per curve, in their order; all curves at once, because fitting is vectorised over them."""
        ...
