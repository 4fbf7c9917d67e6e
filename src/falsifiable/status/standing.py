"""Where every contract stands, derived from statements, today's contracts and today's code.

The same functions serve what was recorded and what this machine found: a result that was not recorded is a statement
that was not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from falsifiable.contracts.model import Contract, FalsifierDeclaration, Level
from falsifiable.evidence import Context, History, Membership, Statement, heads, statement_of
from falsifiable.status import discharge
from falsifiable.status.flaky import contradicted
from falsifiable.status.ladder import Status, ceiling_of, contract_status
from falsifiable.status.staleness import JudgingCode
from falsifiable.status.testimony import Bench, Testimony, built_in_claims, nobody_doubts, testimonies
from falsifiable.validation.results import ContractResult, Judgement


@dataclass(frozen=True, slots=True)
class FalsifierStanding:
    """Where one falsifier stands.

    ``stale`` says why evidence no longer counts, ``stale_status`` what it would earn if it did (None unless that is
    more than ``status``, or there is nothing else), ``stale_in`` in which statement (its sha256) each reason was met
    first. ``needs`` says what the next level takes. ``judgement`` and ``rests_on`` (a statement's sha256) are what the
    status rests on, or the stale ones where nothing else is there: ``rests_on_stale``.
    """

    contract: str
    falsifier: str
    claim: str
    status: Status
    ceiling: Level
    stale_status: Status | None = None
    stale: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    flaky: bool = False
    judgement: Judgement | None = None
    rests_on: str | None = None
    rests_on_stale: bool = False
    stale_in: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def shown(self) -> str:
        """The status as a reader sees it: ``PARTIAL (stale: INTEGRATION)``."""
        return _shown(self.status, self.stale_status) + (" (flaky)" if self.flaky else "")

    @property
    def met(self) -> bool:
        """Whether it reached its own ceiling."""
        return self.status >= self.ceiling


@dataclass(frozen=True, slots=True)
class ContractStanding:
    """Where one contract stands.

    ``unmet`` holds the discharge conditions that are not met, ``held_back`` the required contracts that cap it, and
    ``undecided`` why the commit of some statement could not be looked up (a shallow clone); where it is not empty, the
    standing is a lower bound. ``heads`` are the statements that speak for it: those that none supersedes, and those
    beneath them that still speak for a claim which the newer ones could not judge.
    """

    contract: str
    version: str
    title: str
    status: Status
    ceiling: Level
    falsifiers: tuple[FalsifierStanding, ...]
    stale_status: Status | None = None
    stale: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    heads: tuple[Statement, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The status as a reader sees it: ``PARTIAL (stale: INTEGRATION)``."""
        return _shown(self.status, self.stale_status)

    @property
    def can_discharge(self) -> bool:
        """Whether any of its claims can reach DISCHARGED at all."""
        return self.ceiling == Level.DISCHARGED


def standings(
    contracts: Sequence[Contract],
    statements: Iterable[Statement],
    code: JudgingCode,
    history: History,
    doubt: Callable[[Statement, Judgement], str] = nobody_doubts,
) -> tuple[ContractStanding, ...]:
    """The standing of every contract, in the order given.

    ``statements`` are all there are: for each claim those count that :func:`speaking` names, the others only tell
    whether a check has contradicted itself. Where two disagree the lowest wins, but one that had nothing to judge
    disagrees with none.
    ``doubt`` says why nobody vouches for a judgement ("" where somebody does): what is doubted earns PARTIAL at most.
    Neither the order of statements nor that of ``contracts`` bears on any standing.
    """
    known = list(statements)
    bench = Bench(code, history, contradicted(known), doubt)
    alone = {one.contract: _alone(one, [s for s in known if s.contract == one.contract], bench) for one in contracts}
    return tuple(_capped_by_required(contract, contracts, alone) for contract in contracts)


def local_standings(
    contracts: Sequence[Contract], results: Iterable[ContractResult], code: JudgingCode, context: Context
) -> tuple[ContractStanding, ...]:
    """The standing that results of this machine would earn if they were recorded now."""
    unwritten = (statement_of(result, context, contract_file=result.contract) for result in results)
    return standings(contracts, unwritten, code, _Here())


class _Here:
    """The history of what has just been judged: its commit is the one that is checked out."""

    def membership(self, commit: str, trees: Mapping[str, str]) -> Membership:  # noqa: ARG002
        """Always part of it."""
        return Membership("yes")


def _alone(contract: Contract, known: list[Statement], bench: Bench) -> ContractStanding:
    """The standing of ``contract`` before the contracts it requires are looked at."""
    claims = (*contract.falsifiers, *built_in_claims(contract, known))
    heard = [testimonies(contract, claim, known, bench) for claim in claims]
    falsifiers = tuple(
        _falsifier_standing(contract, claim, of_claim, bench) for claim, of_claim in zip(claims, heard, strict=True)
    )
    newest = heads(known)
    every = {one.sha256: one for one in (*newest, *(one.statement for of_claim in heard for one in of_claim))}
    current = tuple(every[digest] for digest in sorted(every))
    saw_run = [one for one in newest if _observed(one)] or [one for one in current if _observed(one)] or list(newest)
    status = contract_status((one.status, one.ceiling) for one in falsifiers)
    as_recorded = contract_status((_or_stale(one), one.ceiling) for one in falsifiers)
    observed = [one.observations for one in saw_run] or [()]
    members = [bench.membership(one) for one in current]
    return ContractStanding(
        contract=contract.contract,
        version=contract.version,
        title=contract.title,
        status=status,
        ceiling=max((one.ceiling for one in falsifiers), default=Level.PROPOSED),
        falsifiers=falsifiers,
        stale_status=as_recorded if as_recorded != status else None,
        stale=_distinct(discharge.changed(contract, one.observations) for one in saw_run),
        unmet=_distinct(discharge.unmet(contract, one) for one in observed),
        heads=current,
        undecided=tuple(sorted({one.why for one in members if one.counts == "unknown"})),
    )


def _falsifier_standing(
    contract: Contract, declaration: FalsifierDeclaration, every: list[Testimony], bench: Bench
) -> FalsifierStanding:
    standing = FalsifierStanding(
        contract=contract.contract,
        falsifier=declaration.id,
        claim=declaration.claim,
        status=Status.PROPOSED,
        ceiling=ceiling_of(contract, declaration, bench.code.ceiling(declaration.check)),
        needs=("no evidence has been recorded yet",),
    )
    if not every:
        return standing
    counting = _present([one for one in every if not one.stale])
    decisive = min(counting or every, key=lambda one: (one.status, one.statement.sha256))
    status = decisive.status if counting else Status.PROPOSED
    as_recorded = min(one.as_recorded for one in _present(every))
    reasons = _distinct(one.stale for one in every)
    return replace(
        standing,
        status=status,
        stale_status=as_recorded if not counting or as_recorded > status else None,
        stale=reasons,
        needs=decisive.needs if counting else tuple(f"{reason}: record again" for reason in reasons),
        flaky=any(one.flaky for one in counting or every),
        judgement=decisive.judgement,
        rests_on=decisive.statement.sha256,
        rests_on_stale=not counting,
        stale_in={reason: one.statement.sha256 for one in reversed(every) for reason in one.stale},
    )


def _observed(statement: Statement) -> bool:
    """Whether there was a run for its discharge conditions to be read from."""
    return any(seen.source != "absent" for seen in statement.observations)


def _present(every: list[Testimony]) -> list[Testimony]:
    """Those who had something to judge; all of them where nobody had."""
    return [one for one in every if not one.absent] or every


def _distinct(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))


