"""The ledger of a race: who claimed which id, what every run logged, what was decided, and what was refused.

One SQLite file that only grows. Its tables are a projection of a hash chain of events, so that history cannot be
rewritten unseen; its rules stand in the file itself (:mod:`falsifiable.artifacts.races.layout`), so that no program
can write what they forbid; and what was asked for and refused is an event too.

::

    with Ledger.create(folder / LEDGER_FILE, "smoke", {"unit": "bits_per_byte", "vocabulary_size": 256}) as ledger:
        claim = ledger.claim(entry, account="acc1", worker="host:1", idempotency_key="wsd-501")
        ledger.start(claim.run, pid=process.pid)
        ledger.record(claim.run, [Sample(10, 5.1, "10", 0.8)])
        ledger.finish(claim.run, "done", steps_done=500, seconds=31.0, reason="all steps ran")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.races.chain import RaceEvent, anchor_faults, chain_faults, table_faults
from falsifiable.artifacts.races.layout import LEDGER_FILE
from falsifiable.artifacts.races.rows import (
    CorpusPin,
    LedgerContent,
    RaceRun,
    Sample,
    Status,
    curves_of,
    read_content,
    runs_of,
    samples_of,
)
from falsifiable.artifacts.races.schema import schema_faults
from falsifiable.evidence import canonical_json
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.errors import (
    DecisionConflict,
    IoError,
    LedgerDamaged,
    RaceError,
    ReusedChampionSlot,
)
from falsifiable.race.ledger.claims import (
    Claim,
    Claimant,
    Entry,
    earlier_claim,
    entry_row,
    occupants,
    refuse_occupied,
)
from falsifiable.race.ledger.ledger_file import Clock, LedgerFile, now
from falsifiable.race.ledger.ledger_rules import check_account, check_end, check_start, sound_points, standing
from falsifiable.race.ledger.stored_decisions import decision_from, decision_text

__all__ = [
    "LEDGER_FILE",
    "Claim",
    "CorpusPin",
    "Entry",
    "Event",
    "Ledger",
    "RunRow",
    "Sample",
    "Status",
]

RunRow = RaceRun
Event = RaceEvent

_OWN_KINDS = frozenset(
    (
        "race",
        "claimed",
        "replayed",
        "started",
        "echoed",
        "samples",
        "finished",
        "decision",
        "lock",
        "embargo",
        "refused",
    )
)


class Ledger:
    """An open ledger. Every method is one transaction, and safe among threads and processes.

    What breaks a rule raises the :class:`RaceError` of that rule, after the refusal itself was written as an event of
    the kind ``refused`` (``error``, ``values``, ``message`` and ``operation`` in its details).
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    @classmethod
    def create(cls, path: Path | str, race: str, document: Mapping[str, Any], *, clock: Clock = now) -> Self:
        """The new ledger of a race.

        Args:
            path: the file; nothing may lie there.
            race: the race's name.
            document: what ``race.yaml`` holds, kept as it is. ``vocabulary_size`` and ``unit`` bound the values;
                ``spaces``, ``accounts``, ``projects`` and ``floor`` are rules of the ledger where they are given.
            clock: what events are dated by.

        Raises:
            LedgerExists: a ledger lies there. IoError: the file cannot be written. ValueError: no vocabulary.
        """
        file = LedgerFile(Path(path), clock)
        try:
            file.make(race, document)
        except BaseException:
            file.abandon()
            raise
        return cls(file)

    @classmethod
    def open(cls, path: Path | str, *, clock: Clock = now) -> Self:
        """The ledger at ``path``, or in that folder. Raises IoError where none is, NotALedger for other files."""
        given = Path(path)
        given = given / LEDGER_FILE if given.is_dir() else given
        if not given.is_file():
            raise IoError(str(given), "there is no such file")
        file = LedgerFile(given, clock)
        try:
            file.check_layout()
        except BaseException:
            file.abandon()
            raise
        return cls(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything into the one file and let go of it."""
        self._file.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def document(self) -> Mapping[str, Any]:
        """What ``race.yaml`` held when the ledger was made. Raises LedgerDamaged where it no longer says so."""
        return self._file.document()

    @property
    def head(self) -> tuple[int, str]:
        """Number and digest of the newest event: note them elsewhere, and :meth:`verify` finds a ledger cut short."""
        last = self._file.last_event()
        return (0, "") if last is None else (last.number, last.digest)

    def claim(self, entry: Entry, *, account: str, worker: str, idempotency_key: str, replace: bool = False) -> Claim:
        """Give ``entry`` the next id of its space, or what it was given before under the same key.

        Args:
            entry: what is asked for.
            account: who will own the run.
            worker: which worker asks, such as ``host:pid``.
            idempotency_key: a text of the caller's own; asking again under it gives the same run.
            replace: stop the live runs in its slot, which must belong to the same account, in the same transaction.

        Raises:
            RaceError: AccountRequired, IdempotencyKeyRequired, IdempotencyConflict, UnknownAccount,
                ProjectNotWhitelisted, Lr9GfTooSmall, LMetricNonBpb, NameContradicts, UnknownIdSpace,
                SmokeSeedOutOfRange, SeedOutsideSpace,
                ProductionSeedInSmokeRange, EmbargoedCommit, ReusedChampionSlot, ExpIdOutsideSpace,
                NonMonotonicExpId, IdSpaceExhausted,
                DuplicateName, SlotStillOccupied, CrossAccountKillForbidden.
        """
        document = self.document
        accounts, projects = (tuple(document.get(one) or ()) for one in ("accounts", "projects"))
        who = Claimant(account, worker, idempotency_key, accounts, projects)
        with self._asked("claim", entry.name, account=account, worker=worker):
            who.check(entry)
            if (earlier := earlier_claim(self._file, entry, who)) is not None:
                self._file.append("replayed", earlier.run, {"account": account, "worker": worker})
                return earlier
            self._clear_slot(entry, account, replace=replace)
            row = entry_row(self._file, entry, who)
            run = row["name"]
            state = {"run": run, "number": 1, "status": "claimed", "pid": None, "steps_done": None}
            state |= {"seconds": None, "reported": None}
            self._file.append("claimed", run, {}, {"entries": [row], "states": [{**state, "reason": "claimed"}]})
            return Claim(run, row["exp_id"], entry.space, account, worker, replayed=False)

    def start(self, run: str, *, pid: int | None = None) -> None:
        """The run starts. Raises UnknownRun, SlotStillOccupied (it runs already) or RunAlreadyEnded."""
        with self._asked("start", run):
            one = standing(self._file, run)
            check_start(one)
            self._file.append("started", run, {}, {"states": [one.next_state("running", pid=pid, reason="started")]})

    def echo(
        self, run: str, config: Mapping[str, Any], *, corpus: str | None = None, seconds: float | None = None
    ) -> None:
        """What the run itself says it trains with; once. Raises UnknownRun, or LedgerRefused the second time.

        Args:
            run: the run.
            config: its effective configuration.
            corpus: the corpus name that it logged, None where it logged none.
            seconds: when it did, since its start.
        """
        row = {"run": run, "config": canonical_json(config).decode(), "corpus": corpus, "seconds": seconds}
        with self._asked("echo", run):
            standing(self._file, run)
            self._file.append("echoed", run, {}, {"effective": [row]})

    def record(self, run: str, points: Iterable[Sample]) -> int:
        """Keep what a run logged; how many points were kept.

        Points up to the first that is refused are kept, because they were measured. Raises UnknownRun, RunNotStarted,
        RunAlreadyEnded, StepNotIncreasing, ValueOutOfRange (not finite, too) or TimeRunsBackwards.
        """
        fault: RaceError | None
        with self._asked("record", run):
            sound, fault = sound_points(standing(self._file, run), points, self._bounds()[1])
            rows = [{"run": run, **asdict(one)} for one in sound]
            if rows:
                self._file.append("samples", run, {}, {"samples": rows})
        if fault is not None:
            self._refuse("record", run, fault)
            raise fault
        return len(rows)

    def finish(
        self,
        run: str,
        status: Status,
        *,
        steps_done: int,
        seconds: float,
        reason: str,
        reported: float | None = None,
        account: str | None = None,
    ) -> None:
        """The run ended: done, stopped, failed or killed.

        Args:
            run: the run.
            status: ``done`` only where all steps ran, time passed, and the last value lies between floor and ceiling.
            steps_done: optimizer steps that it took.
            seconds: its wall clock.
            reason: why it ended, in words.
            reported: what the run itself says its result is, None where it said nothing.
            account: who ends it; None for its own worker.

        Raises:
            RaceError: UnknownRun, CrossAccountKillForbidden, RunAlreadyEnded, ForbiddenTransition, ImplausibleDone.
        """
        with self._asked("finish", run, account=account, status=status):
            one = standing(self._file, run)
            check_account(one, account)
            check_end(one, status, steps_done, seconds, self._bounds())
            said = {"steps_done": steps_done, "seconds": seconds, "reported": reported, "reason": reason}
            row = one.next_state(status, **said)
            self._file.append("finished", run, {"by": account or one.account}, {"states": [row]})

    def decide(self, decision: Decision) -> bool:
        """Keep a decision; whether it was new. The same again changes nothing.

        Raises UnknownRun, or DecisionConflict where the run was decided otherwise at this rung.
        """
        text = decision_text(decision)
        with self._asked("decide", decision.run):
            standing(self._file, decision.run)
            found = self._file.rows(
                "SELECT decision FROM decisions WHERE run = ? AND rung = ?", decision.run, decision.rung
            )
            if not found:
                row = {"run": decision.run, "rung": decision.rung, "decision": text}
                self._file.append("decision", decision.run, {"action": decision.action}, {"decisions": [row]})
            elif found[0][0] != text:
                first = decision_from(found[0][0])
                raise DecisionConflict(decision.run, decision.rung, first.action, decision.action)
        return not found

    def lock(self, space: str, exp_id: int, *, holder: str, reason: str) -> None:
        """Give an id to a champion for good: no claim ever gets it. Raises ReusedChampionSlot where it is locked."""
        row = {"space": space, "exp_id": exp_id, "holder": holder, "reason": reason}
        with self._asked("lock", holder):
            held = self._file.rows("SELECT holder FROM locks WHERE space = ? AND exp_id = ?", space, exp_id)
            if held:
                raise ReusedChampionSlot(exp_id, f"held by {held[0][0]}")
            self._file.append("lock", holder, {}, {"locks": [row]})

    def embargo(self, commit: str, reason: str) -> None:
        """Put the code of a commit (7 to 40 digits) under embargo for good: no run of it is claimed any more."""
        with self._asked("embargo", None, commit=commit):
            self._file.append("embargo", None, {}, {"embargo": [{"commit_id": commit, "reason": reason}]})

    def note(self, kind: str, run: str | None, details: Mapping[str, Any]) -> RaceEvent:
        """Keep any other event, such as ``deployed`` or ``torn down``. Raises ValueError for a kind of the ledger's."""
        if kind in _OWN_KINDS or "rows" in details:
            raise ValueError(f"{kind}: events of the ledger's own kinds, and rows, are written by its methods alone")
        with self._file.writing():
            return self._file.append(kind, run, details)

    def refused(self, operation: str, run: str | None, error: RaceError) -> None:
        """Keep a refusal that was not the ledger's own, such as a name that follows no grammar."""
        self._refuse(operation, run, error)

    def curves(self) -> tuple[Curve, ...]:
        """One curve per run that logged something, by space and id."""
        content = self._content()
        return curves_of(runs_of(content.tables), samples_of(content.tables), content.race["unit"])

    def entries(self) -> tuple[RaceRun, ...]:
        """Every run, by space and id."""
        return runs_of(self._content().tables)

    def samples(self, run: str) -> tuple[Sample, ...]:
        """What a run logged, in order; empty where it logged nothing."""
        return tuple(
            Sample(*row)
            for row in self._file.rows(
                "SELECT step, value, evaluation, seconds, nats, line FROM samples WHERE run = ? ORDER BY step", run
            )
        )

    def decisions(self) -> tuple[Decision, ...]:
        """Every decision, in the order in which they fell."""
        return tuple(decision_from(row[0]) for row in self._file.rows("SELECT decision FROM decisions ORDER BY event"))

    def events(self, after: int = 0) -> tuple[RaceEvent, ...]:
        """Every event after number ``after``, in order."""
        return tuple(
            RaceEvent(*row)
            for row in self._file.rows(
                "SELECT number, at, kind, run, details, previous, digest FROM events WHERE number > ? ORDER BY number",
                after,
            )
        )

    def verify(self, anchor: tuple[int, str] | None = None) -> tuple[str, ...]:
        """Where the ledger was tampered with, one sentence per place; empty where it was not.

        Args:
            anchor: a :attr:`head` noted earlier; without it, events cut off the end leave no trace.
        """
        content = self._content()
        anchored = () if anchor is None else anchor_faults(content.events, anchor)
        with self._file.reading() as connection:
            schema = schema_faults(connection)
        return (*schema, *chain_faults(content.events), *table_faults(content.events, content.tables), *anchored)

    def _content(self) -> LedgerContent:
        with self._file.reading() as connection:
            return read_content(connection)

    def _bounds(self) -> tuple[float, float]:
        floor, ceiling = self._file.rows("SELECT floor, ceiling FROM race")[0]
        return floor, ceiling

    def _clear_slot(self, entry: Entry, account: str, *, replace: bool) -> None:
        live = occupants(self._file, entry)
        if not replace:
            refuse_occupied(entry, live)
        for run in live:
            one = standing(self._file, run)
            check_account(one, account)
            steps, seconds = (0, 0.0) if one.last is None else (one.last.step, one.last.seconds)
            row = one.next_state("stopped", steps_done=steps, seconds=seconds, reason=f"replaced by {entry.name}")
            self._file.append("finished", run, {"by": account}, {"states": [row]})

    @contextmanager
    def _asked(self, operation: str, run: str | None, **details: Any) -> Iterator[None]:
        """A transaction; what it refuses is undone, written down as refused, and raised."""
        try:
            with self._file.writing():
                yield
        except (IoError, LedgerDamaged):
            raise
        except RaceError as error:
            self._refuse(operation, run, error, **details)
            raise

    def _refuse(self, operation: str, run: str | None, error: RaceError, **details: Any) -> None:
        said = {"operation": operation, "error": error.name, "message": str(error), "values": dict(error.values)}
        with self._file.writing():
            self._file.append("refused", run, {**details, **said})
