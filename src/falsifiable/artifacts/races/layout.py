"""The layout of a ledger file: its tables, and the triggers that make a false row impossible to insert.

Rules, each kept by SQLite itself, whatever program writes:

- Every table only grows: no row is ever changed, deleted or replaced (``INSERT OR REPLACE`` included).
- Events are numbered 1, 2, 3 ... and each names the digest of the one before it.
- Every row of the other tables stands in the newest event, so that the tables are a projection of the events.
- A name, and an id within its space, is given once; ids rise within their space; a locked id is never given.
- A run's seed lies among those of its space, and in no narrower space: seeds reserved for smoke are for smoke alone.
- Steps rise within a run, seconds never fall, and a value is at least 0 and, from step 1 on, at most that of a
  uniform guess.
- A run goes claimed -> running -> done, stopped, failed or killed, and no other way.
- ``done`` needs all steps that were asked for, time that passed, and a last value between floor and ceiling.

Whoever drops a trigger, or edits the file below SQLite, is found by :mod:`falsifiable.artifacts.races.chain`.
"""

from __future__ import annotations

from collections.abc import Mapping

LEDGER_FILE = "ledger.sqlite"
APPLICATION_ID = 0x46524143
"""``FRAC`` in the header of the file: falsifiable race."""
LAYOUT_VERSION = 1
NO_DIGEST = "0" * 64
"""What the first event names as the digest of the event before it."""

HIGHEST_UNTRAINED = 1e6
"""What a value at step 0 may be: a model that was never trained can do worse than a uniform guess, and be sound."""

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "events": {
        "number": "INTEGER PRIMARY KEY",
        "at": "TEXT NOT NULL",
        "kind": "TEXT NOT NULL CHECK (kind <> '')",
        "run": "TEXT",
        "details": "TEXT NOT NULL",
        "previous": "TEXT NOT NULL",
        "digest": "TEXT NOT NULL UNIQUE",
    },
    "race": {
        "name": "TEXT PRIMARY KEY",
        "unit": "TEXT NOT NULL",
        "vocabulary_size": "INTEGER NOT NULL CHECK (vocabulary_size > 1)",
        "floor": "REAL NOT NULL CHECK (floor >= 0)",
        "ceiling": "REAL NOT NULL CHECK (ceiling > floor)",
        "document": "TEXT NOT NULL",
    },
    "spaces": {
        "name": "TEXT PRIMARY KEY",
        "first_id": "INTEGER NOT NULL CHECK (first_id >= 0)",
        "last_id": "INTEGER NOT NULL CHECK (last_id >= first_id)",
        "first_seed": "INTEGER NOT NULL CHECK (first_seed >= 0)",
        "last_seed": "INTEGER NOT NULL CHECK (last_seed >= first_seed)",
    },
    "locks": {
        "space": "TEXT NOT NULL REFERENCES spaces (name)",
        "exp_id": "INTEGER NOT NULL",
        "holder": "TEXT NOT NULL",
        "reason": "TEXT NOT NULL",
    },
    "embargo": {
        "commit_id": "TEXT PRIMARY KEY CHECK (length(commit_id) BETWEEN 7 AND 40)",
        "reason": "TEXT NOT NULL",
    },
    "entries": {
        "name": "TEXT PRIMARY KEY CHECK (name <> '')",
        "space": "TEXT NOT NULL REFERENCES spaces (name)",
        "exp_id": "INTEGER NOT NULL",
        "slot": "TEXT NOT NULL CHECK (slot <> '')",
        "recipe": "TEXT NOT NULL CHECK (recipe <> '')",
        "seed": "INTEGER NOT NULL CHECK (seed >= 0)",
        "account": "TEXT NOT NULL CHECK (account <> '')",
        "worker": "TEXT NOT NULL CHECK (worker <> '')",
        "project": "TEXT NOT NULL",
        "idempotency_key": "TEXT NOT NULL CHECK (idempotency_key <> '')",
        "request": "TEXT NOT NULL CHECK (length(request) = 64)",
        "config": "TEXT NOT NULL",
        "steps": "INTEGER NOT NULL CHECK (steps > 0)",
        "corpus": "TEXT NOT NULL CHECK (corpus <> '')",
        "train_sha256": "TEXT NOT NULL CHECK (length(train_sha256) = 64)",
        "validation_sha256": "TEXT NOT NULL CHECK (length(validation_sha256) = 64)",
    },
    "states": {
        "run": "TEXT NOT NULL REFERENCES entries (name)",
        "number": "INTEGER NOT NULL",
        "status": "TEXT NOT NULL",
        "pid": "INTEGER",
        "steps_done": "INTEGER CHECK (steps_done >= 0)",
        "seconds": "REAL CHECK (seconds >= 0)",
        "reported": "REAL CHECK (reported >= 0)",
        "reason": "TEXT NOT NULL",
    },
    "effective": {
        "run": "TEXT PRIMARY KEY REFERENCES entries (name)",
        "config": "TEXT NOT NULL",
        "corpus": "TEXT",
        "seconds": "REAL CHECK (seconds >= 0)",
    },
    "samples": {
        "run": "TEXT NOT NULL REFERENCES entries (name)",
        "step": "INTEGER NOT NULL CHECK (step >= 0)",
        "value": "REAL NOT NULL CHECK (value >= 0)",
        "evaluation": "TEXT NOT NULL CHECK (evaluation <> '')",
        "seconds": "REAL NOT NULL CHECK (seconds >= 0 AND seconds < 1e12)",
        "nats": "REAL CHECK (nats >= 0)",
        "line": "TEXT NOT NULL",
    },
    "decisions": {
        "run": "TEXT NOT NULL REFERENCES entries (name)",
        "rung": "INTEGER NOT NULL CHECK (rung >= 0)",
        "decision": "TEXT NOT NULL",
    },
}  # fmt: skip

