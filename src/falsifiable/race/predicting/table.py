"""The table a calibrated predictor learns from: finished curves, each cut short at several places around one share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.predicting.features import NAMES, features, usable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CUTS = (1.0, 0.8, 1.2, 0.64, 1.4)
"""Where a curve is cut, as multiples of the share asked for, the share itself first."""
MOST_ROWS = 2000
"""A process costs the cube of this; beyond, cuts beside the share asked for are thinned out evenly."""


@dataclass(frozen=True, slots=True)
class Table:
    """One row per curve and cut.

    Attributes:
        columns: the features, of shape (rows, names).
        last: the last value seen.
        final: the value at the run's last step.
        groups: the group of recipes, held out as a whole.
        curve: the place of the row's curve among those the table was made of.
        at_share: whether the row is cut at the very share asked for.
    """

    columns: Array
    last: Array
    final: Array
    groups: NDArray[np.intp]
    curve: NDArray[np.intp]
    at_share: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.final)

    def some(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Table:
        """The rows ``which``."""
        return Table(
            self.columns[which], self.last[which], self.final[which], self.groups[which], self.curve[which],
            self.at_share[which],
        )  # fmt: skip

    def thinned(self, most: int = MOST_ROWS) -> Table:
        """At most ``most`` rows: those at the share first, and an even choice of the others."""
        if len(self) <= most:
            return self
        own, others = np.flatnonzero(self.at_share), np.flatnonzero(~self.at_share)
        if len(own) >= most:
            return self.some(own[_evenly(len(own), most)])
        return self.some(np.sort(np.concatenate([own, others[_evenly(len(others), most - len(own))]])))


def _evenly(count: int, wanted: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, wanted).astype(np.intp))


def points_at(curve: Curve, share: float) -> int:
    """How many points a run has logged after ``share`` of them: rounded down, so never more than that share."""
    return int(share * len(curve.steps) + 1e-9)


def table_of(curves: Sequence[Curve], groups: Sequence[int], share: float) -> Table:
    """Cut each finished curve around ``share`` of its points; a cut that leaves too few points gives no row."""
    rows: list[tuple[Array, float, int, bool]] = []
    for place, curve in enumerate(curves):
        seen: set[int] = set()
        for cut in CUTS:
            points = points_at(curve, share * cut)
            prefix = curve.first(points)
            if points in seen or not usable(prefix):
                continue
            seen.add(points)
            rows.append((features(prefix), prefix.final, place, cut == 1.0))
    which = np.array([place for _, _, place, _ in rows], dtype=np.intp)
    return Table(
        columns=np.array([row for row, _, _, _ in rows]).reshape(len(rows), len(NAMES)),
        last=np.array([last for _, last, _, _ in rows]),
        final=np.array([curves[place].final for place in which]),
        groups=np.array(groups, dtype=np.intp)[which],
        curve=which,
        at_share=np.array([own for _, _, _, own in rows], dtype=np.bool_),
    )
