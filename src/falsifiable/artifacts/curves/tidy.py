"""The tidy form of loss curves, one row per logged value, as JSON Lines and as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from falsifiable.artifacts.curves.curve import MIXED, Curve
from falsifiable.artifacts.curves.points import (
    PLANNED_COLUMNS,
    SEED_COLUMNS,
    STEP_COLUMNS,
    ColumnsError,
    Point,
    Reading,
    columns_of,
    points_of,
)
from falsifiable.artifacts.sources.files import Source, read_whole
from falsifiable.artifacts.table import Table

_WHOLE = re.compile(r"[+-]?\d{1,30}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MOST_NUMBER_CHARACTERS = 64
_WHOLE_COLUMNS = frozenset({*SEED_COLUMNS, *STEP_COLUMNS, *PLANNED_COLUMNS})


def points_of_table(table: Table, reading: Reading) -> tuple[Point, ...]:
    """The points of a file of JSON objects; an object whose every key begins with ``_`` is a header and holds none.

    Raises ArtifactError (unsound) for a row that is no point of a curve; the message names its line.
    """
    rows = ((f"line {row.line}", row.values) for row in table.rows if not _is_header(row.values))
    return points_of(rows, reading)


def _is_header(row: Mapping[str, Any]) -> bool:
    return bool(row) and all(name.startswith("_") for name in row)


def points_of_csv(source: Source, reading: Reading) -> tuple[Point, ...]:
    """The points of a CSV file whose first line names the columns; empty cells are missing, other columns are let be.

    Raises:
        ArtifactError: ``unreadable`` beyond the limits or where it is not UTF-8; ``unsound`` for a header without the
            columns of a curve, a column named twice, a row of another length, and a cell that is no number.
    """
    content = read_whole(source, reading.limits.table_bytes)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise reading.fault("CSV", f"not UTF-8 at byte {fault.start}", "text in UTF-8") from fault
    return points_of(_csv_rows(text, reading), reading)


def _csv_rows(text: str, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: tuple[str, ...] | None = None
    numbers: frozenset[str] = frozenset()
    count = 0
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            break
        except csv.Error as fault:
            raise reading.fault(f"line {lines.line_num}", f"not CSV: {fault}") from fault
        if not cells:
            continue
        place = f"line {lines.line_num}"
        if head is None:
            head = tuple(cell.strip() for cell in cells)
            numbers = _checked_head(head, place, reading)
            continue
        count += 1
        if count > reading.limits.table_rows:
            raise reading.fault(place, f"more than {reading.limits.table_rows} rows")
        if len(cells) != len(head):
            raise reading.fault(place, f"has {len(cells)} cells", f"{len(head)}, as the header")
        yield place, {name: _cell(cell, name in numbers) for name, cell in zip(head, cells, strict=True)}


def _checked_head(head: tuple[str, ...], place: str, reading: Reading) -> frozenset[str]:
    """The columns that hold numbers. Raises ArtifactError where the header is not that of curves."""
    twice = next((name for name in head if head.count(name) > 1), None) if len(head) <= 1_000 else "too many columns"
    if twice is not None:
        raise reading.fault(place, f"the column {twice!r:.60} stands twice", "each column once")
    try:
        columns = columns_of(head, reading.column)
    except ColumnsError as error:
        raise reading.fault(place, str(error), "a header such as run,recipe,seed,step,value,unit") from None
    return _WHOLE_COLUMNS | {columns.value}


def _cell(cell: str, is_number: bool) -> Any:
    """What a cell holds: None where it is empty; a number where the column is one of numbers; else its text."""
    cell = cell.strip()
    if not cell:
        return None
    if is_number and len(cell) <= _MOST_NUMBER_CHARACTERS:
        if _WHOLE.fullmatch(cell):
            return int(cell)
        if _NUMBER.fullmatch(cell):
            return float(cell)
    return cell


def tidy_text(curves: Iterable[Curve]) -> str:
    """The curves as JSON Lines in the tidy form, which ``open_curves`` reads back as they are.

    A value that is not finite is written as the text ``nan``, ``inf`` or ``-inf``. Raises ValueError for a curve that
    the form cannot hold: one without points, or with values in several units.
    """
    return "".join(line for curve in curves for line in _tidy_lines(curve))


def _tidy_lines(curve: Curve) -> Iterator[str]:
    if not curve.steps or MIXED in curve.unit:
        raise ValueError(f"{curve.run}: {curve.fault}, and rows cannot say so")
    same = {"run": curve.run, "recipe": curve.recipe, "seed": curve.seed}
    planned = {} if curve.planned_steps is None else {"planned_steps": curve.planned_steps}
    for step, value in zip(curve.steps, curve.values, strict=True):
        shown = value if math.isfinite(value) else str(value)
        row = {**same, "step": step, "value": shown, "unit": curve.unit, **planned}
        yield json.dumps(row, ensure_ascii=False) + "\n"
