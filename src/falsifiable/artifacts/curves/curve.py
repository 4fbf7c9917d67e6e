"""One loss curve: the values a run logged of one quantity, by step, exactly as it logged them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Self

MIXED = " and "
"""Between the units of a curve whose rows state several."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of one quantity that one run logged.

    Nothing is put in order or left out: a ledger whose steps go backwards must be seen to do so. Whoever computes with
    a curve asks ``fault`` first.

    Attributes:
        run: the run's name, unique among the curves it is read with.
        recipe: what the run trains, its seed aside; runs of one recipe differ by their seed alone.
        seed: the seed, None where nobody recorded it.
        unit: of ``values``: ``nats_per_token``, ``bits_per_byte`` or ``bits_per_char``; where the rows of the run
            disagree, all that they state, joined by ``MIXED``.
        steps: optimizer steps at which ``values`` were measured, in the order of the log.
        values: the measured values, smaller is better; not finite where the run diverged.
        planned_steps: the run's own last step as it was asked for, None where nobody recorded it.
    """

    run: str
    recipe: str
    seed: int | None
    unit: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    planned_steps: int | None = None

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.values):
            raise ValueError(f"{self.run}: {len(self.steps)} steps and {len(self.values)} values")

    @property
    def last_step(self) -> int:
        """The step that the run is to end at: as planned, or else the last one logged. Raises IndexError if empty."""
        return self.planned_steps if self.planned_steps is not None else self.steps[-1]

    @property
    def final(self) -> float:
        """The last value logged, which is the run's result and never its best. Raises IndexError if empty."""
        return self.values[-1]

    @property
    def fault(self) -> str:
        """Why nothing can be computed from it; "" where its steps rise and its values are finite."""
        if not self.steps:
            return "no point was logged"
        if MIXED in self.unit:
            return f"its values are in {self.unit}"
        if self.steps[0] < 0:
            return f"step {self.steps[0]} is negative"
        for before, after in itertools.pairwise(self.steps):
            if after <= before:
                return f"step {after} follows step {before}"
        bad = next(
            (step for step, value in zip(self.steps, self.values, strict=True) if not math.isfinite(value)), None
        )
        return "" if bad is None else f"the value at step {bad} is not finite"

    def until(self, step: int) -> Self:
        """The same run as it stood after ``step``: its later points left out, its plan kept."""
        kept = [place for place, one in enumerate(self.steps) if one <= step]
        return self._of(kept)

    def first(self, points: int) -> Self:
        """The same run as it stood after its first ``points`` points, its plan kept."""
        return self._of(list(range(min(points, len(self.steps)))))

    def _of(self, kept: list[int]) -> Self:
        steps = tuple(self.steps[place] for place in kept)
        values = tuple(self.values[place] for place in kept)
        planned = self.last_step if self.steps else self.planned_steps
        return type(self)(self.run, self.recipe, self.seed, self.unit, steps, values, planned)
