"""Loss curves of single runs: what a trainer printed, and what a recorder or the Hugging Face Trainer wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.curves.grouping import without_seed
from falsifiable.artifacts.curves.points import (
    PLANNED_COLUMNS,
    SEED_COLUMNS,
    VALUE_COLUMNS,
    ColumnsError,
    Point,
    Reading,
    columns_of,
    point_of,
)
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.runs.run import Run
from falsifiable.artifacts.runs.text_log import rows_as_logged
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.contracts.log_pattern import PHASE, STEP, pattern_fault

_COUNTS = frozenset({*SEED_COLUMNS, *PLANNED_COLUMNS})
_NO_VALUES = _COUNTS | {STEP, PHASE}
_QUANTITIES = ("val_bpb", "bpb", "val_loss")


def points_of_log(source: SourceFile, pattern: str, reading: Reading) -> tuple[Point, ...]:
    """The points of a plain log, one for each line in which ``pattern`` finds a step and the value.

    A group may be called as any column of the tidy form. Where a line lacks the value, because its group is optional,
    it holds no point.

    Raises:
        ArtifactError: for a pattern or a file that cannot be read; unsound for a line that is no point.
    """
    rows = rows_as_logged(source, pattern, reading.limits)
    value = _value_group(pattern, reading)
    reading = replace(reading, column=value)
    points: list[Point] = []
    for number, row in rows:
        if value not in row:
            continue
        if len(points) == reading.limits.metrics_rows:
            raise reading.fault(f"line {number}", f"more than {reading.limits.metrics_rows} points")
        points.append(point_of(_with_counts(row), f"line {number}", reading))
    return tuple(points)


def _value_group(pattern: str, reading: Reading) -> str:
    """The group of a pattern that holds the value: the one that is meant, one of a usual name, or the only one."""
    if fault := pattern_fault(pattern):
        raise ArtifactError(reading.path, fault, hint="Correct the pattern")
    groups = tuple(re.compile(pattern).groupindex)
    others = [name for name in groups if name not in _NO_VALUES]
    only = others[0] if len(others) == 1 else None
    try:
        return columns_of(groups, reading.column or only).value
    except ColumnsError as error:
        raise ArtifactError(reading.path, f"the pattern's groups: {error}", hint="Name one with --column") from None


def _with_counts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose counts are whole numbers, which the reader of logs takes for floats like every other number."""
    return {
        name: int(value) if name in _COUNTS and isinstance(value, float) and value.is_integer() else value
        for name, value in row.items()
    }


def curve_of_run(run: Run, reading: Reading) -> Curve:
    """The curve of a run that was recorded: of ``reading.column``, or else of its validation loss.

    Raises ArtifactError (unsound) where the run logged none, or a value that is no number.
    """
    quantity = reading.column or next((one for one in _QUANTITIES if run.series(one)), "val_loss")
    series = run.series(quantity)
    if not series:
        raise ArtifactError(reading.path, f"logged no {quantity}", expected="a validation loss at some steps")
    unit = reading.unit or VALUE_COLUMNS.get(quantity)
    if unit is None:
        raise ArtifactError(reading.path, f"nothing says the unit of {quantity}", expected="a unit", hint="Give --unit")
    seed = _count(run, "seed.actual", "seed.requested", "seed")
    steps, values = zip(*series, strict=True)
    return Curve(
        run=reading.run,
        recipe=reading.recipe or without_seed(reading.run, seed),
        seed=seed,
        unit=unit,
        steps=tuple(steps),
        values=tuple(float(value) for value in values),
        planned_steps=_count(run, "steps.planned"),
    )


def _count(run: Run, *fields: str) -> int | None:
    """The first of the record's fields that is a whole number."""
    values = (run.field(one) for one in fields)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
