"""A ledger as a careful forger leaves it: other rows, and a chain of events that agrees with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from falsifiable import Race, open_race
from falsifiable.artifacts.races.layout import APPLICATION_ID, COLUMNS, KEYS, LAYOUT_VERSION, LEDGER_FILE, statements


def forge(folder: Path, change: Callable[[Race], Race]) -> None:
    """Replace the ledger in ``folder`` by what ``change`` makes of it, sealed again."""
    write_ledger(folder / LEDGER_FILE, change(open_race(folder)).resealed())


def write_ledger(path: Path, race: Race) -> None:
    """Write a race as a ledger of its own. The rules of the file are put in last, so that they refuse nothing."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    number = max(event.number for event in race.events)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        made = statements()
        for statement in made[: len(COLUMNS)]:
            connection.execute(statement)
        for event in race.events:
            _insert(connection, "events", {name: getattr(event, name) for name in COLUMNS["events"]})
        for table in KEYS:
            for row in race.tables[table]:
                _insert(connection, table, {**row, "event": number})
        for statement in made[len(COLUMNS) :]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))
