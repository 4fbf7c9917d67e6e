"""What is different between two versions of one falsifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from falsifiable.contracts.builder import INVALID, Builder
from falsifiable.contracts.changes import Change, ChangeKind, change_of
from falsifiable.contracts.criterion_comparison import compare_criteria
from falsifiable.contracts.digests import canonical_text
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.model import Criterion, FalsifierDeclaration, Level
from falsifiable.contracts.nodes import from_plain
from falsifiable.contracts.parameters import PARAMETER_RULES, typed_parameters
from falsifiable.contracts.shapes import CRITERION
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.value_sets import shown_criterion, shown_scalar

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Claim:
    """A falsifier as one version of a contract declares it, and the signature its check had then, where known."""

    declaration: FalsifierDeclaration
    signature: CheckSignature | None

    @property
    def id(self) -> str:
        """The id of the falsifier."""
        return self.declaration.id


def compare_claims(contract: str, was: Claim, now: Claim) -> Iterator[Change]:
    """The changes from ``was`` to ``now``, a falsifier of ``contract``; their subjects begin with the id of ``now``.

    Under ``with`` the defaults of each signature are filled in, so that a default written out is no change, and a
    default that itself changed is one. Where the parameters do not fit a signature (it is of another version of the
    check) they are compared as they are written.
    """
    yield from _words(contract, was, now)
    if was.declaration.check != now.declaration.check:
        yield _check_swapped(contract, was, now)
    else:
        yield from _roles(contract, was, now)
        yield from _parameters(contract, was, now)
    yield from _ceilings(contract, was, now)


def makes_the_same_claim(was: Claim, now: Claim) -> bool:
    """Whether nothing but words and the id is different."""
    return all(one.kind == "reworded" for one in compare_claims("", was, now))


def shown_value(value: Any) -> str:
    """The value of a parameter as one would write it in a contract."""
    if value is None:
        return "nothing"
    if isinstance(value, Criterion):
        return shown_criterion(value)
    if isinstance(value, str | bool | int | float):
        return shown_scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown_value(one)}" for name, one in value.items()) + "}"
    return "[" + ", ".join(map(shown_value, value)) + "]"


def _words(contract: str, was: Claim, now: Claim) -> Iterator[Change]:
    for key, why in (
        ("claim", "the claim reads differently, and what judges it is compared by itself"),
        ("if_falsified", "what is broken when the claim falls reads differently"),
    ):
        before, after = getattr(was.declaration, key), getattr(now.declaration, key)
        if before != after:
            yield change_of(contract, f"{now.id} {key}", "reworded", before, after, why)


def _check_swapped(contract: str, was: Claim, now: Claim) -> Change:
    before, after = was.declaration.check, now.declaration.check
    why = f"check swapped: {after} judges now in the place of {before}, and whether it refutes as much cannot be told"
    return change_of(contract, f"{now.id} check", "changed", _judged_by(was), _judged_by(now), why, "check")


def _judged_by(claim: Claim) -> str:
    """The check with all that is put to it."""
    said = claim.declaration.check
    if claim.declaration.on:
        said += f" on {shown_value(claim.declaration.on)}"
    return said + (f" with {shown_value(claim.declaration.parameters)}" if claim.declaration.parameters else "")


def _roles(contract: str, was: Claim, now: Claim) -> Iterator[Change]:
    before, after = was.declaration.on, now.declaration.on
    for parameter in {**before, **after}:
        bound, rebound = before.get(parameter, ""), after.get(parameter, "")
        if bound != rebound:
            why = f"{parameter} read {bound or 'nothing'} and reads {rebound or 'nothing'}: another artifact is judged"
            yield change_of(contract, f"{now.id} on.{parameter}", "changed", bound, rebound, why)


def _parameters(contract: str, was: Claim, now: Claim) -> Iterator[Change]:
    before, after = _arguments(was, now)
    for name in {**before, **after}:
        if not _comparable(name, before, after, was, now):
            continue
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if found := _direction(old, new):
            kind, why = found
            if name not in was.declaration.parameters and name not in now.declaration.parameters:
                why += f"; it is the default of {now.declaration.check} that changed"
            shown = (_shown(name, old, was), _shown(name, new, now))
            yield change_of(contract, f"{now.id} with.{name}", kind, *shown, why)


def _arguments(was: Claim, now: Claim) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the check is called with before and after: typed and complete, or both as they are written."""
    typed = [_typed(one) for one in (was, now)]
    if typed[0] is None or typed[1] is None:
        return was.declaration.parameters, now.declaration.parameters
    return typed[0], typed[1]


def _typed(claim: Claim) -> Mapping[str, Any] | None:
    if claim.signature is None:
        return None
    try:
        return typed_parameters(claim.declaration.parameters, claim.signature)
    except ValueError:
        return None


def _comparable(name: str, before: Mapping[str, Any], after: Mapping[str, Any], was: Claim, now: Claim) -> bool:
    """Whether a parameter says anything: one that only one version of the check has, left at its default, does not."""
    written = name in was.declaration.parameters or name in now.declaration.parameters
    return written or (name in before and name in after)


def _direction(old: Any, new: Any) -> tuple[ChangeKind, str] | None:
    """How a parameter changed, and why that matters; None where it did not."""
    if old is not _ABSENT and new is not _ABSENT:
        if canonical_text(old) == canonical_text(new):
            return None
        was, now = _criterion(old), _criterion(new)
        if was is not None and now is not None:
            return compare_criteria(was, now)
    said = " became ".join("absent" if one is _ABSENT else shown_value(one) for one in (old, new))
    return "changed", f"{said}: whether that asks for more or for less cannot be told"


def _criterion(value: Any) -> Criterion | None:
    """``value`` as a criterion, typed or the mapping that is written; None for a bare value, which may be anything."""
    if isinstance(value, Mapping):
        built = Builder(Faults(""), PARAMETER_RULES).build(CRITERION, from_plain(value))
        return None if built is INVALID else built
    return value if isinstance(value, Criterion) else None


def _shown(name: str, value: Any, claim: Claim) -> str:
    if value is _ABSENT:
        return ""
    return shown_value(value) + ("" if name in claim.declaration.parameters else " (the default)")


def _ceilings(contract: str, was: Claim, now: Claim) -> Iterator[Change]:
    before, after = was.declaration.ceiling, now.declaration.ceiling
    if before != after:
        yield _ceiling(contract, f"{now.id} up_to", before, after, "")
        return
    if was.declaration.check == now.declaration.check and was.signature is not None and now.signature is not None:
        before, after = min(before, was.signature.ceiling), min(after, now.signature.ceiling)
        if before != after:
            whose = f": that is how high {now.declaration.check} can lift it"
            yield _ceiling(contract, f"{now.id} ceiling", before, after, whose)


def _ceiling(contract: str, subject: str, before: Level, after: Level, whose: str) -> Change:
    kind: ChangeKind = "loosened" if after < before else "tightened"
    sooner = "counts as met sooner" if after < before else "has to climb higher before it counts as met"
    words = before.name.lower(), after.name.lower()
    why = f"{words[0]} became {words[1]}: the claim {sooner}{whose}"
    return change_of(contract, subject, kind, *words, why, "ceiling")
