"""Checks that contradicted themselves: the same code on the same bytes, once held and once falsified."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from falsifiable.evidence import Statement, canonical_json
from falsifiable.validation.results import Judgement


class Occasion(NamedTuple):
    """Everything a verdict is a function of. Two different verdicts on one occasion contradict each other."""

    check: str
    source_digest: str
    semantics: int
    parameters: bytes
    artifacts: tuple[tuple[str, str], ...]


def occasion_of(statement: Statement, judgement: Judgement) -> Occasion:
    """The occasion on which ``judgement`` was made."""
    return Occasion(
        judgement.check,
        judgement.source_digest,
        statement.context.semantics,
        canonical_json(judgement.parameters),
        tuple(sorted((one.role, one.digest) for one in judgement.artifacts)),
    )


def contradicted(statements: Iterable[Statement]) -> frozenset[Occasion]:
    """The occasions on which both held and falsified were said. Inconclusive says nothing and contradicts nothing."""
    said: dict[Occasion, set[str]] = {}
    for statement in statements:
        for judgement in statement.judgements:
            if judgement.verdict.outcome != "inconclusive":
                said.setdefault(occasion_of(statement, judgement), set()).add(judgement.verdict.outcome)
    return frozenset(occasion for occasion, outcomes in said.items() if len(outcomes) > 1)