KEYS: Mapping[str, tuple[str, ...]] = {
    "race": ("name",),
    "spaces": ("name",),
    "locks": ("space", "exp_id"),
    "embargo": ("commit_id",),
    "entries": ("name",),
    "states": ("run", "number"),
    "effective": ("run",),
    "samples": ("run", "step"),
    "decisions": ("run", "rung"),
}
"""The columns by which a row of a projected table is known."""

_LIVE = "('claimed', 'running')"
_STATUS = "(SELECT status FROM states WHERE run = {run} ORDER BY number DESC LIMIT 1)"

_RULES: Mapping[str, Mapping[str, str]] = {
    "events": {
        "NonMonotoneEvent": "NEW.number IS NOT 1 + (SELECT coalesce(max(number), 0) FROM events)",
        "BrokenChain": f"NEW.previous IS NOT coalesce((SELECT digest FROM events ORDER BY number DESC LIMIT 1),"  # noqa: S608 - nothing of a file
        f" '{NO_DIGEST}') OR length(NEW.digest) <> 64 OR NEW.digest GLOB '*[^0-9a-f]*'",
        "DuplicateDigest": "EXISTS (SELECT 1 FROM events WHERE digest = NEW.digest)",
        "MalformedDetails": "json_valid(NEW.details) = 0",
    },
    "race": {"SecondRace": "EXISTS (SELECT 1 FROM race)"},
    "spaces": {"DuplicateSpace": "EXISTS (SELECT 1 FROM spaces WHERE name = NEW.name)"},
    "locks": {
        "ReusedChampionSlot": "EXISTS (SELECT 1 FROM locks WHERE space = NEW.space AND exp_id = NEW.exp_id)",
    },
    "embargo": {"DuplicateEmbargo": "EXISTS (SELECT 1 FROM embargo WHERE commit_id = NEW.commit_id)"},
    "entries": {
        "DuplicateName": "EXISTS (SELECT 1 FROM entries WHERE name = NEW.name)",
        "IdempotencyConflict": "EXISTS (SELECT 1 FROM entries WHERE account = NEW.account"
        " AND idempotency_key = NEW.idempotency_key)",
        "ReusedChampionSlot": "EXISTS (SELECT 1 FROM locks WHERE space = NEW.space AND exp_id = NEW.exp_id)",
        "NonMonotonicExpId": "NEW.exp_id <= coalesce((SELECT max(exp_id) FROM entries WHERE space = NEW.space),"
        " (SELECT first_id - 1 FROM spaces WHERE name = NEW.space), -1)",
        "SeedOutOfRange": "EXISTS (SELECT 1 FROM spaces WHERE name = NEW.space"
        " AND (NEW.seed < first_seed OR NEW.seed > last_seed))",
        "IdSpaceExhausted": "NEW.exp_id > (SELECT last_id FROM spaces WHERE name = NEW.space)",
        "SeedOfAnotherSpace": "EXISTS (SELECT 1 FROM spaces AS other, spaces AS own WHERE own.name = NEW.space"
        " AND NEW.seed BETWEEN other.first_seed AND other.last_seed"
        " AND other.last_seed - other.first_seed < own.last_seed - own.first_seed)",
        "SlotStillOccupied": "EXISTS (SELECT 1 FROM entries AS other WHERE other.slot = NEW.slot AND other.space ="  # noqa: S608
        f" NEW.space AND {_STATUS.format(run='other.name')} IN {_LIVE})",
    },
    "states": {
        "NonMonotoneState": "NEW.number IS NOT 1 + (SELECT coalesce(max(number), 0) FROM states WHERE run = NEW.run)",
        "ForbiddenTransition": f"NOT coalesce(CASE {_STATUS.format(run='NEW.run')}"
        " WHEN 'claimed' THEN NEW.status IN ('running', 'stopped', 'failed', 'killed')"
        " WHEN 'running' THEN NEW.status IN ('done', 'stopped', 'failed', 'killed')"
        " ELSE NEW.status = 'claimed' AND NEW.number = 1 END, 0)",
        "ImplausibleDone": "NEW.status = 'done' AND NOT coalesce(NEW.seconds > 0"
        " AND NEW.steps_done = (SELECT steps FROM entries WHERE name = NEW.run)"
        " AND (SELECT value BETWEEN race.floor AND race.ceiling FROM samples, race WHERE run = NEW.run"
        " ORDER BY step DESC LIMIT 1), 0)",
    },
    "effective": {"EchoedTwice": "EXISTS (SELECT 1 FROM effective WHERE run = NEW.run)"},
    "samples": {
        "NotRunning": f"{_STATUS.format(run='NEW.run')} IS NOT 'running'",
        "NonMonotoneStep": "NEW.step <= (SELECT max(step) FROM samples WHERE run = NEW.run)",
        "TimeRunsBackwards": "NEW.seconds < (SELECT max(seconds) FROM samples WHERE run = NEW.run)",
        "ValueOutOfRange": "NOT coalesce(NEW.value BETWEEN 0 AND"  # noqa: S608
        f" CASE NEW.step WHEN 0 THEN {HIGHEST_UNTRAINED} ELSE (SELECT ceiling FROM race) END, 0)",
    },
    "decisions": {
        "DecidedTwice": "EXISTS (SELECT 1 FROM decisions WHERE run = NEW.run AND rung = NEW.rung)",
    },
}
"""Table -> name of the refusal -> the SQL condition under which a new row is refused."""


