"""Claims of ids: what a run asks for before it starts, and every reason for which it does not get it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from falsifiable.artifacts.races.chain import Row
from falsifiable.artifacts.races.rows import LIVE, CorpusPin
from falsifiable.evidence import canonical_json, sha256_of
from falsifiable.race.errors import (
    AccountRequired,
    DuplicateName,
    EmbargoedCommit,
    ExpIdOutsideSpace,
    IdempotencyConflict,
    IdempotencyKeyRequired,
    IdSpaceExhausted,
    NonMonotonicExpId,
    ProductionSeedInSmokeRange,
    ProjectNotWhitelisted,
    ReusedChampionSlot,
    SeedOutsideSpace,
    SlotStillOccupied,
    SmokeSeedOutOfRange,
    UnknownAccount,
    UnknownIdSpace,
)
from falsifiable.race.ledger.entry_rules import check_entry
from falsifiable.race.ledger.ledger_file import LedgerFile

SMOKE = "smoke"
"""The space of ids whose seeds are reserved for smoke runs."""
ID_PLACE = "{exp_id}"
"""Stands in the name of an entry where the claimed id goes, in four digits."""

_ID_IN_NAME = re.compile(r"-E(\d{4})(?:-|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a run asks for.

    Attributes:
        name: unique in the ledger. ``{exp_id}`` in it becomes the claimed id (``IGLA-HYBRID-FP32-WSD-E{exp_id}-seed7``
            becomes ``...-E0005-seed7``); a name that spells out an id asks for that id.
        recipe: what it trains, its seed aside.
        seed: from 0 to 2^53 - 1.
        space: the space of ids, such as ``smoke`` or ``production``.
        config: as requested; the run is to echo the same.
        steps: optimizer steps asked for.
        corpus: what it is to be trained on.
        slot: where it runs; by default its recipe and seed. A slot holds one live run.
        project: the project it is charged to.
    """

    name: str
    recipe: str
    seed: int
    space: str
    config: Mapping[str, Any]
    steps: int
    corpus: CorpusPin
    slot: str = ""
    project: str = ""

    @property
    def place(self) -> str:
        """The slot, or what stands for it."""
        return self.slot or f"{self.recipe}/seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What was given: the run's name, and its id in its space.

    ``replayed`` tells a claim that was made before under the same key (Replay) from a new one (First).
    """

    run: str
    exp_id: int
    space: str
    account: str
    worker: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims, and under which key: asking again under the same key gives the same run."""

    account: str
    worker: str
    key: str
    accounts: tuple[str, ...] = field(default=(), metadata={"description": "the race's; any where it lists none"})
    projects: tuple[str, ...] = ()

    def check(self, entry: Entry) -> None:
        """Raises AccountRequired, IdempotencyKeyRequired, UnknownAccount, ProjectNotWhitelisted, or what
        :func:`check_entry` raises.
        """
        if not self.account:
            raise AccountRequired("a claim")
        if not self.key:
            raise IdempotencyKeyRequired("a claim")
        if self.accounts and self.account not in self.accounts:
            raise UnknownAccount(self.account, self.accounts)
        if self.projects and entry.project not in self.projects:
            raise ProjectNotWhitelisted(entry.project, self.projects)
        check_entry(entry.name.replace(ID_PLACE, "0000"), entry.seed, entry.config)


def request_digest(entry: Entry) -> str:
    """sha256 of everything that an entry asks for; the same key may only ever ask for the same."""
    return sha256_of(canonical_json(asdict(entry)))


def earlier_claim(file: LedgerFile, entry: Entry, who: Claimant) -> Claim | None:
    """The claim made before under this key, None for a new key. Raises IdempotencyConflict for another request."""
    found = file.rows(
        "SELECT name, exp_id, space, account, worker, request FROM entries WHERE account = ? AND idempotency_key = ?",
        who.account,
        who.key,
    )
    if not found:
        return None
    name, exp_id, space, account, worker, request = found[0]
    if request != request_digest(entry):
        raise IdempotencyConflict(who.key, name, entry.name)
    return Claim(name, exp_id, space, account, worker, replayed=True)