def _or_stale(standing: FalsifierStanding | ContractStanding) -> Status:
    return standing.status if standing.stale_status is None else standing.stale_status


def _capped_by_required(
    contract: Contract, contracts: Sequence[Contract], alone: Mapping[str, ContractStanding]
) -> ContractStanding:
    standing = alone[contract.contract]
    reachable = _required(contract, contracts)
    statuses = {name: alone[name].status if name in alone else Status.PROPOSED for name in reachable}
    status = contract_status([(standing.status, Level.DISCHARGED)], statuses.values())
    stale = contract_status([(_or_stale(standing), Level.DISCHARGED)], statuses.values())
    lower = [name for name, one in statuses.items() if one < standing.status]
    return replace(
        standing,
        status=status,
        stale_status=stale if standing.stale_status is not None and stale != status else None,
        held_back=tuple(f"requires {name}, which stands at {statuses[name].name}" for name in sorted(lower)),
    )


def _required(contract: Contract, contracts: Sequence[Contract]) -> set[str]:
    """Every contract that ``contract`` requires, directly or through others; a cycle ends where it began."""
    by_name = {one.contract: one for one in contracts}
    found: set[str] = set()
    waiting = list(contract.requires)
    while waiting:
        name = waiting.pop()
        if name not in found and name != contract.contract:
            found.add(name)
            waiting += by_name[name].requires if name in by_name else ()
    return found


def _shown(status: Status, stale_status: Status | None) -> str:
    return status.name if stale_status is None else f"{status.name} (stale: {stale_status.name})"
