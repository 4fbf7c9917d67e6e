"""The hash chain of a ledger, and what it says of the tables: nothing stands in them that no event brought there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from falsifiable.artifacts.races.layout import KEYS, NO_DIGEST

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Table -> its rows, without the number of the event that brought them."""

_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class RaceEvent:
    """One event of a ledger: what happened, in the order in which it was written.

    Attributes:
        number: from 1, without gaps.
        at: when, in UTC by the clock of the machine that wrote it (ISO 8601).
        kind: such as ``claimed``, ``samples``, ``refused`` or ``decision``.
        run: the run it is about, None where it is about none.
        details: canonical JSON of an object; under ``rows`` stand the rows that the event added to the tables.
        previous: digest of the event before it.
        digest: :func:`event_digest` of all the above.
    """

    number: int
    at: str
    kind: str
    run: str | None
    details: str
    previous: str
    digest: str

    @property
    def content(self) -> Mapping[str, Any]:
        """The details as data; empty where they are no JSON object."""
        try:
            value = json.loads(self.details)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def event_digest(number: int, at: str, kind: str, run: str | None, details: str, previous: str) -> str:
    """sha256, in hexadecimal, over the canonical JSON (RFC 8785) of an event and the digest of the one before it."""
    import rfc8785

    row: dict[str, Any] = {
        "number": number,
        "at": at,
        "kind": kind,
        "run": run,
        "details": details,
        "previous": previous,
    }
    return hashlib.sha256(rfc8785.dumps(row)).hexdigest()


def next_event(last: RaceEvent | None, at: str, kind: str, run: str | None, details: str) -> RaceEvent:
    """The event that follows ``last`` in an honest ledger; None begins one."""
    number, previous = (1, NO_DIGEST) if last is None else (last.number + 1, last.digest)
    return RaceEvent(number, at, kind, run, details, previous, event_digest(number, at, kind, run, details, previous))


def chain_faults(events: Sequence[RaceEvent]) -> tuple[str, ...]:
    """Where the chain is broken, one sentence per place; empty for an intact one."""
    return _first_of(_chain_faults(events))


def table_faults(events: Sequence[RaceEvent], tables: Rows) -> tuple[str, ...]:
    """Where the tables are not what the events made them, one sentence per row; empty where they agree."""
    return _first_of(_table_faults(events, tables))


def anchor_faults(events: Sequence[RaceEvent], anchor: tuple[int, str]) -> tuple[str, ...]:
    """Whether a ledger still holds what it held when its head was noted: events cut off its end leave no other trace.

    Args:
        events: the ledger's events.
        anchor: number and digest of the newest event at that time.
    """
    number, digest = anchor
    found = next((one for one in events if one.number == number), None)
    if found is None:
        return (f"event {number}, which was noted as its newest, is gone: {len(events)} events are left",)
    return () if found.digest == digest else (f"event {number} is not the one that was noted: {found.digest}",)


def resealed(events: Sequence[RaceEvent], tables: Rows) -> tuple[RaceEvent, ...]:
    """The events of an honest ledger that holds these tables: what a careful forger would leave.

    Every event keeps what it is about and brings the rows as they now stand; rows that no event brought are brought by
    one more event of the kind ``note``.
    """
    left = {(table, _key(table, row)): row for table, rows in tables.items() for row in rows}
    chained: list[RaceEvent] = []
    for event in events:
        brought = [(table, left.pop((table, _key(table, row)), None)) for table, row in _rows_in(event)]
        chained.append(_again(chained, event, brought))
    if left and chained:
        note = replace(chained[-1], kind="note", run=None, details="{}")
        chained.append(_again(chained, note, [(table, row) for (table, _), row in left.items()]))
    return tuple(chained)


def canonical_text(value: Mapping[str, Any]) -> str:
    """``value`` as canonical JSON. Raises ValueError for what JSON does not know."""
    import rfc8785

    return rfc8785.dumps(dict(value)).decode()


def _again(before: Sequence[RaceEvent], event: RaceEvent, brought: Iterable[tuple[str, Row | None]]) -> RaceEvent:
    """``event`` as the next of a chain, bringing other rows; None is a row that is gone."""
    rows: dict[str, list[Row]] = {}
    for table, row in brought:
        if row is not None:
            rows.setdefault(table, []).append(row)
    details = {key: value for key, value in event.content.items() if key != "rows"} | ({"rows": rows} if rows else {})
    return next_event(before[-1] if before else None, event.at, event.kind, event.run, canonical_text(details))


def _chain_faults(events: Sequence[RaceEvent]) -> Iterator[str]:
    previous = NO_DIGEST
    for place, event in enumerate(events, start=1):
        if event.number != place:
            yield f"event {place} is missing: event {event.number} stands in its place"
            return
        if event.previous != previous:
            yield f"event {place} ({event.kind}) does not follow event {place - 1}: one of the two was replaced"
        found = event_digest(event.number, event.at, event.kind, event.run, event.details, event.previous)
        if found != event.digest:
            yield f"event {place} ({event.kind}{_of(event.run)}) was changed after it was written"
        previous = event.digest


def _table_faults(events: Sequence[RaceEvent], tables: Rows) -> Iterator[str]:
    said: dict[tuple[str, tuple[Any, ...]], tuple[int, Row]] = {}
    for event in events:
        for table, row in _rows_in(event):
            said[(table, _key(table, row))] = (event.number, row)
    for table, rows in tables.items():
        for row in rows:
            place = (table, _key(table, row))
            number, expected = said.pop(place, (0, None))
            if expected is None:
                yield f"{_named(*place)} came from no event"
            elif differing := [name for name in row if row[name] != expected.get(name)]:
                name = differing[0]
                said_by_event = f"event {number} says {expected.get(name)!r:.120}"
                yield f"{_named(*place)}: {name} is {row[name]!r:.120}, and {said_by_event}"
    for place, (number, _) in said.items():
        yield f"{_named(*place)} is missing, and event {number} brought it"


def _rows_in(event: RaceEvent) -> Iterator[tuple[str, Row]]:
    brought = event.content.get("rows", {})
    for table, rows in brought.items() if isinstance(brought, dict) else ():
        for row in rows if table in KEYS and isinstance(rows, list) else ():
            if isinstance(row, dict):
                yield table, row


def _key(table: str, row: Row) -> tuple[Any, ...]:
    values = (row.get(column) for column in KEYS[table])
    return tuple(one if isinstance(one, str | int) else repr(one) for one in values)


def _named(table: str, key: tuple[Any, ...]) -> str:
    return f"{table} " + ", ".join(f"{name} {value}" for name, value in zip(KEYS[table], key, strict=True))


def _of(run: str | None) -> str:
    return "" if run is None else f" of {run}"


def _first_of(faults: Iterator[str]) -> tuple[str, ...]:
    found: list[str] = []
    for fault in faults:
        if len(found) == _MOST_FAULTS:
            return (*found, f"and more; the first {_MOST_FAULTS} are listed")
        found.append(fault)
    return tuple(found)
