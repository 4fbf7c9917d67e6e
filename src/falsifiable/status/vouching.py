"""Who vouches for a judgement: an allowed signature, or this very job, which judged the same bytes again.

A statement can be forged so that everything in it fits. What cannot be forged is a signature, and what need not be
believed is what was derived again here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isclose

from falsifiable.evidence import Statement, canonical_json
from falsifiable.falsifier import Quantity, Verdict
from falsifiable.validation.results import ContractResult, Judgement, Observation

NOBODY = "nobody vouches for it: it is not signed by a key that trust.yaml allows, nor was it derived again in this job"

RECODED = (
    "the code of its check changed in this same change, so that judging it again here proves nothing: sign it, or name "
    "the contract with a major bump in an amendment"
)


@dataclass(frozen=True, slots=True)
class Vouching:
    """Who vouches for what.

    ``unsigned`` says of each statement (by sha256) why no allowed signature vouches for it; a statement that is not in
    it is signed. ``again`` holds the results of this job, by contract. ``recoded`` names contracts, each with a check
    whose code is part of the very change that is judged: what it says here is no more than its author says.
    """

    unsigned: Mapping[str, str] = field(default_factory=dict)
    again: Mapping[str, ContractResult] = field(default_factory=dict)
    recoded: frozenset[tuple[str, str]] = frozenset()

    def doubt(self, statement: Statement, judgement: Judgement) -> str:
        """Why nobody vouches for ``judgement`` of ``statement``; "" where somebody does."""
        if statement.sha256 not in self.unsigned:
            return ""
        here = self.again.get(statement.contract)
        if here is not None and derived_again(statement, judgement, here):
            return RECODED if (statement.contract, judgement.check) in self.recoded else ""
        said = self.unsigned[statement.sha256]
        return f"{NOBODY} ({said})" if said else NOBODY


SAME_DIGITS = 1e-6
"""The relative difference up to which two measurements of the same bytes are one number: devices round differently."""


def derived_again(statement: Statement, judgement: Judgement, here: ContractResult) -> bool:
    """Whether this job came to the same verdict on the same bytes, measured the same, and saw the same of the run.

    Numbers count as much as outcomes: a tripwire watches measurements, and a quorum counts what was observed.
    """
    same = any(_occasion(one) == _occasion(judgement) and _measured_alike(one.verdict, judgement.verdict)
               for one in here.judgements)  # fmt: skip
    return same and _seen_alike(here.observations, statement.observations)


def _occasion(judgement: Judgement) -> tuple[object, ...]:
    """What was judged and what came of it; measurements may differ in their last digits, bytes may not."""
    return (
        judgement.falsifier,
        judgement.claim_digest,
        judgement.source_digest,
        canonical_json(judgement.parameters),
        tuple(sorted((one.role, one.digest, one.provenance) for one in judgement.artifacts)),
        judgement.verdict.outcome,
        judgement.verdict.examined,
        judgement.proven,
    )


def _measured_alike(one: Verdict, other: Verdict) -> bool:
    mine = sorted((each.name, each.unit, _plain(each.value)) for each in one.measurements)
    theirs = sorted((each.name, each.unit, _plain(each.value)) for each in other.measurements)
    return len(mine) == len(theirs) and all(
        a[:2] == b[:2] and _alike(a[2], b[2]) for a, b in zip(mine, theirs, strict=True)
    )


def _seen_alike(one: Iterable[Observation], other: Iterable[Observation]) -> bool:
    mine, theirs = _seen(one), _seen(other)
    return mine.keys() == theirs.keys() and all(_alike(mine[key], theirs[key]) for key in mine)


def _seen(observations: Iterable[Observation]) -> dict[tuple[object, ...], str]:
    return {(one.role, one.name, one.criterion, one.source, one.met): _plain(one.value) for one in observations}


def _plain(value: Quantity) -> str:
    """``value`` as evidence has it, where numbers that are not finite are texts."""
    return canonical_json(value).decode()


def _alike(one: str, other: str) -> bool:
    """Whether two values, as canonical JSON, are the same, or numbers that differ by rounding alone."""
    if one == other:
        return True
    mine, theirs = json.loads(one), json.loads(other)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (mine, theirs))
    return numbers and float in (type(mine), type(theirs)) and isclose(mine, theirs, rel_tol=SAME_DIGITS)