def statements() -> tuple[str, ...]:
    """Everything that makes an empty file a ledger, in order: tables, then triggers."""
    tables = [table_statement(name) for name in COLUMNS]
    triggers = [one for name in COLUMNS for one in _triggers(name)]
    return (*tables, *triggers)


def table_statement(table: str) -> str:
    """The statement that makes one table."""
    columns = [f"{name} {kind}" for name, kind in COLUMNS[table].items()]
    if table == "events":
        return f"CREATE TABLE events ({', '.join(columns)}) STRICT"
    columns.append("event INTEGER NOT NULL REFERENCES events (number)")
    if len(KEYS[table]) > 1:
        columns.append(f"PRIMARY KEY ({', '.join(KEYS[table])})")
    if table == "entries":
        columns += ["UNIQUE (space, exp_id)", "UNIQUE (account, idempotency_key)"]
    return f"CREATE TABLE {table} ({', '.join(columns)}) STRICT, WITHOUT ROWID"


def _triggers(table: str) -> list[str]:
    refusals = [
        f"CREATE TRIGGER {table}_never_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'AppendOnly: rows of {table} are never changed or deleted'); END"
        for verb in ("UPDATE", "DELETE")
    ]
    rules = dict(_RULES[table])
    if table != "events":
        rules["NotInNewestEvent"] = "NEW.event IS NOT (SELECT max(number) FROM events)"
    if "run" in COLUMNS[table] and table != "events":  # foreign keys are off in a shell unless it turns them on
        rules["UnknownRun"] = "NOT EXISTS (SELECT 1 FROM entries WHERE name = NEW.run)"
    if "space" in COLUMNS[table]:
        rules["UnknownSpace"] = "NOT EXISTS (SELECT 1 FROM spaces WHERE name = NEW.space)"
    return refusals + [
        f"CREATE TRIGGER {table}_{name} BEFORE INSERT ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{name}: this row of {table} is refused'); END"
        for name, condition in rules.items()
    ]
