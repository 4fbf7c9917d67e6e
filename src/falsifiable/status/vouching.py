"""Who vouches for a judgement: an allowed signature, or this very job, which judged the same bytes again.

A statement can be forged so that everything in it fits. What cannot be forged is a signature, and what need not be
believed is what was derived again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from falsifiable.evidence import Statement, canonical_json
from falsifiable.validation.results import ContractResult, Judgement, Observation

NOBODY = "nobody vouches for it: it is not signed by a key that trust.yaml allows, nor was it derived again in this job"


@dataclass(frozen=True, slots=True)
class Vouching:
    """Who vouches for what.

    ``unsigned`` says of each statement (by sha256) why no allowed signature vouches for it; a statement that is not in
    it is signed. ``again`` holds the results of this job, by contract.
    """

    unsigned: Mapping[str, str] = field(default_factory=dict)
    again: Mapping[str, ContractResult] = field(default_factory=dict)

    def doubt(self, statement: Statement, judgement: Judgement) -> str:
        """Why nobody vouches for ``judgement`` of ``statement``; "" where somebody does."""
        if statement.sha256 not in self.unsigned:
            return ""
        here = self.again.get(statement.contract)
        if here is not None and derived_again(statement, judgement, here):
            return ""
        said = self.unsigned[statement.sha256]
        return f"{NOBODY} ({said})" if said else NOBODY


def derived_again(statement: Statement, judgement: Judgement, here: ContractResult) -> bool:
    """Whether this job came to the same verdict on the same bytes, and saw the same of the run that discharges."""
    same = any(_occasion(one) == _occasion(judgement) for one in here.judgements)
    return same and _seen(here.observations) == _seen(statement.observations)


def _occasion(judgement: Judgement) -> tuple[object, ...]:
    """What was judged and what came of it; measurements may differ in their last digits, bytes may not."""
    return (
        judgement.falsifier,
        judgement.claim_digest,
        judgement.source_digest,
        canonical_json(judgement.parameters),
        tuple(sorted((one.role, one.digest, one.provenance) for one in judgement.artifacts)),
        judgement.verdict.outcome,
        judgement.proven,
    )


def _seen(observations: Iterable[Observation]) -> frozenset[tuple[object, ...]]:
    return frozenset((one.role, one.name, one.criterion, one.source, one.met) for one in observations)
