"""Somebody else's ledger: two files of JSON Lines, a queue of runs and the samples they logged, as they stand there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.table import TableRow, open_table
from falsifiable.race.errors import MalformedRow

_DIGITS = re.compile(r"-?[0-9]{1,64}")


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
        MalformedRow: a row lacks its name, or holds text where a number stands, or a step below 0.
    """
    asked = tuple(_queue_row(_Row(queue, row)) for row in open_table(queue).rows)
    logged: dict[str, list[SampleRow]] = {}
    for row in open_table(samples).rows:
        one = _sample_row(_Row(samples, row))
        logged.setdefault(one.run, []).append(one)
    return ForeignLedger(queue, samples, asked, {run: tuple(rows) for run, rows in logged.items()}, unit)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row and its file, read field by field; a field that is empty is None."""

    path: Path
    row: TableRow

    def malformed(self, reason: str) -> MalformedRow:
        """The error that says where this row stands."""
        return MalformedRow(self.path.name, self.row.line, reason)

    def text(self, key: str) -> str:
        """A text that is there."""
        value = self.row.values.get(key)
        if not isinstance(value, str) or not value:
            raise self.malformed(f"{key} is {value!r}, and a text is expected")
        return value

    def number(self, key: str) -> float | None:
        """A number, or the text of one."""
        value = self._given(key)
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.malformed(f"{key} is {value!r}, and a number is expected") from error

    def integer(self, key: str) -> int | None:
        """A whole number, to its last digit: a seed has more of them than a float can tell apart."""
        value = self._given(key)
        if isinstance(value, int):
            return value
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return int(value)
        number = self.number(key)
        if number is not None and not number.is_integer():
            raise self.malformed(f"{key} is {number!r}, and a whole number is expected")
        return None if number is None else int(number)

    def _given(self, key: str) -> Any:
        value = self.row.values.get(key)
        if isinstance(value, bool):
            raise self.malformed(f"{key} is {value!r}, and a number is expected")
        return None if value == "" else value


def _queue_row(row: _Row) -> QueueRow:
    values = row.row.values
    return QueueRow(
        line=row.row.line,
        name=row.text("canon_name"),
        seed=row.integer("seed"),
        steps=row.integer("steps_budget"),
        status=row.text("status"),
        final_value=row.number("final_bpb"),
        final_step=row.integer("final_step"),
        said="; ".join(str(values[key]) for key in ("prune_reason", "last_error") if values.get(key)),
    )


def _sample_row(row: _Row) -> SampleRow:
    step, value = row.integer("step"), row.number("bpb")
    if step is None:
        raise row.malformed("it names no step")
    if step < 0:
        raise row.malformed(f"step is {step}, and training begins at 0")
    value = math.nan if value is None else value
    return SampleRow(row.row.line, row.text("run"), row.integer("seed"), step, value)
