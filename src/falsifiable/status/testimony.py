"""One statement's word on one claim: what it earns today, and what it would earn if nothing had changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from falsifiable.contracts.model import Contract, FalsifierDeclaration, Level
from falsifiable.evidence import History, Membership, Statement
from falsifiable.status import discharge
from falsifiable.status.flaky import Occasion, occasion_of
from falsifiable.status.ladder import Status, capped, ceiling_of, earned
from falsifiable.status.needs import to_climb
from falsifiable.status.staleness import JudgingCode, claim_reasons, code_reasons
from falsifiable.status.succession import speaking, was_absent
from falsifiable.validation.results import Judgement


def nobody_doubts(statement: Statement, judgement: Judgement) -> str:  # noqa: ARG001
    """Every judgement is taken at its word."""
    return ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What evidence is weighed against: today's code, the history, and where checks contradicted themselves.

    ``doubt`` says why nobody vouches for a judgement, "" where somebody does: what is doubted earns PARTIAL at most.
    """

    code: JudgingCode
    history: History
    contradicted: frozenset[Occasion] = frozenset()
    doubt: Callable[[Statement, Judgement], str] = nobody_doubts

    def membership(self, statement: Statement) -> Membership:
        """Whether the statement's commit is part of the history; what stands in no commit cannot be outside it."""
        commit = statement.context.commit
        return Membership("yes") if commit is None else self.history.membership(commit, statement.context.trees)


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one statement says of one claim. With ``stale`` reasons it counts for nothing today."""

    statement: Statement
    judgement: Judgement
    stale: tuple[str, ...]
    status: Status
    as_recorded: Status
    flaky: bool
    needs: tuple[str, ...]

    @property
    def absent(self) -> bool:
        """Whether there was nothing to judge: what is absent neither refutes nor lowers what others saw."""
        return was_absent(self.judgement)


def testimonies(
    contract: Contract, declaration: FalsifierDeclaration, statements: Iterable[Statement], bench: Bench
) -> list[Testimony]:
    """What every statement that speaks for ``declaration`` says of it."""
    heard = speaking(statements, declaration.id, () if declaration in contract.falsifiers else declaration.on)
    found = ((statement, statement.judgement_of(declaration.id)) for statement in heard)
    return [
        testimony(contract, declaration, statement, judgement, bench) for statement, judgement in found if judgement
    ]


def built_in_claims(contract: Contract, statements: Iterable[Statement]) -> Iterator[FalsifierDeclaration]:
    """Claims that no contract has to state, such as that a file is whole, where one fell and none has mended it."""
    known = list(statements)
    declared = {one.id for one in contract.falsifiers}
    for statement in known:
        for one in statement.judgements:
            if one.falsifier not in declared and not one.claim_digest and one.verdict.outcome == "falsified":
                roles = {artifact.role: artifact.role for artifact in one.artifacts}
                if any(_fell(heard, one.falsifier) for heard in speaking(known, one.falsifier, roles)):
                    declared.add(one.falsifier)
                    yield FalsifierDeclaration(one.falsifier, one.claim, one.check, roles)


def _fell(statement: Statement, falsifier: str) -> bool:
    judgement = statement.judgement_of(falsifier)
    return judgement is not None and judgement.verdict.outcome == "falsified"


def testimony(
    contract: Contract, declaration: FalsifierDeclaration, statement: Statement, judgement: Judgement, bench: Bench
) -> Testimony:
    """What ``statement`` says of ``declaration`` today, whether it still speaks for it or was superseded."""
    doubt = bench.doubt(statement, judgement)
    committed = statement.context.commit is not None and not statement.context.dirty and not doubt
    of_code = ceiling_of(contract, declaration, bench.code.ceiling(declaration.check))
    ceiling = min(of_code, Level.of(judgement.check_ceiling))
    flaky = occasion_of(statement, judgement) in bench.contradicted
    unmet = discharge.unmet(contract, statement.observations)
    roles = tuple(declaration.on.values())

    def earning(discharged: bool) -> Status:
        unqualified = earned(judgement, committed=committed, discharged=discharged and not flaky, roles=roles)
        return capped(unqualified, ceiling)

    status = earning(bool(contract.discharge) and not unmet)
    return Testimony(
        statement=statement,
        judgement=judgement,
        stale=tuple(_stale_reasons(contract, declaration, statement, judgement, bench)),
        status=status,
        as_recorded=max(status, earning(discharge.all_met(statement.observations))),
        flaky=flaky,
        needs=_needs(judgement, status, ceiling, doubt)
        or to_climb(judgement, status, ceiling, context=statement.context, roles=roles, unmet=unmet, flaky=flaky),
    )


def _needs(judgement: Judgement, status: Status, ceiling: Level, doubt: str) -> tuple[str, ...]:
    """The doubt, where it alone holds the claim down."""
    return (doubt,) if doubt and status == Status.PARTIAL < ceiling and judgement.verdict.outcome == "held" else ()


def _stale_reasons(
    contract: Contract, declaration: FalsifierDeclaration, statement: Statement, judgement: Judgement, bench: Bench
) -> Iterator[str]:
    if declaration in contract.falsifiers:
        yield from claim_reasons(contract, declaration, judgement)
        yield from code_reasons(bench.code, statement, judgement)
    member = bench.membership(statement)
    if member.counts != "yes":
        yield member.why