def entry_row(file: LedgerFile, entry: Entry, who: Claimant) -> dict[str, Any]:
    """The row of a new run with the next id of its space, within the ledger's transaction.

    Raises the error of the first rule that it breaks; which runs occupy its slot is asked by :func:`occupants`.
    """
    space = _space(file, entry.space)
    _check_seed(file, entry, space)
    _check_embargo(file, entry)
    exp_id = _exp_id(file, entry, space)
    name = entry.name.replace(ID_PLACE, f"{exp_id:04d}")
    if file.rows("SELECT 1 FROM entries WHERE name = ?", name):
        raise DuplicateName(name)
    return {
        "name": name,
        "space": entry.space,
        "exp_id": exp_id,
        "slot": entry.place,
        "recipe": entry.recipe,
        "seed": entry.seed,
        "account": who.account,
        "worker": who.worker,
        "project": entry.project,
        "idempotency_key": who.key,
        "request": request_digest(entry),
        "config": canonical_json(entry.config).decode(),
        "steps": entry.steps,
        "corpus": entry.corpus.name,
        "train_sha256": entry.corpus.train_sha256,
        "validation_sha256": entry.corpus.validation_sha256,
    }


def occupants(file: LedgerFile, entry: Entry) -> Sequence[str]:
    """The live runs in the slot that an entry asks for, and a live run of its own name."""
    found = file.rows(
        "SELECT entries.name, (SELECT status FROM states WHERE run = entries.name ORDER BY number DESC LIMIT 1)"
        " FROM entries WHERE (slot = ? AND space = ?) OR name = ?",
        entry.place,
        entry.space,
        entry.name,
    )
    return [name for name, status in found if status in LIVE]


def refuse_occupied(entry: Entry, live: Sequence[str]) -> None:
    """Raise SlotStillOccupied where anything lives in the slot."""
    if live:
        raise SlotStillOccupied(entry.place, tuple(live))


def _space(file: LedgerFile, name: str) -> Row:
    columns = ("name", "first_id", "last_id", "first_seed", "last_seed")
    spaces = {row[0]: row for row in file.rows(f"SELECT {', '.join(columns)} FROM spaces")}  # noqa: S608
    if name not in spaces:
        raise UnknownIdSpace(name, tuple(sorted(spaces)))
    return dict(zip(columns, spaces[name], strict=True))


def _check_seed(file: LedgerFile, entry: Entry, space: Row) -> None:
    if not space["first_seed"] <= entry.seed <= space["last_seed"]:
        if entry.space != SMOKE:
            raise SeedOutsideSpace(entry.seed, entry.space, space["first_seed"], space["last_seed"])
        raise SmokeSeedOutOfRange(entry.seed, space["first_seed"], space["last_seed"])
    reserved = file.rows(
        "SELECT first_seed, last_seed FROM spaces WHERE ? BETWEEN first_seed AND last_seed"
        " AND last_seed - first_seed < ?",
        entry.seed,
        space["last_seed"] - space["first_seed"],
    )
    if reserved:
        raise ProductionSeedInSmokeRange(entry.seed, *reserved[0])


def _check_embargo(file: LedgerFile, entry: Entry) -> None:
    commit = entry.config.get("commit")
    if not isinstance(commit, str):
        return
    for embargoed, reason in file.rows("SELECT commit_id, reason FROM embargo"):
        if commit.startswith(embargoed):
            raise EmbargoedCommit(embargoed, reason)


def _exp_id(file: LedgerFile, entry: Entry, space: Row) -> int:
    current = file.rows("SELECT max(exp_id) FROM entries WHERE space = ?", entry.space)[0][0]
    highest = space["first_id"] - 1 if current is None else current
    locked = {
        row[0]: row[1:] for row in file.rows("SELECT exp_id, holder, reason FROM locks WHERE space = ?", entry.space)
    }
    spelled = _ID_IN_NAME.search(entry.name)
    if spelled is None:
        wanted = next(one for one in range(highest + 1, highest + 2 + len(locked)) if one not in locked)
        if wanted > space["last_id"]:
            raise IdSpaceExhausted(entry.space, space["last_id"])
        return wanted
    wanted = int(spelled[1])
    if wanted in locked:
        raise ReusedChampionSlot(wanted, "{1} (held by {0})".format(*locked[wanted]))
    if not space["first_id"] <= wanted <= space["last_id"]:
        raise ExpIdOutsideSpace(wanted, entry.space, space["first_id"], space["last_id"])
    if wanted <= highest:
        raise NonMonotonicExpId(wanted, highest)
    return wanted
