"""What a ship file is weighed by: contracts, where they stand, all evidence, and who reviewed which of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from falsifiable.contracts.model import Contract, FalsifierDeclaration
from falsifiable.evidence import History, Statement
from falsifiable.status.flaky import contradicted
from falsifiable.status.ladder import Status
from falsifiable.status.staleness import JudgingCode
from falsifiable.status.standing import ContractStanding, FalsifierStanding
from falsifiable.status.testimony import Bench, nobody_doubts
from falsifiable.validation.results import Judgement


@dataclass(frozen=True)
class Grounds:
    """Everything that criteria and steps follow from.

    ``standings`` are those of ``contracts``, by ``statements``, ``code`` and ``history``. ``folders`` maps the sha256
    of a statement to the spec among whose evidence it lies: a contract that moved leaves its evidence behind.
    ``reviews`` maps it to those who reviewed the statement; whether their signatures are good was decided before.
    ``doubt`` says why nobody vouches for a judgement, as for ``standings``.
    """

    contracts: tuple[Contract, ...]
    standings: tuple[ContractStanding, ...]
    statements: tuple[Statement, ...]
    code: JudgingCode
    history: History
    folders: Mapping[str, str]
    reviews: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doubt: Callable[[Statement, Judgement], str] = nobody_doubts

    @cached_property
    def bench(self) -> Bench:
        """What each statement is weighed against."""
        return Bench(self.code, self.history, contradicted(self.statements), self.doubt)

    @cached_property
    def falsifiers(self) -> Mapping[str, FalsifierStanding]:
        """Every falsifier that stands somewhere, by id."""
        return {one.falsifier: one for standing in self.standings for one in standing.falsifiers}

    @cached_property
    def declared(self) -> Mapping[str, tuple[Contract, FalsifierDeclaration]]:
        """Every falsifier that a contract declares, by id."""
        return {one.id: (contract, one) for contract in self.contracts for one in contract.falsifiers}

    @cached_property
    def statuses(self) -> Mapping[str, Status]:
        """Where every contract stands, by name."""
        return {one.contract: one.status for one in self.standings}

    def required(self, falsifiers: tuple[str, ...]) -> dict[str, Status]:
        """The contracts that those of ``falsifiers`` require, with their status; one that is not there is PROPOSED."""
        named = {self.declared[one][0].contract: self.declared[one][0] for one in falsifiers if one in self.declared}
        required = {name for contract in named.values() for name in contract.requires}
        return {name: self.statuses.get(name, Status.PROPOSED) for name in sorted(required)}
