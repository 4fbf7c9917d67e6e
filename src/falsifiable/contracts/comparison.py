"""Two versions of a contract, or of all contracts, side by side: what was claimed then and is not now, and the reverse.

    from falsifiable.contracts.comparison import compare_sets

    for one in compare_sets(before, after, signatures):
        print(one.contract, one.demands.word, [change.why for change in one.changes])

Contracts are matched by name, whatever file they lie in, and falsifiers by id. A change that asks for less is
*loosened* and demands a major version; ``changes`` lists the kinds. Nothing here reads a file or asks git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from falsifiable.contracts.changes import Change, ChangeKind, change_of
from falsifiable.contracts.claim_comparison import Claim, compare_claims, makes_the_same_claim
from falsifiable.contracts.criteria import as_criterion
from falsifiable.contracts.criterion_comparison import compare_criteria
from falsifiable.contracts.model import Contract, Criterion, spec_of
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.value_sets import shown_criterion
from falsifiable.contracts.versions import Bump, bumped

Signatures = Mapping[str, CheckSignature]
"""What each check accepts, by its name."""

CLAIMED = "it is claimed from now on"
UNCLAIMED = "it is claimed no longer"
"""Why a falsifier is listed that was added, or removed, and neither renamed nor moved."""


@dataclass(frozen=True, slots=True)
class ContractComparison:
    """How one contract changed. ``before`` and ``after`` are its versions, None where there is no such contract.

    ``changes`` stand worst first.
    """

    contract: str
    before: str | None
    after: str | None
    changes: tuple[Change, ...]

    @property
    def demands(self) -> Bump:
        """The bump that the changes demand together: the highest of theirs."""
        return max((one.demands for one in self.changes), default=Bump.NONE)

    @property
    def demanded_version(self) -> str | None:
        """The version that follows from ``before``; None for a contract that is new, or gone."""
        return None if self.before is None or self.after is None else bumped(self.before, self.demands)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "contract": self.contract,
            "before": self.before,
            "after": self.after,
            "demands": self.demands.word,
            "demanded_version": self.demanded_version,
            "changes": [one.to_json() for one in self.changes],
        }


def compare_contracts(
    before: Contract | None,
    after: Contract | None,
    signatures: Signatures,
    signatures_after: Signatures | None = None,
) -> ContractComparison:
    """How one contract changed; None stands for a version that does not exist.

    Args:
        before: the contract as it was.
        after: the contract as it is.
        signatures: the checks as they were when ``before`` was, for the defaults of their parameters.
        signatures_after: the checks as they are; the same as ``signatures`` when absent.

    Raises:
        ValueError: the two are contracts of different names, or two falsifiers of one version share an id.
    """
    was = None if before is None else _Version(before, signatures)
    now = None if after is None else _Version(after, signatures if signatures_after is None else signatures_after)
    names = {one.contract.contract for one in (was, now) if one is not None}
    if len(names) != 1:
        raise ValueError(f"a contract is compared with its other version, not {' with '.join(sorted(names)) or 'none'}")
    name = names.pop()
    changes = sorted(_changes(name, was, now), key=lambda one: (-one.demands, one.subject))
    return ContractComparison(name, _number(before), _number(after), tuple(changes))


def compare_sets(
    before: Iterable[Contract],
    after: Iterable[Contract],
    signatures: Signatures,
    signatures_after: Signatures | None = None,
) -> tuple[ContractComparison, ...]:
    """How all contracts changed, worst first; those that did not are left out.

    A falsifier that moved to another contract is removed there and added here, and says where it went.

    Raises:
        ValueError: two contracts of one side have the same name, or two falsifiers of a contract the same id.
    """
    was, now = _by_name(before), _by_name(after)
    compared = [
        compare_contracts(was.get(name), now.get(name), signatures, signatures_after) for name in sorted({**was, **now})
    ]
    went, came = _homes(now), _homes(was)
    told = (replace(one, changes=tuple(_with_move(change, went, came) for change in one.changes)) for one in compared)
    return tuple(sorted((one for one in told if one.changes), key=lambda one: (-one.demands, one.contract)))


def _number(contract: Contract | None) -> str | None:
    return None if contract is None else contract.version


class _Version(NamedTuple):
    """A contract with the checks of its time."""

    contract: Contract
    signatures: Signatures

    def claims(self) -> dict[str, Claim]:
        found = {one.id: Claim(one, self.signatures.get(one.check)) for one in self.contract.falsifiers}
        if len(found) < len(self.contract.falsifiers):
            raise ValueError(f"two falsifiers of {self.contract.contract} share an id; see CONTRACT-ID-DUPLICATE")
        return found


def _by_name(contracts: Iterable[Contract]) -> dict[str, Contract]:
    found: dict[str, Contract] = {}
    for one in contracts:
        if found.setdefault(one.contract, one) is not one:
            raise ValueError(f"two contracts are called {one.contract}; see CONTRACT-NAME-DUPLICATE")
    return found


def _homes(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """Falsifier id -> the contract that declares it."""
    return {claim.id: name for name, one in contracts.items() for claim in one.falsifiers}


def _with_move(change: Change, went: Mapping[str, str], came: Mapping[str, str]) -> Change:
    """A removed or added falsifier that stands, or stood, in another contract says in which."""
    if change.kind == "removed" and change.subject in went:
        return replace(change, why=f"it moved to the contract {went[change.subject]}, and is claimed here no longer")
    if change.kind == "added" and change.subject in came:
        return replace(change, why=f"it moved here from the contract {came[change.subject]}")
    return change


def _changes(name: str, was: _Version | None, now: _Version | None) -> Iterator[Change]:
    if was is None or now is None:
        yield from _whole(name, was, now)
        return
    before, after = was.contract, now.contract
    if before.version != after.version:
        why = "the number itself claims nothing; contract amend release writes it from the bumps of amendments"
        yield Change(name, "version", "changed", before.version, after.version, why, Bump.NONE)
    yield from _words(name, before, after)
    yield from _spec(name, before, after)
    yield from _required(name, before, after)
    yield from _roles(name, before, after)
    yield from _falsifiers(name, was.claims(), now.claims())
    yield from _discharge(name, before, after)


def _whole(name: str, was: _Version | None, now: _Version | None) -> Iterator[Change]:
    """A contract that is new, which demands nothing, or gone, with its falsifiers."""
    if now is not None:
        yield Change(name, "contract", "added", "", now.contract.title, "the contract is new", Bump.NONE)
        new = _falsifiers(name, {}, now.claims())
        yield from (replace(one, demands=Bump.NONE) for one in new)
    if was is not None:
        yield change_of(name, "contract", "removed", was.contract.title, "", "the whole contract is claimed no longer")
        yield from _falsifiers(name, was.claims(), {})


def _words(name: str, before: Contract, after: Contract) -> Iterator[Change]:
    if before.title != after.title:
        yield change_of(name, "title", "reworded", before.title, after.title, "the title reads differently")
    if before.references != after.references:
        was, now = ", ".join(before.references), ", ".join(after.references)
        yield change_of(name, "references", "reworded", was, now, "it names other sources of its claims")
    admitted, admits = _admitted(before), _admitted(after)
    for subject in sorted(admitted.keys() | admits.keys()):
        was, now = admitted.get(subject, ""), admits.get(subject, "")
        if was != now:
            why = "what is admitted unguarded changed; the claims ask for what they did"
            yield change_of(name, subject, "reworded", was, now, why)


def _admitted(contract: Contract) -> dict[str, str]:
    return {
        f"unguarded {role}.{mutation}": reason
        for role, reasons in contract.unguarded.items()
        for mutation, reason in reasons.items()
    }


def _spec(name: str, before: Contract, after: Contract) -> Iterator[Change]:
    was, now = spec_of(before), spec_of(after)
    if was != now:
        why = f"it counts in {now}, and counted in {was}: evidence is kept, signed and weighed by spec"
        yield change_of(name, "spec", "changed", was, now, why)


def _required(name: str, before: Contract, after: Contract) -> Iterator[Change]:
    was, now = set(before.requires), set(after.requires)
    for one in was - now:
        yield change_of(name, f"requires {one}", "loosened", one, "", f"it may stand above {one} now")
    for one in now - was:
        yield change_of(name, f"requires {one}", "tightened", "", one, f"it cannot stand above {one} any more")


def _roles(name: str, before: Contract, after: Contract) -> Iterator[Change]:
    for role in {**before.artifacts, **after.artifacts}:
        was, now = before.artifacts.get(role), after.artifacts.get(role)
        if was is None and now is not None:
            yield change_of(name, f"role {role}", "added", "", f"a {now.kind}", "it speaks about an artifact more")
        elif now is None and was is not None:
            yield change_of(name, f"role {role}", "removed", f"a {was.kind}", "", "it speaks about it no longer")
        elif was is not None and now is not None:
            if was.kind != now.kind:
                why = f"a {was.kind} became a {now.kind}: other files are judged"
                yield change_of(name, f"role {role}", "changed", f"a {was.kind}", f"a {now.kind}", why)
            if was.description != now.description:
                texts = was.description, now.description
                yield change_of(name, f"role {role} description", "reworded", *texts, "the role is described otherwise")


def _falsifiers(name: str, was: Mapping[str, Claim], now: Mapping[str, Claim]) -> Iterator[Change]:
    removed = {one: claim for one, claim in was.items() if one not in now}
    added = {one: claim for one, claim in now.items() if one not in was}
    renamed = _renamed(removed, added)
    earlier = {new: old for old, new in renamed.items()}
    for one, claim in removed.items():
        why = f"renamed: {renamed[one]} makes the same claim" if one in renamed else UNCLAIMED
        yield change_of(name, one, "removed", claim.declaration.claim, "", why)
    for one, claim in added.items():
        why = f"renamed: it was {earlier[one]}" if one in earlier else CLAIMED
        yield change_of(name, one, "added", "", claim.declaration.claim, why)
    for one in was.keys() & now.keys():
        yield from compare_claims(name, was[one], now[one])


def _renamed(removed: Mapping[str, Claim], added: Mapping[str, Claim]) -> dict[str, str]:
    """Old id -> the id under which the same claim stands now; each new id is used once."""
    renamed: dict[str, str] = {}
    for old, claim in sorted(removed.items()):
        same = (one for one in sorted(added) if one not in renamed.values() and makes_the_same_claim(claim, added[one]))
        if new := next(same, None):
            renamed[old] = new
    return renamed


def _discharge(name: str, before: Contract, after: Contract) -> Iterator[Change]:
    was, now = _conditions(before), _conditions(after)
    if bool(before.discharge) != bool(after.discharge):
        kind: ChangeKind = "changed" if after.discharge else "removed"
        why = (
            "the claims can earn DISCHARGED now, by these conditions; INTEGRATION was all they could"
            if after.discharge
            else "nothing is asked for DISCHARGED any more: the claims count as met at INTEGRATION"
        )
        yield change_of(name, "discharge", kind, _listed(was), _listed(now), why)
        return
    for condition in {**was, **now}:
        yield from _condition(name, condition, was.get(condition), now.get(condition))


def _condition(name: str, condition: str, was: Criterion | None, now: Criterion | None) -> Iterator[Change]:
    before, after = ("" if one is None else shown_criterion(one) for one in (was, now))
    found: tuple[ChangeKind, str] | None
    if was is not None and now is not None:
        found = compare_criteria(was, now)
    elif now is None:
        found = "removed", "it is not asked for DISCHARGED any more"
    else:
        found = "added", "DISCHARGED asks for it, too"
    if found:
        yield change_of(name, f"discharge {condition}", found[0], before, after, found[1])


def _conditions(contract: Contract) -> dict[str, Criterion]:
    return {
        f"{role}.{condition}": as_criterion(wanted)
        for role, block in contract.discharge.items()
        for condition, wanted in block.items()
    }


def _listed(conditions: Mapping[str, Criterion]) -> str:
    return "; ".join(f"{condition} {shown_criterion(wanted)}" for condition, wanted in conditions.items())
