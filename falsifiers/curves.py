"""The curves of a run as its log holds them, whoever wrote it: losses, evaluations, learning rates, times."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

from falsifiable import Run

Points = list[tuple[int, float]]
"""``(step, value)`` in the order of the log."""

Start = Literal["as-recorded", "checkpoint", "scratch"]


def first_logged(run: Run, names: Sequence[str], phase: str = "") -> Points:
    """The first of ``names`` that is logged in ``phase``; empty for the last phase that logs it."""
    return next((found for name in names if (found := run.series(name, phase or None))), [])


def training_losses(run: Run, phase: str = "") -> Points:
    """Loss of every logged step, in nats per token."""
    return first_logged(run, ("loss", "train_loss"), phase)


def evaluations(run: Run, phase: str = "") -> Points:
    """Validation loss at every evaluation, in nats per token."""
    return first_logged(run, ("val_loss", "eval_loss"), phase)


def learning_rates(run: Run, phase: str = "") -> Points:
    """Learning rate of every logged step."""
    return first_logged(run, ("lr", "learning_rate"), phase)


def judged_losses(run: Run, phase: str = "") -> tuple[str, Points]:
    """The losses that tell whether training works, and their name: evaluations, or else means of training losses."""
    found = evaluations(run, phase)
    if len(found) > 1:
        return "val_loss", found
    return "mean training loss", means_of_tenths(training_losses(run, phase))


def means_of_tenths(points: Points) -> Points:
    """Means over ten equal shares of ``points``, each at its last step; all points where there are fewer than 20."""
    if len(points) < 20:
        return points
    edges = [len(points) * share // 10 for share in range(11)]
    blocks = [points[first:end] for first, end in itertools.pairwise(edges)]
    return [(block[-1][0], mean([value for _, value in block])) for block in blocks]


def started_from(run: Run, start: Start) -> Literal["checkpoint", "scratch", ""]:
    """What the planned phase began with, as asked for or as recorded; "" where no recorder said."""
    if start != "as-recorded":
        return start
    if not run.has_record:
        return ""
    named = run.field("init.requested") is not None or run.field("init.actual") is not None
    return "checkpoint" if named else "scratch"


def tokens_per_step(run: Run) -> int | None:
    """Tokens that one optimiser step reads: sequences x sequence length x accumulated batches; None if not recorded."""
    sequences, length = count(run, "batch.sequences"), count(run, "batch.sequence_length")
    accumulated = count(run, "batch.accumulation")
    return None if sequences is None or length is None or accumulated is None else sequences * length * accumulated


def count(run: Run, dotted: str) -> int | None:
    """A field of the record that is a positive whole number, or None."""
    value: object = run.field(dotted)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean. NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def line_through(values: Sequence[float]) -> tuple[float, float, float]:
    """Least-squares line through values at 0, 1, 2, ...: intercept, slope, standard deviation of the residuals.

    Takes three values or more; the deviation has two degrees of freedom less than there are values.
    """
    center, level = (len(values) - 1) / 2, mean(values)
    spread = sum((at - center) ** 2 for at in range(len(values)))
    slope = sum((at - center) * (value - level) for at, value in enumerate(values)) / spread
    intercept = level - slope * center
    squares = sum((value - intercept - slope * at) ** 2 for at, value in enumerate(values))
    return intercept, slope, math.sqrt(squares / (len(values) - 2))
