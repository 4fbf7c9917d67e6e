"""The rules in the file itself: what another program, which knows nothing of ours, can and cannot write."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from falsifiable.artifacts.races.chain import RaceEvent, next_event
from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger
from tests.race.ledgers import claimed, entry, finished, new_ledger, points


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger with a run that is done, one that runs, and one that was claimed."""
    with new_ledger(tmp_path) as ledger:
        finished(ledger)
        running = claimed(ledger, entry(201)).run
        ledger.start(running)
        ledger.record(running, points(6.0, 5.0))
        claimed(ledger, entry(202))
        ledger.lock("production", 42, holder="IGLA-TRAIN_V2-FP32-CHAMP-seed42", reason="2.1919")
        ledger.embargo("477e3377", "its validation set was trained on")
    return tmp_path / LEDGER_FILE


@pytest.fixture
def plain(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection as any program has it: no foreign keys, nothing of ours."""
    connection = sqlite3.connect(file, isolation_level=None)
    yield connection
    connection.close()


DONE, RUNNING, CLAIMED = (f"IGLA-HYBRID-FP32-WSD-E{n:04d}-seed{s}" for n, s in ((5, 200), (6, 201), (7, 202)))


def forged(connection: sqlite3.Connection, kind: str = "forged") -> int:
    """A new event that follows in the chain, as a forger with sha256 at hand writes it; its number."""
    last = RaceEvent(*connection.execute("SELECT * FROM events ORDER BY number DESC LIMIT 1").fetchone())
    event = next_event(last, last.at, kind, None, "{}")
    values = (event.number, event.at, event.kind, event.run, event.details, event.previous, event.digest)
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return event.number


@pytest.mark.parametrize(
    "table", ["events", "race", "spaces", "locks", "embargo", "entries", "states", "effective", "samples"]
)
def test_no_row_is_ever_changed_or_deleted(plain: sqlite3.Connection, table: str) -> None:
    column = plain.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="AppendOnly"):
            plain.execute(statement)


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "REPLACE"])
@pytest.mark.parametrize("table", ["events", "entries", "samples", "states", "effective", "embargo", "locks", "race"])
def test_no_row_is_replaced_by_inserting_it_again(plain: sqlite3.Connection, table: str, verb: str) -> None:
    before = plain.execute(f"SELECT * FROM {table}").fetchall()
    with pytest.raises(sqlite3.IntegrityError):
        plain.execute(f"{verb} INTO {table} SELECT * FROM {table} LIMIT 1")
    assert plain.execute(f"SELECT * FROM {table}").fetchall() == before


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ((RUNNING, 20, 5.0, "e", 9.0), "NonMonotoneStep"),
        ((RUNNING, 15, 5.0, "e", 9.0), "NonMonotoneStep"),
        ((RUNNING, 30, -0.1, "e", 9.0), "ValueOutOfRange"),
        ((RUNNING, 30, 8.01, "e", 9.0), "ValueOutOfRange"),
        ((RUNNING, 30, float("inf"), "e", 9.0), "ValueOutOfRange"),
        ((RUNNING, 30, float("nan"), "e", 9.0), "ValueOutOfRange|NOT NULL"),
        ((RUNNING, 30, "low", "e", 9.0), "ValueOutOfRange|cannot store"),
        ((RUNNING, 30, 5.0, "e", 1.0), "TimeRunsBackwards"),
        ((CLAIMED, 10, 5.0, "e", 9.0), "NotRunning"),
        ((DONE, 40, 5.0, "e", 9.0), "NotRunning"),
        (("nobody", 40, 5.0, "e", 9.0), "NotRunning|UnknownRun"),
    ],
)
def test_a_sample_that_cannot_be_is_refused_by_the_file(
    plain: sqlite3.Connection, values: tuple[object, ...], rule: str
) -> None:
    number = forged(plain)
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        plain.execute("INSERT INTO samples VALUES (?, ?, ?, ?, ?, NULL, '', ?)", (*values, number))


def test_a_row_comes_with_its_event_or_not_at_all(plain: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="NotInNewestEvent"):
        plain.execute("INSERT INTO samples VALUES (?, 30, 5.0, 'e', 9.0, NULL, '', 1)", (RUNNING,))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": DONE, "exp_id": 9}, "DuplicateName"),
        ({"exp_id": 7}, "NonMonotonicExpId"),
        ({"exp_id": 6}, "NonMonotonicExpId"),
        ({"exp_id": 42}, "ReusedChampionSlot"),
        ({"exp_id": 10000}, "IdSpaceExhausted"),
        ({"seed": 501}, "SeedOfAnotherSpace"),
        ({"space": "smoke", "exp_id": 500}, "SeedOutOfRange"),
        ({"space": "nowhere"}, "UnknownSpace"),
        ({"slot": "wsd/seed201"}, "SlotStillOccupied"),
        ({"idempotency_key": "IGLA-HYBRID-FP32-WSD-E{exp_id}-seed200"}, "IdempotencyConflict"),
        ({"account": ""}, "CHECK"),
        ({"steps": 0}, "CHECK"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_by_the_file(
    plain: sqlite3.Connection, changes: dict[str, object], rule: str
) -> None:
    names = [row[1] for row in plain.execute("PRAGMA table_info(entries)")]
    row = dict(zip(names, plain.execute("SELECT * FROM entries WHERE name = ?", (DONE,)).fetchone(), strict=True))
    row |= {"name": "new", "exp_id": 9, "slot": "new", "idempotency_key": "new", "event": forged(plain), **changes}
    statement = f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})"
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        plain.execute(statement, tuple(row.values()))


@pytest.mark.parametrize(
    ("run", "number", "status", "rule"),
    [
        (DONE, 4, "running", "ForbiddenTransition"),
        (DONE, 3, "running", "NonMonotoneState|ForbiddenTransition"),
        (CLAIMED, 2, "done", "ForbiddenTransition|ImplausibleDone"),
        (CLAIMED, 2, "claimed", "ForbiddenTransition"),
        (CLAIMED, 2, "finished", "ForbiddenTransition"),
        (RUNNING, 3, "done", "ImplausibleDone"),
    ],
)
def test_a_status_that_cannot_follow_is_refused_by_the_file(
    plain: sqlite3.Connection, run: str, number: int, status: str, rule: str
) -> None:
    values = (run, number, status, None, 81, 9.0, "", forged(plain))
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        plain.execute("INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)", values)


@pytest.mark.parametrize(
    ("number", "previous", "digest", "rule"),
    [
        (99, None, "c" * 64, "NonMonotoneEvent"),
        (None, "0" * 64, "c" * 64, "BrokenChain"),
        (None, None, "no digest", "BrokenChain"),
        (None, None, "the first", "DuplicateDigest"),
    ],
)
def test_an_event_that_does_not_follow_is_refused_by_the_file(
    plain: sqlite3.Connection, number: int | None, previous: str | None, digest: str, rule: str
) -> None:
    last, head = plain.execute("SELECT number, digest FROM events ORDER BY number DESC").fetchone()
    first = plain.execute("SELECT digest FROM events WHERE number = 1").fetchone()[0]
    values = (
        number or last + 1,
        "now",
        "note",
        None,
        "{}",
        previous or head,
        first if digest == "the first" else digest,
    )
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        plain.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def test_an_event_with_a_made_up_digest_is_taken_by_the_file_and_found_by_the_chain(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    last, head = connection.execute("SELECT number, digest FROM events ORDER BY number DESC").fetchone()
    connection.execute("INSERT INTO events VALUES (?, '', 'note', NULL, '{}', ?, ?)", (last + 1, head, "c" * 64))
    connection.close()

    with Ledger.open(file) as ledger:
        assert ledger.verify() == (f"event {last + 1} (note) was changed after it was written",)


TAMPERING = {
    "a value": ("samples_never_update", "UPDATE samples SET value = 1.5 WHERE step = 20", "step 20: value is 1.5"),
    "a sample gone": ("samples_never_delete", "DELETE FROM samples WHERE step = 30", "step 30 is missing"),
    "a run gone": ("entries_never_delete", f"DELETE FROM entries WHERE name = '{CLAIMED}'", f"{CLAIMED} is missing"),
    "an id": ("entries_never_update", "UPDATE entries SET exp_id = 77 WHERE seed = 202", "exp_id is 77"),
    "an embargo gone": ("embargo_never_delete", "DELETE FROM embargo", "embargo commit_id 477e3377 is missing"),
    "a lock moved": ("locks_never_update", "UPDATE locks SET holder = 'other'", "holder is 'other'"),
    "an event": ("events_never_update", "UPDATE events SET at = 'then' WHERE number = 3", "event 3 (started of"),
    "an event gone": ("events_never_delete", "DELETE FROM events WHERE number = 4", "event 4 is missing"),
}


@pytest.mark.parametrize("case", TAMPERING)
def test_whoever_drops_a_trigger_and_puts_it_back_is_found_and_located(file: Path, case: str) -> None:
    trigger, statement, said = TAMPERING[case]
    connection = sqlite3.connect(file, isolation_level=None)
    made = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (trigger,)).fetchone()[0]
    connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    with Ledger.open(file) as ledger:
        assert ledger.verify()[0] == f"the trigger {trigger} is missing"
    connection.execute(made)
    connection.close()

    with Ledger.open(file) as ledger:
        faults = ledger.verify()

    assert any(said in fault for fault in faults), faults


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the shell of SQLite is not installed")
def test_the_shell_of_sqlite_is_refused_as_well(file: Path) -> None:
    def shell(statement: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sqlite3", file, statement], capture_output=True, text=True, check=False)

    assert "AppendOnly" in shell("DELETE FROM embargo;").stderr
    assert "AppendOnly" in shell("UPDATE samples SET value = 1.0;").stderr
    assert "NotInNewestEvent" in shell(
        "PRAGMA ignore_check_constraints = ON;"
        "INSERT INTO entries SELECT 'x', space, 99, slot, recipe, seed, account, worker, project, 'k', request, config,"
        f" steps, corpus, train_sha256, validation_sha256, event FROM entries WHERE name = '{RUNNING}';"
    ).stderr  # fmt: skip
    with Ledger.open(file) as ledger:
        assert ledger.verify() == ()
