"""Mutations of tables: rows lost, repeated or of another form, and values of another kind or of another row."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from falsifiable.artifacts import Table
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, control, one_of

Row = dict[str, Any]


def _place(table: Table, random: Random) -> int:
    if not table.rows:
        raise NotApplicable("the table has no row")
    return random.randrange(len(table.rows))


def _row_missing(table: Table, random: Random) -> Table:
    return table.without_row(_place(table, random))


def _row_repeated(table: Table, random: Random) -> Table:
    place = _place(table, random)
    if table.format == "object":
        raise NotApplicable("the file is one object, which cannot stand there twice")
    return table.with_more(table.rows[place].values)


def _field(change: Callable[[Row, str], Row]) -> Callable[[Table, Random], Table]:
    """A mutation of one field of one row."""

    def make(table: Table, random: Random) -> Table:
        place = _place(table, random)
        name = one_of(random, table.rows[place].values, "field in that row")
        return table.with_row(place, lambda row: change(row, name))

    return make


def _removed(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def _renamed(row: Row, name: str) -> Row:
    return {f"{key}_old" if key == name else key: value for key, value in row.items()}


def _retyped(row: Row, name: str) -> Row:
    """A list of the value, which no reader of a text, a number or an object expects."""
    return {**row, name: [row[name]]}


def _changed(table: Table, random: Random) -> Table:
    """Another text in the place of one."""
    place = _place(table, random)
    texts = [name for name, value in table.rows[place].values.items() if isinstance(value, str)]
    name = one_of(random, texts, "text in that row")
    return table.with_row(place, lambda row: {**row, name: f"{row[name]} (edited)"})


def _extra(table: Table, random: Random) -> Table:
    return table.with_row(_place(table, random), lambda row: {**row, "left_over": True})


_COMPLETE = "Every row that was written is there, and there once"
_IN_FORM = "Every row has the fields that its readers look for, each of the kind that they expect"

TABLE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("row-missing", "table", "a row left out", _COMPLETE, _row_missing),
    Mutation("row-repeated", "table", "a row that stands there twice", _COMPLETE, _row_repeated),
    Mutation("field-removed", "table", "a row without one of its fields", _IN_FORM, _field(_removed)),
    Mutation("field-renamed", "table", "a field under a name that nobody looks for", _IN_FORM, _field(_renamed)),
    Mutation("field-retyped", "table", "a value of another type", _IN_FORM, _field(_retyped)),
    Mutation("field-extra", "table", "a field that no other row has", _IN_FORM, _extra),
    Mutation("text-changed", "table", "another text in a field", "Every value is the one that was written", _changed),
    control("table"),
)  # fmt: skip
