"""Quorums: how many recordings held, each with another value of one observation, such as the seed of the run.

Every recording of today's claims by today's code counts, also one that a later recording superseded: three seeds are
three recordings of one contract, of which only the last is a head. One that fell, that could not be judged, that
contradicted itself, or whose files come from nowhere counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falsifiable.contracts import Quorum
from falsifiable.contracts.criteria import as_criterion
from falsifiable.contracts.model import Contract, FalsifierDeclaration, Level
from falsifiable.evidence import Statement, canonical_json
from falsifiable.falsifier import Quantity
from falsifiable.status.grounds import Grounds
from falsifiable.status.ladder import Status, ceiling_of
from falsifiable.status.testimony import testimony
from falsifiable.validation.results import DISCHARGING


@dataclass(frozen=True, slots=True)
class QuorumStanding:
    """How far a quorum has come: each value with the statements (by sha256) that held with it."""

    quorum: Quorum
    values: tuple[tuple[Quantity, tuple[str, ...]], ...] = ()

    @property
    def met(self) -> bool:
        """Whether there are as many as are asked for."""
        return len(self.values) >= self.quorum.at_least

    @property
    def statements(self) -> tuple[str, ...]:
        """The sha256 of every statement that counts."""
        return tuple(sorted({digest for _, digests in self.values for digest in digests}))

    def __str__(self) -> str:
        listed = f" ({', '.join(str(value) for value, _ in self.values)})" if self.values else ""
        return f"{len(self.values)} of {self.quorum.at_least} distinct {self.quorum.distinct}{listed}"


def quorum_standing(quorum: Quorum, falsifiers: Sequence[str], grounds: Grounds) -> QuorumStanding:
    """How many values of ``quorum`` have held for all of ``falsifiers``.

    Where falsifiers of several contracts are named, a value counts once it held in each contract that observes it.
    """
    by_contract: dict[str, tuple[Contract, list[FalsifierDeclaration]]] = {}
    for name in falsifiers:
        if name in grounds.declared:
            contract, declaration = grounds.declared[name]
            by_contract.setdefault(contract.contract, (contract, []))[1].append(declaration)
    observing = [one for one in by_contract.values() if quorum.name in one[0].discharge.get(quorum.role, {})]
    held = [_held_values(quorum, contract, declared, grounds) for contract, declared in observing]
    common = set.intersection(*(set(one) for one in held)) if held else set()
    values = [
        (held[0][key][0], tuple(sorted(digest for one in held for digest in one[key][1]))) for key in sorted(common)
    ]
    return QuorumStanding(quorum, tuple(sorted(values, key=lambda one: _order(one[0]))))


Held = dict[bytes, tuple[Quantity, list[str]]]


def _held_values(
    quorum: Quorum, contract: Contract, declared: Sequence[FalsifierDeclaration], grounds: Grounds
) -> Held:
    """Each value that was observed where all of ``declared`` held, with the digests of the statements that say so."""
    found: Held = {}
    for statement in grounds.statements:
        if statement.contract != contract.contract:
            continue
        value = _observed(quorum, contract, statement)
        if value is not None and _held(contract, declared, statement, grounds):
            found.setdefault(canonical_json(value), (value, []))[1].append(statement.sha256)
    return found


def _observed(quorum: Quorum, contract: Contract, statement: Statement) -> Quantity:
    """The value that ``statement`` observed under today's condition, and that meets it; else None."""
    wanted = as_criterion(contract.discharge[quorum.role][quorum.name])
    for seen in statement.observations:
        if (seen.role, seen.name, seen.criterion) == (quorum.role, quorum.name, str(wanted)):
            return seen.value if seen.source in DISCHARGING and wanted.holds(seen.value) else None
    return None


def _held(contract: Contract, declared: Sequence[FalsifierDeclaration], statement: Statement, grounds: Grounds) -> bool:
    """Whether all of ``declared`` held, as far as each can, and one of them on real files."""
    reached = []
    for declaration in declared:
        judgement = statement.judgement_of(declaration.id)
        if judgement is None:
            return False
        said = testimony(contract, declaration, statement, judgement, grounds.bench)
        ceiling = ceiling_of(contract, declaration, grounds.code.ceiling(declaration.check))
        if said.stale or said.flaky or said.status < min(ceiling, Level.INTEGRATION):
            return False
        reached.append(said.status)
    return max(reached, default=Status.PROPOSED) >= Status.INTEGRATION


def _order(value: Quantity) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not number, float(value) if number else 0.0, str(value))  # type: ignore[arg-type]
