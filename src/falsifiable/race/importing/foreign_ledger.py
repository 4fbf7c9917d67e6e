"""Somebody else's ledger: two files of JSON Lines, a queue of runs and the samples they logged, as they stand there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.table import TableRow, open_table
from falsifiable.race.errors import MalformedRow


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A row of the queue: what was asked of a run, and how it is said to have ended. What is empty is None.

    ``said`` holds what people and programs wrote about it: why it was pruned, and its last error.
    """

    line: int
    name: str
    seed: int | None
    steps: int | None
    status: str
    final_value: float | None
    final_step: int | None
    said: str


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A value that a run is said to have logged; NaN where the row holds none."""

    line: int
    run: str
    seed: int | None
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class ForeignLedger:
    """Both files. Samples are grouped by run, in the order of their file."""

    queue_path: Path
    samples_path: Path
    queue: tuple[QueueRow, ...]
    samples: Mapping[str, tuple[SampleRow, ...]]
    unit: str

    def curve(self, run: str) -> Curve:
        """The samples of a run as a curve. Raises KeyError."""
        rows = self.samples[run]
        steps, values = tuple(row.step for row in rows), tuple(row.value for row in rows)
        return Curve(run, recipe=run, seed=rows[0].seed, unit=self.unit, steps=steps, values=values)


def read_foreign_ledger(queue: Path, samples: Path, *, unit: str = "bits_per_byte") -> ForeignLedger:
    """The ledger whose queue and samples lie in these files of JSON Lines.

    Raises:
        ArtifactError: a file cannot be read, or a line is no JSON object.
        MalformedRow: a row lacks its name, or holds text where a number stands.
    """
    asked = tuple(_queue_row(row) for row in open_table(queue).rows)
    logged: dict[str, list[SampleRow]] = {}
    for one in map(_sample_row, open_table(samples).rows):
        logged.setdefault(one.run, []).append(one)
    return ForeignLedger(queue, samples, asked, {run: tuple(rows) for run, rows in logged.items()}, unit)


def _queue_row(row: TableRow) -> QueueRow:
    said = [str(row.values[key]) for key in ("prune_reason", "last_error") if row.values.get(key)]
    return QueueRow(
        line=row.line,
        name=_text(row, "canon_name"),
        seed=_integer(row, "seed"),
        steps=_integer(row, "steps_budget"),
        status=_text(row, "status"),
        final_value=_number(row, "final_bpb"),
        final_step=_integer(row, "final_step"),
        said="; ".join(said),
    )


def _sample_row(row: TableRow) -> SampleRow:
    step, value = _integer(row, "step"), _number(row, "bpb")
    if step is None:
        raise MalformedRow(row.line, "it names no step")
    return SampleRow(row.line, _text(row, "run"), _integer(row, "seed"), step, math.nan if value is None else value)


def _text(row: TableRow, key: str) -> str:
    value = row.values.get(key)
    if not isinstance(value, str) or not value:
        raise MalformedRow(row.line, f"{key} is {value!r}, and a text is expected")
    return value


def _number(row: TableRow, key: str) -> float | None:
    """A number, or the text of one; None where nothing stands."""
    value: Any = row.values.get(key)
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise MalformedRow(row.line, f"{key} is {value!r}, and a number is expected") from error


def _integer(row: TableRow, key: str) -> int | None:
    number = _number(row, key)
    if number is None:
        return None
    if not number.is_integer():
        raise MalformedRow(row.line, f"{key} is {number!r}, and a whole number is expected")
    return int(number)
