"""The file under a ledger: how it is made, opened, written in one transaction at a time, and closed."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from falsifiable.artifacts.races.chain import RaceEvent, Row, next_event
from falsifiable.artifacts.races.layout import APPLICATION_ID, COLUMNS, LAYOUT_VERSION, statements
from falsifiable.evidence import canonical_json
from falsifiable.race.errors import IoError, LedgerDamaged, LedgerExists, LedgerRefused, NotALedger, RaceError
from falsifiable.race.judging.plausibility import uniform_ceiling

BUSY_SECONDS = 60.0
"""How long a writer waits for the others. A transaction takes milliseconds; eight workers may queue."""

DEFAULT_SPACES: Mapping[str, Mapping[str, int]] = {
    "smoke": {"first_id": 500, "last_id": 599, "first_seed": 500, "last_seed": 599},
    "production": {"first_id": 1, "last_id": 9999},
}
"""What a race that declares no spaces has: ids of four digits, and a hundred seeds that only smoke runs may use."""

# By primary result code; what extends one stands in its higher bytes.
_KINDS: Mapping[int, Callable[[str, str], RaceError]] = {
    sqlite3.SQLITE_NOTADB: NotALedger,
    sqlite3.SQLITE_CORRUPT: LedgerDamaged,
}
_ANY_SEED = {"first_seed": 0, "last_seed": 2**32 - 1}
_FLOOR = 0.1
"""Bits per byte that no model of text reaches: below it, the metric or the data is wrong (a rule of the race)."""

Clock = Callable[[], datetime.datetime]


def now() -> datetime.datetime:
    """The time by this machine's clock, in UTC."""
    return datetime.datetime.now(tz=datetime.UTC)


class LedgerFile:
    """One connection to a ledger. Threads may share it; a forked process must open its own."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._turn = threading.RLock()
        self._process = os.getpid()
        with _failures_of(path):
            self.connection = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA foreign_keys = ON")
            # An id that was given must still be given after a power cut, or it is given twice: NORMAL may forget the
            # last transactions of a WAL.
            self.connection.execute("PRAGMA synchronous = FULL")

    def make(self, race: str, document: Mapping[str, Any]) -> None:
        """Turn the empty file into the ledger of a race. Raises LedgerExists where it holds anything."""
        with _failures_of(self.path):
            self.connection.execute("PRAGMA journal_mode = WAL")
            with self.writing():
                if self._value("PRAGMA application_id") or self._value("SELECT count(*) FROM sqlite_master"):
                    raise LedgerExists(str(self.path))
                for statement in statements():
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
                self.append("race", None, {"race": race}, first_rows(race, document))
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the file says what it is from now on

    def check_layout(self) -> None:
        """Raise NotALedger where the file is something else, or of another layout."""
        with _failures_of(self.path):
            found = self._value("PRAGMA application_id"), self._value("PRAGMA user_version")
        if found != (APPLICATION_ID, LAYOUT_VERSION):
            raise NotALedger(str(self.path), f"application id {found[0]:#x} of layout {found[1]}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, alone among all processes from its first read on; undone as a whole by any exception."""
        if os.getpid() != self._process:
            raise IoError(str(self.path), "was opened before this process was forked; open it again here")
        with self._turn, _failures_of(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def append(
        self, kind: str, run: str | None, details: Mapping[str, Any], rows: Mapping[str, Sequence[Row]] | None = None
    ) -> RaceEvent:
        """Within :meth:`writing`: the next event of the chain, and the rows that it adds to the tables."""
        said = dict(details) | ({"rows": dict(rows)} if rows else {})
        at = self._clock().isoformat(timespec="milliseconds")
        event = next_event(self.last_event(), at, kind, run, canonical_json(said).decode())
        self._insert("events", {name: getattr(event, name) for name in COLUMNS["events"]})
        for table, added in (rows or {}).items():
            for row in added:
                self._insert(table, {**row, "event": event.number})
        return event

    def last_event(self) -> RaceEvent | None:
        """The newest event, None in an empty ledger."""
        names = ", ".join(COLUMNS["events"])
        row = self.connection.execute(f"SELECT {names} FROM events ORDER BY number DESC LIMIT 1").fetchone()  # noqa: S608
        return None if row is None else RaceEvent(*row)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that a query of ours finds; values of others are bound, never put into it."""
        with self._turn, _failures_of(self.path):
            return self.connection.execute(query, values).fetchall()

    def document(self) -> Mapping[str, Any]:
        """What ``race.yaml`` held when the ledger was made. Raises LedgerDamaged where it no longer says so."""
        found = self.rows("SELECT document FROM race")
        try:
            document = json.loads(found[0][0])
        except (IndexError, ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise LedgerDamaged(str(self.path), "the plan of its race is gone")
        return document

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, within one transaction: everything read in it stood there at the same moment."""
        with self._turn, _failures_of(self.path):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                self.connection.execute("ROLLBACK")

    def abandon(self) -> None:
        """Let go of a file that proved to be none of ours, and write nothing."""
        self.connection.close()

    def close(self) -> None:
        """Write everything into the one file, and let go of it. While others have it open, the last one does that."""
        with self._turn, _failures_of(self.path):
            self.connection.execute("PRAGMA busy_timeout = 1000")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.connection.close()

    def _insert(self, table: str, row: Row) -> None:
        places = ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - names of the layout
        self.connection.execute(statement, tuple(row.values()))

    def _value(self, query: str) -> Any:
        return self.connection.execute(query).fetchone()[0]


def first_rows(race: str, document: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The rows of a new ledger: the race and its spaces of ids.

    Raises ValueError where ``document`` names no vocabulary, from which the largest possible value follows.
    """
    size, unit = document.get("vocabulary_size"), document.get("unit", "bits_per_byte")
    if not isinstance(size, int) or size < 2:
        raise ValueError(f"{race}: vocabulary_size is {size!r}; a race says how many symbols its models predict")
    row = {
        "name": race,
        "unit": unit,
        "vocabulary_size": size,
        "floor": float(document.get("floor", _FLOOR)),
        "ceiling": uniform_ceiling(size, unit),
        "document": canonical_json(document).decode(),
    }
    spaces = document.get("spaces") or DEFAULT_SPACES
    return {"race": [row], "spaces": [{"name": name, **_ANY_SEED, **space} for name, space in spaces.items()]}


@contextmanager
def _failures_of(path: Path) -> Iterator[None]:
    """What SQLite refuses, as an error of the race that names the file."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        rule, _, reason = str(error).partition(": ")
        raise LedgerRefused(rule, reason or str(error)) from error
    except sqlite3.Error as error:
        kind = _KINDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, IoError)
        raise kind(str(path), str(error)) from error
