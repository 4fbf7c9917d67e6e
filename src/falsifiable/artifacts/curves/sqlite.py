"""Loss curves from a table of an SQLite file that others wrote, read as hostile bytes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.curves.grouping import curves_of
from falsifiable.artifacts.curves.points import ColumnsError, Point, Reading, columns_of, points_of
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.sources.files import SourceFile, read_whole

_JOURNAL_MODES = slice(18, 20)  # of the header: 2 asks for a write-ahead log, which bytes in memory cannot have
_ROLLBACK = b"\x01\x01"
_SECONDS = 30.0
_STEPS_BETWEEN_CHECKS = 100_000
_MOST_TABLES, _MOST_COLUMNS = 256, 256
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})


def curves_of_sqlite(source: SourceFile, reading: Reading, table: str | None) -> tuple[Curve, ...]:
    """The curves in a table with the columns ``run`` (or ``canon_name``), ``step`` and ``value`` (or ``bpb``).

    The bytes are read once and opened in memory: nothing is written, no view, trigger or function of the file runs, and
    what is hashed is what is read. Rows come in the order in which the table holds them.

    Raises:
        ArtifactError: ``unreadable`` beyond the limits, where a write-ahead log beside the file is not merged into it,
            and where several tables could be meant; ``unsound`` where it is no sound database, or a row is no point.
    """
    content = read_whole(source, reading.limits.table_bytes)
    log = source.path.with_name(source.path.name + "-wal")
    if log.exists() and log.stat().st_size:
        hint = f"Merge it first: sqlite3 {source.path.name} 'PRAGMA wal_checkpoint(TRUNCATE)'"
        raise ArtifactError(source.path, f"rows of it stand in {log.name} alone", hint=hint)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _open(connection, content, reading)
        return curves_of(_points(connection, reading, table), source.path)
    except sqlite3.Error as fault:
        raise ArtifactError(source.path, f"SQLite refuses it: {fault}", kind="unsound") from fault
    finally:
        connection.close()


def _open(connection: sqlite3.Connection, content: bytes, reading: Reading) -> None:
    patched = bytearray(content)
    patched[_JOURNAL_MODES] = _ROLLBACK
    connection.deserialize(bytes(patched))
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(reading.limits.metrics_line_bytes, 1024))
    ends = time.monotonic() + _SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_BETWEEN_CHECKS)


def _points(connection: sqlite3.Connection, reading: Reading, table: str | None) -> tuple[Point, ...]:
    tables = _tables(connection)
    name = table if table is not None else _only(tables, reading)
    if name not in tables:
        raise ArtifactError(reading.path, f"has no table {name!r:.80}", expected=", ".join(tables) or "a table")
    return points_of(_rows(connection, name, tables[name], reading), reading)


def _tables(connection: sqlite3.Connection) -> Mapping[str, tuple[str, ...]]:
    """Columns by table, of real tables alone: what is computed when it is read is none."""
    listed = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        " AND name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT ?",
        (_MOST_TABLES,),
    ).fetchall()
    columns = {}
    for (name,) in listed:
        found = connection.execute("SELECT name FROM pragma_table_info(?) LIMIT ?", (name, _MOST_COLUMNS)).fetchall()
        columns[name] = tuple(column for (column,) in found)
    return columns


def _only(tables: Mapping[str, tuple[str, ...]], reading: Reading) -> str:
    """The one table that holds curves."""
    fitting = [name for name, columns in tables.items() if _fits(columns, reading.column)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{one:.60}" for one in fitting or tables) or "none"
    if fitting:
        raise ArtifactError(reading.path, f"several tables hold curves: {listed}", hint="Name one with --table")
    raise ArtifactError(reading.path, f"no table holds curves; there are {listed}", expected="run, step and value")


def _fits(columns: tuple[str, ...], column: str | None) -> bool:
    try:
        return columns_of(columns, column).run is not None
    except ColumnsError:
        return False


def _rows(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], reading: Reading
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        wanted = _wanted(columns, reading)
    except ColumnsError as error:
        raise ArtifactError(reading.path, f"table {table:.60}: {error}", expected="run, step and value") from None
    connection.set_authorizer(_authorized)
    asked = f"SELECT {', '.join(map(_quoted, wanted))} FROM {_quoted(table)} NOT INDEXED"  # noqa: S608 - quoted; in the order of the rows
    for number, row in enumerate(connection.execute(asked), start=1):
        if number > reading.limits.table_rows:
            raise ArtifactError(reading.path, f"more than {reading.limits.table_rows} rows in table {table:.60}")
        yield f"table {table:.60}, row {number}", dict(zip(wanted, row, strict=True))


def _wanted(columns: tuple[str, ...], reading: Reading) -> tuple[str, ...]:
    found = columns_of(columns, reading.column)
    named = (found.run, found.seed, found.step, found.value, found.planned, "recipe", "unit")
    return tuple(dict.fromkeys(one for one in named if one is not None and one in columns))


def _authorized(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
