"""Whether the tables and triggers in a file are exactly those of the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falsifiable.artifacts.races.layout import statements

if TYPE_CHECKING:
    import sqlite3

MOST_OBJECTS = 500
"""Of a ledger about seventy; a hostile file may declare millions."""


def schema_faults(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Which tables, triggers, views and indexes of a file are missing, changed or foreign; empty where none is.

    Nothing of them is executed.
    """
    found = connection.execute(f"SELECT type, name, sql FROM sqlite_master LIMIT {MOST_OBJECTS}")  # noqa: S608
    stated = {(kind, name): sql for kind, name, sql in found if sql is not None}
    expected = {_name_of(statement): statement for statement in statements()}
    missing = [f"the {kind} {name} is missing" for kind, name in expected if (kind, name) not in stated]
    changed = [
        f"the {kind} {name} is not the layout's"
        for (kind, name), sql in stated.items()
        if (kind, name) in expected and sql != expected[(kind, name)]
    ]
    foreign = [f"the {kind} {name} is none of the layout's" for kind, name in stated if (kind, name) not in expected]
    return (*missing, *changed, *foreign)


def _name_of(statement: str) -> tuple[str, str]:
    _, kind, name, _ = statement.split(" ", 3)
    return kind.lower(), name
