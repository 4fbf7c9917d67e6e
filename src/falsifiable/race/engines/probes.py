"""Rules of the ledger broken on purpose before the first run starts: a rule that nobody has seen refuse is a hope.

Each probe asks for something forbidden and must be refused with the error of its rule; the refusal is an event of the
ledger, and so is the verdict. One that is let through leaves the race without that protection, so the race fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.errors import RaceError
from falsifiable.race.ledger.entrants import Entrant
from falsifiable.race.ledger.ledger import Ledger

PROBE = "probe"
"""The kind of the event that holds the outcome of one probe."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one probe found.

    Attributes:
        name: of the rule that was put to the test.
        expected: what the ledger has to answer: the name of an error, or ``replayed``.
        found: what it answered.
    """

    name: str
    expected: str
    found: str

    @property
    def held(self) -> bool:
        """Whether the rule protects the race."""
        return self.found == self.expected


def probe(plan: RacePlan, ledger: Ledger, claimed: tuple[tuple[Entrant, str], ...]) -> tuple[Probe, ...]:
    """Put every rule to the test that the plan has what it takes for, and keep the outcomes in the ledger.

    Args:
        plan: the race; a champion and a second account in it each allow one more probe.
        ledger: where all its runs are claimed and none has ended.
        claimed: the runs, each with its name.
    """
    probes = tuple(_probes(plan, ledger, claimed))
    for one in probes:
        ledger.note(PROBE, None, {"name": one.name, "expected": one.expected, "found": one.found, "held": one.held})
    return probes


def _probes(plan: RacePlan, ledger: Ledger, claimed: tuple[tuple[Entrant, str], ...]) -> Iterator[Probe]:
    (first, name), other = claimed[0], next((one for one in plan.accounts if one != claimed[0][0].account), None)
    yield from _champions(plan, ledger, first)
    yield _claim(ledger, "redeploy-without-replace", "SlotStillOccupied", _renamed(first, "-again"))
    yield _claim(ledger, "claim-repeated", "replayed", first)
    spent = replace(first, entry=replace(first.entry, seed=claimed[-1][0].entry.seed + 1), key="probe/other-request")
    spent = replace(spent, entry=replace(spent.entry, name=f"{_with_id(first, _lowest_id(ledger, name))}"))
    yield _claim(ledger, "id-claimed-twice", "NonMonotonicExpId", spent)
    conflicting = replace(first, entry=replace(first.entry, steps=first.entry.steps + 1))
    yield _claim(ledger, "key-used-for-another-request", "IdempotencyConflict", conflicting)
    if other is not None:
        yield _kill(ledger, name, other)


def _champions(plan: RacePlan, ledger: Ledger, like: Entrant) -> Iterator[Probe]:
    for name, champion in plan.champions.items():
        entry = replace(
            like.entry,
            name=f"probe-E{champion.exp_id:04d}",
            space=champion.space,
            seed=plan.spaces[champion.space].last_seed,
            slot=f"probe/{name}",
        )
        yield _claim(
            ledger, "champion-slot-reused", "ReusedChampionSlot", replace(like, entry=entry, key=f"probe/{name}")
        )


def _renamed(one: Entrant, suffix: str) -> Entrant:
    return replace(one, entry=replace(one.entry, name=one.entry.name + suffix), key=f"{one.key}{suffix}")


def _lowest_id(ledger: Ledger, name: str) -> int:
    return next(run.exp_id for run in ledger.entries() if run.name == name)


def _with_id(one: Entrant, exp_id: int) -> str:
    return f"probe-E{exp_id:04d}-seed{one.entry.seed}"


def _claim(ledger: Ledger, name: str, expected: str, one: Entrant) -> Probe:
    def ask() -> str:
        claim = ledger.claim(one.entry, account=one.account, worker=PROBE, idempotency_key=one.key)
        if not claim.replayed:
            ledger.finish(claim.run, "killed", steps_done=0, seconds=0.0, reason=f"probe {name} was let through")
        return "replayed" if claim.replayed else "claimed"

    return Probe(name, expected, _answer(ask))


def _kill(ledger: Ledger, run: str, account: str) -> Probe:
    def ask() -> str:
        ledger.finish(run, "killed", steps_done=0, seconds=0.0, reason="probe", account=account)
        return "killed"

    return Probe("kill-across-accounts", "CrossAccountKillForbidden", _answer(ask))


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except RaceError as error:
        return error.name
