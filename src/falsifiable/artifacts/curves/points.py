"""One row of a loss curve, whatever file it stands in: which column means what, and what a row must hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.runs.run_record import NOT_FINITE

VALUE_COLUMNS: Mapping[str, str | None] = {
    "value": None,
    "bpb": "bits_per_byte",
    "val_bpb": "bits_per_byte",
    "val_loss": "nats_per_token",
    "eval_loss": "nats_per_token",
    "bpc": "bits_per_char",
}
"""The columns that hold the value of a curve, and the unit that each name implies."""

RUN_COLUMNS = ("run", "canon_name", "run_name")
SEED_COLUMNS = ("seed", "rng")
STEP_COLUMNS = ("step", "steps")
PLANNED_COLUMNS = ("planned_steps", "max_steps")
TIDY_COLUMNS = ("run", "recipe", "seed", "step", "value", "unit", "planned_steps")

_LARGEST_STEP = 2**53  # an integer that a float of 64 bits holds exactly
_LARGEST_SEED = 2**64
_NO_FLOAT = 2**1023


class ColumnsError(ValueError):
    """The columns at hand do not make a curve; says what is missing and what there is."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a file serves as what; None where there is none."""

    run: str | None
    step: str
    value: str
    implied_unit: str | None
    seed: str | None
    planned: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of one file are read: what the caller said, where the file does not say it.

    Attributes:
        path: the file, for messages.
        run: the name of the run where rows name none; "" where they must.
        unit: of values for which no row states one.
        column: the column that holds the value, None for the usual names.
        recipe, seed, planned_steps: of every row that states none.
        limits: what the rows may cost.
    """

    path: Path
    run: str = ""
    unit: str | None = None
    column: str | None = None
    recipe: str | None = None
    seed: int | None = None
    planned_steps: int | None = None
    limits: Limits = field(default=DEFAULT_LIMITS)

    def fault(self, place: str, message: str, expected: str | None = None) -> ArtifactError:
        """The file breaks the rules of a curve at ``place``."""
        return ArtifactError(self.path, f"{place}: {message}", expected=expected, kind="unsound")


@dataclass(frozen=True, slots=True)
class Point:
    """One value that was logged, and where its file says so."""

    place: str
    run: str
    recipe: str | None
    seed: int | None
    step: int
    value: float
    unit: str
    planned_steps: int | None


@lru_cache(maxsize=256)
def columns_of(names: tuple[str, ...], column: str | None = None) -> Columns:
    """Which of ``names`` serves as what. Raises ColumnsError where there is no step, or not exactly one value."""
    step = _first(STEP_COLUMNS, names)
    if step is None:
        raise ColumnsError(f"no column step among {_listed(names)}")
    value = column or _value_column(names)
    if value not in names:
        raise ColumnsError(f"no column {value} among {_listed(names)}")
    return Columns(
        run=_first(RUN_COLUMNS, names),
        step=step,
        value=value,
        implied_unit=VALUE_COLUMNS.get(value),
        seed=_first(SEED_COLUMNS, names),
        planned=_first(PLANNED_COLUMNS, names),
    )


def _value_column(names: tuple[str, ...]) -> str:
    found = [one for one in VALUE_COLUMNS if one in names]
    if not found:
        raise ColumnsError(f"no column {_listed(tuple(VALUE_COLUMNS))} among {_listed(names)}")
    if len(found) > 1 and found[0] != "value":
        raise ColumnsError(f"{_listed(tuple(found))} could each be the value; say which one is meant")
    return found[0]


def _first(wanted: Sequence[str], names: tuple[str, ...]) -> str | None:
    return next((one for one in wanted if one in names), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{one:.40}" for one in names[:20]) or "none"


def point_of(row: Mapping[str, Any], place: str, reading: Reading) -> Point:
    """What one row states.

    Args:
        row: column -> number, text or None. A value that is not finite is the text ``nan``, ``inf`` or ``-inf``, or,
            as SQL stores it, None.
        place: where it stands, such as ``line 3``.
        reading: what the caller said of the file.

    Raises:
        ArtifactError: unsound; the message names the place, what was found and what was expected.
    """
    try:
        columns = columns_of(tuple(row), reading.column)
    except ColumnsError as error:
        raise reading.fault(place, str(error), "a run, a step and a value") from None
    run = _text(row, columns.run, place, reading) or reading.run
    if not run:
        raise reading.fault(place, "the row names no run", "a column run")
    unit = _text(row, "unit", place, reading) or reading.unit or columns.implied_unit
    if unit is None:
        raise reading.fault(place, f"nothing says the unit of {columns.value}", "a column unit, or --unit")
    step = _whole(row, columns.step, place, reading, _LARGEST_STEP)
    if step is None:
        raise reading.fault(place, f"{columns.step} is missing", "a whole number")
    seed = _whole(row, columns.seed, place, reading, _LARGEST_SEED)
    planned = _whole(row, columns.planned, place, reading, _LARGEST_STEP)
    return Point(
        place,
        run,
        _text(row, "recipe", place, reading) or reading.recipe,
        reading.seed if seed is None else seed,
        step,
        _value(row[columns.value], columns.value, place, reading),
        unit,
        reading.planned_steps if planned is None else planned,
    )


def _text(row: Mapping[str, Any], name: str | None, place: str, reading: Reading) -> str:
    value = row.get(name) if name is not None else None
    if value is None:
        return ""
    most = reading.limits.curve_text_characters
    if not isinstance(value, str) or len(value) > most:
        raise reading.fault(place, f"{name} is {value!r:.60}", f"a text of at most {most} characters")
    return value


def _whole(row: Mapping[str, Any], name: str | None, place: str, reading: Reading, bound: int) -> int | None:
    value = row.get(name) if name is not None else None
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > bound:
        raise reading.fault(place, f"{name} is {value!r:.60}", f"a whole number of at most {bound}")
    return value


def _value(value: Any, name: str, place: str, reading: Reading) -> float:
    if value is None:
        return math.nan  # SQL and exports made of it have no other word for it, and the curve's fault will tell
    if isinstance(value, str) and value.lower() in NOT_FINITE:
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or _is_too_long(value):
        raise reading.fault(place, f"{name} is {value!r:.60}", "a number, or the text nan, inf or -inf")
    return float(value)


def _is_too_long(value: float) -> bool:
    """Whether it is a whole number that no float can hold."""
    return isinstance(value, int) and abs(value) >= _NO_FLOAT


def points_of(rows: Iterable[tuple[str, Mapping[str, Any]]], reading: Reading) -> tuple[Point, ...]:
    """The points of ``(place, row)`` in their order. Raises ArtifactError; see :func:`point_of`."""
    return tuple(point_of(row, place, reading) for place, row in rows)
