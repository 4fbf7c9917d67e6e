"""What happened to claims between two commits, and whether an amendment answers for it.

A claim may be loosened: by an amendment that names the contract and a major bump, where everybody sees it. Nothing
else makes a claim weaker: not a swapped check, not a lower ceiling, not a counterexample less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce

from falsifiable.contracts.changes import Change
from falsifiable.contracts.model import Contract
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.versions import Bump, bumped
from falsifiable.status.gate.block import Block

_AMEND = "contract amend new TITLE --contract {contract}=major says why, where everybody sees it"


def weakened_claims(changes: Iterable[Change], amended: Mapping[str, Bump]) -> Iterator[Block]:
    """Every change that asks for less, or for something else, and that no amendment answers for.

    Args:
        changes: what is different between the contracts of the two commits.
        amended: per contract, the highest bump that the amendments of the later commit name for it.
    """
    for change in changes:
        if change.demands < Bump.MAJOR or amended.get(change.contract, Bump.NONE) >= change.demands:
            continue
        was_now = f" (was {change.was}, is {change.now or 'gone'})" if change.was else ""
        message = f"{change.subject} {_PAST[change.kind]}{was_now}: {change.why}"
        yield Block(_rule_of(change), change.contract, message, _AMEND.format(contract=change.contract))


_PAST = {"removed": "was removed", "loosened": "was loosened", "changed": "was changed"}


def _rule_of(change: Change) -> str:
    """The rule of a change by the part it was made in."""
    if change.part == "ceiling":
        return "GATE-CEILING-LOWERED"
    if change.part == "check":
        return "GATE-CHECK-SWAPPED"
    if change.kind == "removed":
        return "GATE-CLAIM-REMOVED"
    return "GATE-CLAIM-LOOSENED"


def weakened_checks(
    contracts: Sequence[Contract],
    before: Mapping[str, CheckSignature],
    after: Mapping[str, CheckSignature],
    amended: Mapping[str, Bump],
) -> Iterator[Block]:
    """Checks that prove less than they did: a counterexample is gone, or has another name.

    Args:
        contracts: those of the earlier commit; only checks that one of them uses can weaken a claim.
        before: the checks by name, as the earlier commit has them.
        after: and as the later one has them; one that is gone makes its contracts invalid, which is told elsewhere.
        amended: per contract, the highest bump that an amendment names for it.
    """
    for contract in contracts:
        if amended.get(contract.contract, Bump.NONE) >= Bump.MAJOR:
            continue
        for name in sorted({one.check for one in contract.falsifiers} & before.keys() & after.keys()):
            yield from _weakened_check(contract.contract, before[name], after[name])


def _weakened_check(contract: str, was: CheckSignature, now: CheckSignature) -> Iterator[Block]:
    hint = _AMEND.format(contract=contract)
    for lost in sorted(set(was.counterexamples) - set(now.counterexamples)):
        message = f"the counterexample {lost} of {was.name} is gone, which proved that the check can fall"
        yield Block("GATE-COUNTEREXAMPLE-REMOVED", contract, message, hint)


def typed_versions(
    before: Mapping[str, Contract], after: Mapping[str, Contract], released: Mapping[str, Sequence[Bump]]
) -> Iterator[Block]:
    """Contracts whose ``version:`` is another one than the releases in between made of it.

    ``released`` holds the bumps of each contract's version in the releases between the two commits, in their order.
    """
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name].version, after[name].version
        made = reduce(bumped, released.get(name, ()), was)
        if now != made:
            message = (
                f"version: was typed, {was} became {now}; only a release writes it, and none made more than {made}"
            )
            hint = f"restore {made}; contract amend new TITLE --contract {name}=BUMP, and contract amend release"
            yield Block("GATE-VERSION-TYPED", name, message, hint)
