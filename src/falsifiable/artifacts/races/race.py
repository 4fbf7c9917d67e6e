"""A race, by the ledger that it left behind: its runs, what they logged, what was decided, refused and changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.races.chain import (
    RaceEvent,
    Row,
    Rows,
    canonical_text,
    chain_faults,
    next_event,
    resealed,
    table_faults,
)
from falsifiable.artifacts.races.layout import COLUMNS, LEDGER_FILE
from falsifiable.artifacts.races.rows import LedgerContent, RaceRun, Sample, curves_of, runs_of, samples_of
from falsifiable.artifacts.sources.files import door

Samples = tuple[Sample, ...]

_STATE = ("status", "steps_done", "seconds", "reported", "reason", "pid")
_ECHO = {"effective": "config", "corpus_echoed": "corpus", "corpus_seconds": "seconds"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Race:
    """A race as its ledger has it; nothing here has been checked against the runs' own files.

    Attributes:
        path: the ledger file.
        name: the race's name.
        unit: of every value.
        vocabulary_size, floor, ceiling: what bounds the values.
        plan: what ``race.yaml`` held when the ledger was made.
        runs: every run, by space and id.
        sampled: run -> what it logged, by step.
        events: everything that happened, in order.
        tables: the rows behind all of these, by table.
        trigger_faults: rules that the file itself no longer keeps; empty for a ledger that nobody opened up.
        file_digests: file that was read -> sha256.
        digest: what the race is known by.
    """

    path: Path
    name: str
    unit: str
    vocabulary_size: int
    floor: float
    ceiling: float
    plan: Mapping[str, Any]
    runs: tuple[RaceRun, ...]
    sampled: Mapping[str, Samples]
    events: tuple[RaceEvent, ...]
    tables: Rows
    trigger_faults: tuple[str, ...]
    file_digests: Mapping[str, str]
    digest: str

    kind: ClassVar[str] = "race"

    def __repr__(self) -> str:
        return f"<Race {str(self.path)!r}, {len(self.runs)} runs, {len(self.events)} events, {self.digest}>"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read: the ledger, and its write-ahead log where there was one."""
        return tuple(self.path.parent / name for name in self.file_digests)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """One curve per run that logged something, in the order of the runs."""
        return curves_of(self.runs, self.sampled, self.unit)

    @property
    def decisions(self) -> tuple[Mapping[str, Any], ...]:
        """Every decision as it was kept, by run and rung. Raises ArtifactError (unsound) for one that is no object."""
        return tuple(
            _object(row["decision"], self.path, f"the decision about {row['run']}") for row in self._rows("decisions")
        )

    @property
    def locks(self) -> tuple[Row, ...]:
        """The ids that belong to champions: ``space``, ``exp_id``, ``holder``, ``reason``."""
        return self._rows("locks")

    @property
    def embargo(self) -> tuple[Row, ...]:
        """The commits under embargo: ``commit_id``, ``reason``."""
        return self._rows("embargo")

    @property
    def chain_faults(self) -> tuple[str, ...]:
        """Where the chain of events is broken; empty for an intact one."""
        return chain_faults(self.events)

    @property
    def table_faults(self) -> tuple[str, ...]:
        """Where the tables are not what the events made them; empty where they agree."""
        return table_faults(self.events, self.tables)

    def run(self, name: str) -> RaceRun:
        """The run of this name. Raises KeyError where there is none."""
        found = next((one for one in self.runs if one.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def samples(self, run: str) -> Samples:
        """What a run logged, by step; empty where it logged nothing."""
        return self.sampled.get(run, ())

    def refusals(self, error: str | None = None) -> tuple[RaceEvent, ...]:
        """What was asked for and refused, in order; all of it, or what was refused by the error of this name."""
        return tuple(
            event
            for event in self.events
            if event.kind == "refused" and (error is None or event.content.get("error") == error)
        )

    def with_run(self, name: str, /, **changes: Any) -> Race:
        """The same with fields of a run changed, such as ``seconds=0.0``; no event says so.

        Raises KeyError where there is no such run, TypeError for a field that no run has.
        """
        changed = replace(self.run(name), **changes)
        tables = {table: list(rows) for table, rows in self.tables.items()}
        _change(tables["entries"], {"name": name}, _entry_values(changed, changes))
        tables["states"] = _with_last_state(
            tables["states"], name, {one: changes[one] for one in _STATE if one in changes}
        )
        tables["effective"] = _with_echo(tables["effective"], name, changes)
        return self._with(tables, f"{name} {', '.join(changes)}")

    def with_new_run(self, like: str, **changes: Any) -> Race:
        """The same with one run more, a copy of the run ``like`` with these fields changed, its samples included."""
        given = {"name": f"{like}-again", **changes}
        tables = {
            table: [*rows, *({**row, key: given["name"]} for row in rows if row.get(key) == like)]
            for table, rows in self.tables.items()
            for key in ("name" if table == "entries" else "run",)
        }
        return self._with(tables, f"one more like {like}").with_run(given["name"], **changes)

    def without_run(self, name: str) -> Race:
        """The same without a run and all that is said of it in the tables. Raises KeyError where there is none."""
        _ = self.run(name)
        tables = {
            table: [row for row in rows if row.get("name" if table == "entries" else "run") != name]
            for table, rows in self.tables.items()
        }
        return self._with(tables, f"without {name}")

    def with_samples(self, run: str, change: Callable[[Samples], Iterable[Sample]]) -> Race:
        """The same with what a run logged replaced by what ``change`` makes of it, in that order; no event says so."""
        others = [row for row in self._rows("samples") if row["run"] != run]
        rows = [{"run": run, **asdict(one)} for one in change(self.samples(run))]
        return self._with({**self.tables, "samples": [*others, *rows]}, f"samples of {run}")

    def with_event(self, kind: str, run: str | None = None, **details: Any) -> Race:
        """The same with one event more at its end, in the chain as an honest ledger has it."""
        last = self.events[-1] if self.events else None
        event = next_event(last, "" if last is None else last.at, kind, run, canonical_text(details))
        return self._with(self.tables, f"event {kind}", (*self.events, event))

    def without_event(self, number: int) -> Race:
        """The same with an event cut out of the chain, the others left as they were. Raises KeyError."""
        return self._with(self.tables, f"without event {number}", self._without(number))

    def without_events(self, chosen: Callable[[RaceEvent], bool]) -> Race:
        """The same as if the chosen events had never happened: the others follow each other as in an honest ledger."""
        kept = tuple(event for event in self.events if not chosen(event))
        return self._with(self.tables, "without events", resealed(kept, self.tables))

    def with_event_changed(self, number: int, **changes: Any) -> Race:
        """The same with fields of an event changed and its digest left as it was. Raises KeyError."""
        _ = self._without(number)
        events = tuple(replace(one, **changes) if one.number == number else one for one in self.events)
        return self._with(self.tables, f"event {number} {', '.join(changes)}", events)

    def with_rows(self, table: str, change: Callable[[tuple[Row, ...]], Iterable[Row]]) -> Race:
        """The same with the rows of a table, such as ``embargo`` or ``locks``, replaced; no event says so."""
        return self._with({**self.tables, table: list(change(self._rows(table)))}, f"rows of {table}")

    def with_plan(self, **changes: Any) -> Race:
        """The same with keys of the plan changed."""
        return replace(
            self, plan={**self.plan, **changes}, digest=mutant_digest(self.digest, f"plan {', '.join(changes)}")
        )

    def resealed(self) -> Race:
        """The same with its events written anew to agree with its tables: what a careful forger would leave."""
        return self._with(self.tables, "resealed", resealed(self.events, self.tables))

    def rewritten(self) -> Race:
        """The same content in other bytes: the digests differ and nothing else."""
        digests = {name: mutant_digest(digest, "rewritten") for name, digest in self.file_digests.items()}
        return replace(self, file_digests=digests, digest=mutant_digest(self.digest, "rewritten"))

    def _rows(self, table: str) -> tuple[Row, ...]:
        return tuple(self.tables[table])

    def _without(self, number: int) -> tuple[RaceEvent, ...]:
        if all(one.number != number for one in self.events):
            raise KeyError(number)
        return tuple(one for one in self.events if one.number != number)

    def _with(
        self, tables: Mapping[str, Sequence[Row]], mutation: str, events: tuple[RaceEvent, ...] | None = None
    ) -> Race:
        frozen = {table: tuple(rows) for table, rows in tables.items()}
        return replace(
            self,
            runs=runs_of(frozen),
            sampled=samples_of(frozen),
            events=self.events if events is None else events,
            tables=MappingProxyType(frozen),
            digest=mutant_digest(self.digest, mutation),
        )


@door
def open_race(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Race:
    """The race whose ledger, or whose folder with a ``ledger.sqlite``, is at ``path``; it is only read.

    A race that still runs is read as it stood at this moment.

    Raises:
        ArtifactError: ``unreadable`` where there is no ledger, or one beyond the limits; ``unsound`` where the file is
            damaged or its tables are not those of a ledger.
    """
    from falsifiable.artifacts.races.reader import read_ledger

    given = Path(path)
    file = given / LEDGER_FILE if given.is_dir() else given
    read = read_ledger(file, limits)
    return _race(file, given, read.content, read.trigger_faults, read.file_digests)


def _race(file: Path, given: Path, content: LedgerContent, faults: tuple[str, ...], digests: Mapping[str, str]) -> Race:
    if len(content.tables["race"]) != 1:
        found = f"{len(content.tables['race'])} rows about the race itself"
        raise ArtifactError(file, found, expected="one, which says what is raced for", kind="unsound")
    try:
        runs = runs_of(content.tables)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(file, str(error), expected="a JSON object", kind="unsound") from error
    row = content.race
    return Race(
        path=file,
        name=row["name"],
        unit=row["unit"],
        vocabulary_size=row["vocabulary_size"],
        floor=row["floor"],
        ceiling=row["ceiling"],
        plan=MappingProxyType(_object(row["document"], file, "the plan of the race")),
        runs=runs,
        sampled=MappingProxyType(dict(samples_of(content.tables))),
        events=content.events,
        tables=MappingProxyType(dict(content.tables)),
        trigger_faults=faults,
        file_digests=MappingProxyType(dict(digests)),
        digest=digest_of_files(given, digests),
    )


def _object(text: str, path: Path, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(path, f"{what} is no JSON: {error}", expected="a JSON object", kind="unsound") from error
    if not isinstance(value, dict):
        raise ArtifactError(path, f"{what} is {value!r:.80}", expected="a JSON object", kind="unsound")
    return value


def _entry_values(changed: RaceRun, changes: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in changes.items() if name in COLUMNS["entries"]}
    if "config" in changes:
        values["config"] = canonical_text(changes["config"])
    if "corpus" in changes:
        pin = changed.corpus
        values |= {"corpus": pin.name, "train_sha256": pin.train_sha256, "validation_sha256": pin.validation_sha256}
    return values


def _change(rows: list[Row], where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for place, row in enumerate(rows):
        if all(row[key] == value for key, value in where.items()):
            rows[place] = {**row, **values}


def _with_last_state(states: list[Row], run: str, values: Mapping[str, Any]) -> list[Row]:
    """The states with the last one of a run changed; its process stands in whichever row names one."""
    numbers = [row["number"] for row in states if row["run"] == run]
    if not values or not numbers:
        return states
    _change(states, {"run": run, "number": max(numbers)}, values)
    return states


def _with_echo(echoes: list[Row], run: str, changes: Mapping[str, Any]) -> list[Row]:
    values = {_ECHO[name]: value for name, value in changes.items() if name in _ECHO}
    if not values:
        return echoes
    others = [row for row in echoes if row["run"] != run]
    if "config" in values:
        if values["config"] is None:
            return others
        values["config"] = canonical_text(values["config"])
    found = next(
        (row for row in echoes if row["run"] == run), {"run": run, "config": "{}", "corpus": None, "seconds": None}
    )
    return [*others, {**found, **values}]
