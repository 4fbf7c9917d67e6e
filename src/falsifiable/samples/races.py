"""The specimen of a race: the ledger of a smoke race of seven recipes with three seeds each, and its curves.

The values are a decay with scatter, different for every run, and were measured nowhere: a specimen shows the form.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.races.chain import RaceEvent, canonical_text, next_event
from falsifiable.artifacts.races.layout import APPLICATION_ID, COLUMNS, LAYOUT_VERSION, LEDGER_FILE, statements

if TYPE_CHECKING:
    import sqlite3

STEPS, EVERY = 500, 10
RECIPES = ("HYBRID-FP32-WSD", "HYBRID-FP32-BS8", "HYBRID-FP32-EMA10", "HYBRID-FP32-h512", "HYBRID-FP32-h768",
           "JEPA-T-FP32-GRADFIX", "NCA-FP32-GRADFIX")  # fmt: skip
SEEDS = (500, 501, 502)

_AT = "2026-01-01T00:00:00.000+00:00"
_WINDOW, _WINDOWS, _CORPUS_BYTES = 64, 32, 1_000_000
_CORPUS = {"corpus": "specimen", "train_sha256": "a" * 64, "validation_sha256": "b" * 64}
_PROBES = (
    ("champion-slot-reused", "ReusedChampionSlot"), ("redeploy-without-replace", "SlotStillOccupied"),
    ("claim-repeated", "replayed"), ("kill-across-accounts", "CrossAccountKillForbidden"),
)  # fmt: skip
# Which version of SQLite wrote a file stands in its header; the specimen is the same on every machine.
_VERSION_BYTES = slice(96, 100)

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def write_race(folder: Path) -> Path:
    """Write the ledger of a smoke race that went as it should."""
    import sqlite3

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LEDGER_FILE
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for statement in statements():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        last: RaceEvent | None = None
        for kind, run, details, rows in _events():
            last = _append(connection, last, kind, run, {**details, **({"rows": rows} if rows else {})})
        connection.execute("COMMIT")
    content = bytearray(path.read_bytes())
    content[_VERSION_BYTES] = bytes(4)
    path.write_bytes(content)
    return path


def _append(
    connection: sqlite3.Connection, last: RaceEvent | None, kind: str, run: str | None, details: dict[str, Any]
) -> RaceEvent:
    event = next_event(last, _AT, kind, run, canonical_text(details))
    _insert(connection, "events", {name: getattr(event, name) for name in COLUMNS["events"]})
    for table, rows in details.get("rows", {}).items():
        for row in rows:
            _insert(connection, table, {**row, "event": event.number})
    return event


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))  # noqa: S608 - names of the layout


def _events() -> Iterator[tuple[str, str | None, dict[str, Any], Rows]]:
    """Everything that happens in the race, in order: kind, run, details, and the rows that come with it."""
    plan = {"race": "specimen", "unit": "bits_per_byte", "vocabulary_size": 256, "steps": STEPS}
    race = {"name": "specimen", "unit": "bits_per_byte", "vocabulary_size": 256, "floor": 0.1, "ceiling": 8.0}
    any_seed = {"first_seed": 0, "last_seed": 2**32 - 1}
    spaces = [
        {"name": "production", "first_id": 1, "last_id": 8999, **any_seed},
        {"name": "smoke", "first_id": 9500, "last_id": 9599, "first_seed": 500, "last_seed": 599},
    ]
    yield "race", None, {}, {"race": [{**race, "document": canonical_text(plan)}], "spaces": spaces}
    lock = {"space": "production", "exp_id": 4, "holder": "the champion", "reason": "held since the specimen was made"}
    yield "lock", "the champion", {}, {"locks": [lock]}
    yield "embargo", None, {}, {"embargo": [{"commit_id": "477e3377", "reason": "its numbers could not be repeated"}]}
    entries = [_entry(number, recipe, seed) for number, (recipe, seed) in enumerate(_pairs())]
    for entry in entries:
        yield "claimed", entry["name"], {}, {"entries": [entry], "states": [_state(entry["name"], 1, "claimed")]}
    yield "replayed", entries[0]["name"], {"account": "acc1", "worker": "specimen"}, {}
    for name, answer in _PROBES:
        yield "probe", None, {"name": name, "expected": answer, "found": answer, "held": True}, {}
    for entry in entries:
        yield from _life(entry)
    yield "race-ended", None, {}, {}


def _pairs() -> Iterator[tuple[str, int]]:
    """Every recipe with its seeds; no two runs share one."""
    for number, recipe in enumerate(RECIPES):
        for seed in SEEDS:
            yield recipe, seed + 10 * number


def _entry(number: int, recipe: str, seed: int) -> dict[str, Any]:
    name = f"IGLA-{recipe}-SMOKE-seed{seed}"
    config = {"hidden_size": 384, "learning_rate": 0.003, "number_format": "FP32"}
    return {
        "name": name, "space": "smoke", "exp_id": 9500 + number, "slot": f"{recipe}/{seed}", "recipe": recipe,
        "seed": seed, "account": "acc1", "worker": "specimen", "project": "", "idempotency_key": name,
        "request": hashlib.sha256(name.encode()).hexdigest(), "config": canonical_text(config), "steps": STEPS,
        **_CORPUS,
    }  # fmt: skip


def _life(entry: Mapping[str, Any]) -> Iterator[tuple[str, str | None, dict[str, Any], Rows]]:
    name = entry["name"]
    samples = [_sample(name, step) for step in range(EVERY, STEPS + 1, EVERY)]
    order = [_number(f"{name} window {place}", _CORPUS_BYTES) for place in range(_WINDOWS)]
    echoed = {
        "hidden_size": 384, "learning_rate": 0.003, "number_format": "FP32", "seed": entry["seed"], "steps": STEPS,
        "primary_metric": "bpb", "data_order": order, "window": _WINDOW,
    }  # fmt: skip
    effective = {"run": name, "config": canonical_text(echoed), "corpus": "specimen", "seconds": 1.0}
    done = {"steps_done": STEPS, "seconds": 30.0, "reported": samples[-1]["value"], "reason": "all steps done"}
    yield "started", name, {}, {"states": [_state(name, 2, "running")]}
    yield "echoed", name, {}, {"effective": [effective]}
    yield "samples", name, {}, {"samples": samples}
    yield "finished", name, {"by": "acc1"}, {"states": [{**_state(name, 3, "done"), **done}]}


def _state(run: str, number: int, status: str) -> dict[str, Any]:
    empty = {"pid": None, "steps_done": None, "seconds": None, "reported": None}
    return {"run": run, "number": number, "status": status, **empty, "reason": status}


def _sample(name: str, step: int) -> dict[str, Any]:
    scatter = (_number(f"{name} step {step}", 1000) - 500) / 10_000
    level = 2.5 + _number(name, 1000) / 2000
    value = round(level + 5.0 * (step / EVERY) ** -0.6 * 0.9 + scatter, 4)
    return {
        "run": name, "step": step, "value": value, "evaluation": str(step // EVERY), "seconds": round(step * 0.05, 3),
        "nats": round(value * math.log(2), 6), "line": f"BPB={value:.4f}",
    }  # fmt: skip


def _number(text: str, below: int) -> int:
    """A whole number from 0 to ``below``, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % below


LAST_LINE: str = _sample(f"IGLA-{RECIPES[0]}-SMOKE-seed{SEEDS[0]}", STEPS)["line"]
"""The last line of the first run: what its weights would say once more, if there were any."""
