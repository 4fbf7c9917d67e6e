"""What a ledger holds, as plain values: runs, their samples, and how both are read from its tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.races.chain import RaceEvent, Row, Rows
from falsifiable.artifacts.races.layout import COLUMNS, KEYS

if TYPE_CHECKING:
    import sqlite3

Status = Literal["claimed", "running", "done", "stopped", "failed", "killed"]
LIVE: tuple[Status, ...] = ("claimed", "running")
ENDED: tuple[Status, ...] = ("done", "stopped", "failed", "killed")


@dataclass(frozen=True, slots=True)
class CorpusPin:
    """What a run was to be trained on: a name, which proves nothing, and the bytes of both splits by sha256."""

    name: str
    train_sha256: str
    validation_sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that a run logged.

    Attributes:
        step: the optimizer step at which it was measured.
        value: in the unit of the race.
        evaluation: id of the evaluation it came from; a value logged five times is one evaluation.
        seconds: wall clock since the run started.
        nats: the cross-entropy that the value was made of, in nats, where the log states it.
        line: the line of the log in which the value stands alone; "" where it has none.
    """

    step: int
    value: float
    evaluation: str
    seconds: float
    nats: float | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class RaceRun:
    """One run of a race as its ledger has it.

    Attributes:
        name: unique in the ledger.
        exp_id: its id, unique in its space and given once.
        space: the space of ids it was claimed in.
        slot: where it runs; one live run per slot.
        recipe, seed: what it trains.
        account: who owns it, and alone may stop it.
        worker: which worker claimed it.
        project: the project it is charged to; "" where the race has none.
        config: as requested when it was claimed.
        effective: as the run itself echoed it, None where it never did.
        corpus: what it was to be trained on.
        corpus_echoed: the corpus name that the run itself logged, None where it never did.
        corpus_seconds: when it did, in seconds since its start.
        status: claimed, running, done, stopped, failed or killed.
        steps: optimizer steps that were asked for.
        steps_done: how many it reports, None until it ended.
        seconds: its wall clock, None until it ended.
        reported: what it says its result is, None where it said nothing.
        pid: its process, None where it was not started as one.
        reason: why it ended, in words.
    """

    name: str
    exp_id: int
    space: str
    slot: str
    recipe: str
    seed: int
    account: str
    worker: str
    project: str
    config: Mapping[str, Any]
    effective: Mapping[str, Any] | None
    corpus: CorpusPin
    corpus_echoed: str | None
    corpus_seconds: float | None
    status: Status
    steps: int
    steps_done: int | None
    seconds: float | None
    reported: float | None
    pid: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerContent:
    """All rows of a ledger: its events in order, and its tables."""

    events: tuple[RaceEvent, ...]
    tables: Rows

    @property
    def race(self) -> Row:
        """The one row about the race itself. Raises IndexError where there is none."""
        return self.tables["race"][0]


class TooManyRows(Exception):
    """A ledger that holds more rows than a reader takes."""


def read_content(connection: sqlite3.Connection, most_rows: int | None = None) -> LedgerContent:
    """Every row of a ledger whose tables are known to be those of the layout.

    Raises sqlite3.Error, or TooManyRows where there are more than ``most_rows``.
    """
    left: Iterator[int] = itertools.count() if most_rows is None else iter(range(most_rows))
    events = tuple(RaceEvent(**row) for row in _rows(connection, "events", ("number",), left))
    return LedgerContent(events, {table: tuple(_rows(connection, table, key, left)) for table, key in KEYS.items()})


def _rows(connection: sqlite3.Connection, table: str, key: Sequence[str], left: Iterator[int]) -> Iterator[Row]:
    columns = tuple(COLUMNS[table])
    query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(key)}"  # noqa: S608 - names of the layout
    for row in connection.execute(query):
        if next(left, None) is None:
            raise TooManyRows
        yield dict(zip(columns, row, strict=True))


def runs_of(tables: Rows) -> tuple[RaceRun, ...]:
    """The runs in the order of their claims. Raises ValueError where a row holds no JSON object as configuration."""
    last = {row["run"]: row for row in tables["states"]}  # by run and number: the last one stays
    earlier = {row["run"]: row["pid"] for row in tables["states"] if row["pid"] is not None}
    echoed = {row["run"]: row for row in tables["effective"]}
    entries = sorted(tables["entries"], key=lambda row: (row["space"], row["exp_id"]))
    return tuple(_run(row, last.get(row["name"]), echoed.get(row["name"]), earlier) for row in entries)


def _run(entry: Row, state: Row | None, echo: Row | None, pids: Mapping[str, int]) -> RaceRun:
    copied = ("name", "exp_id", "space", "slot", "recipe", "seed", "account", "worker", "project", "steps")
    return RaceRun(
        **{name: entry[name] for name in copied},
        config=_object(entry["config"], entry["name"]),
        effective=None if echo is None else _object(echo["config"], entry["name"]),
        corpus=CorpusPin(entry["corpus"], entry["train_sha256"], entry["validation_sha256"]),
        corpus_echoed=None if echo is None else echo["corpus"],
        corpus_seconds=None if echo is None else echo["seconds"],
        status="claimed" if state is None else state["status"],
        steps_done=None if state is None else state["steps_done"],
        seconds=None if state is None else state["seconds"],
        reported=None if state is None else state["reported"],
        pid=pids.get(entry["name"]),
        reason="" if state is None else state["reason"],
    )


def samples_of(tables: Rows) -> Mapping[str, tuple[Sample, ...]]:
    """Run -> its samples by step."""
    grouped: dict[str, list[Sample]] = {}
    for row in tables["samples"]:
        sample = Sample(**{name: value for name, value in row.items() if name != "run"})
        grouped.setdefault(row["run"], []).append(sample)
    return {run: tuple(found) for run, found in grouped.items()}


def curves_of(runs: Iterable[RaceRun], samples: Mapping[str, Sequence[Sample]], unit: str) -> tuple[Curve, ...]:
    """One curve per run that logged something, in the order of ``runs``."""
    return tuple(
        Curve(
            run=run.name,
            recipe=run.recipe,
            seed=run.seed,
            unit=unit,
            steps=tuple(one.step for one in samples[run.name]),
            values=tuple(one.value for one in samples[run.name]),
            planned_steps=run.steps,
        )
        for run in runs
        if samples.get(run.name)
    )


def _object(text: str, run: str) -> Mapping[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"the configuration of {run} is {value!r:.80}, which is no JSON object")
    return value
