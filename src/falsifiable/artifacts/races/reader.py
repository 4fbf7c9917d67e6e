"""Reading a ledger file that may be hostile: nothing in it is executed, and all of it is bounded.

What is hashed is what is read: the bytes are read once and copied into a private folder, and SQLite opens the copy. A
write-ahead log beside the file (a race still runs, or was killed) is copied along, so that its rows are seen.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.races.layout import APPLICATION_ID, COLUMNS, LAYOUT_VERSION, LEDGER_FILE
from falsifiable.artifacts.races.rows import LedgerContent, TooManyRows, read_content
from falsifiable.artifacts.races.schema import schema_faults
from falsifiable.artifacts.sources.files import SourceFile, read_small_file

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_USER_VERSION, _APPLICATION_ID = 60, 68  # offsets in the header, big-endian, by SQLite's file format
_OPERATIONS_PER_CALL = 1_000
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION)
_TABLES = frozenset((*COLUMNS, "sqlite_master"))


@dataclass(frozen=True, slots=True)
class ReadLedger:
    """What stands in a ledger file: its rows, what is wrong with its triggers, and the digests of what was read."""

    content: LedgerContent
    trigger_faults: tuple[str, ...]
    file_digests: dict[str, str]


def read_ledger(path: Path, limits: Limits) -> ReadLedger:
    """All rows of the ledger at ``path``.

    Raises ArtifactError: ``unreadable`` for what is no ledger, or beyond the limits; ``unsound`` for a damaged file,
    and for tables, views or indexes that are not those of the layout.
    """
    source, content = read_small_file(path, limits.race_ledger_bytes, relative=path.name)
    _check_header(path, content)
    digests = {source.relative: source.sha256()}
    log = _write_ahead_log(path, limits)
    if log is not None:
        digests[log[0]] = log[1].sha256()
    with _private_copy(content, None if log is None else log[2]) as copy:
        try:
            with closing(_connection(copy, limits, alone=log is None)) as connection:
                faults = _faults_of_triggers(connection, path)
                _close_all_but_reading(connection)
                return ReadLedger(read_content(connection, limits.race_ledger_rows), faults, digests)
        except TooManyRows as error:
            raise ArtifactError(path, "too many rows", expected=f"at most {limits.race_ledger_rows}") from error
        except sqlite3.Error as error:
            raise _refused(path, error, limits) from error


def _check_header(path: Path, content: bytes) -> None:
    if not content.startswith(_MAGIC) or len(content) < _HEADER_BYTES:
        raise ArtifactError(path, f"begins with {content[:16]!r}", expected="a SQLite file, as a race's ledger is")
    found = int.from_bytes(content[_APPLICATION_ID : _APPLICATION_ID + 4], "big")
    if found != APPLICATION_ID:
        raise ArtifactError(
            path, f"is a SQLite file of the application {found:#x}", offset=_APPLICATION_ID,
            expected=f"{APPLICATION_ID:#x}, the ledger of a race",
            hint="Somebody else's ledger is checked by contract race import",
        )  # fmt: skip
    version = int.from_bytes(content[_USER_VERSION : _USER_VERSION + 4], "big")
    if version != LAYOUT_VERSION:
        raise ArtifactError(
            path, f"is a ledger of layout {version}", offset=_USER_VERSION, expected=f"layout {LAYOUT_VERSION}"
        )


def _write_ahead_log(path: Path, limits: Limits) -> tuple[str, SourceFile, bytes] | None:
    """Name, file and bytes of the log beside a ledger; None where all is in the one file."""
    beside = path.with_name(path.name + "-wal")
    if not beside.exists():
        return None
    log = SourceFile(beside, beside.name)
    if log.size == 0:
        return None
    if log.size > limits.race_ledger_bytes:
        raise ArtifactError(
            beside, f"{log.size} bytes", expected=f"at most {limits.race_ledger_bytes}",
            hint="End the programs that have the ledger open; the last one writes its log into the file",
        )  # fmt: skip
    content = log.read(0, log.size)
    log.verify_unchanged()
    return beside.name, log, content


@contextmanager
def _private_copy(content: bytes, log: bytes | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="falsifiable-ledger-") as folder:
        copy = Path(folder) / LEDGER_FILE
        copy.write_bytes(content)
        if log is not None:
            copy.with_name(f"{LEDGER_FILE}-wal").write_bytes(log)
        yield copy


def _connection(copy: Path, limits: Limits, *, alone: bool) -> sqlite3.Connection:
    """The copy opened for reading; with a log beside it, SQLite must be let to recover it, into the private folder."""
    uri = f"{copy.as_uri()}?{'mode=ro&immutable=1' if alone else 'mode=rw'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.json_bytes)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
    left = iter(range(limits.race_sqlite_operations // _OPERATIONS_PER_CALL))
    connection.set_progress_handler(lambda: next(left, None) is None, _OPERATIONS_PER_CALL)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _faults_of_triggers(connection: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    """What is wrong with the triggers, which only writers need. Raises ArtifactError for what reading needs."""
    faults = schema_faults(connection)
    others = [fault for fault in faults if not fault.startswith("the trigger ")]
    if others:
        expected = f"the tables of layout {LAYOUT_VERSION} and nothing else"
        raise ArtifactError(path, others[0], expected=expected, kind="unsound")
    damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if damage != "ok":
        raise ArtifactError(path, f"is damaged: {damage}", expected="a sound SQLite file", kind="unsound")
    return faults


def _close_all_but_reading(connection: sqlite3.Connection) -> None:
    def allowed(action: int, table: str | None, *_: object) -> int:
        if action in _ALLOWED or (action == sqlite3.SQLITE_READ and table in _TABLES):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    connection.set_authorizer(allowed)


def _refused(path: Path, error: sqlite3.Error, limits: Limits) -> ArtifactError:
    if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
        return ArtifactError(path, "takes too long to read", expected=f"{limits.race_sqlite_operations} operations")
    return ArtifactError(path, f"SQLite refuses it: {error}", expected="the ledger of a race", kind="unsound")
