"""Why a recorded judgement no longer applies, in words that name what changed.

Evidence is about one claim, judged by one piece of code, in one history. Where any of the three is another one today,
the evidence is stale: it counts for nothing until it is recorded again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falsifiable.contracts import claim_digest
from falsifiable.contracts.model import Ceiling, Contract, FalsifierDeclaration
from falsifiable.evidence import Statement, canonical_json
from falsifiable.validation.results import Judgement

if TYPE_CHECKING:
    from falsifiable.validation.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class JudgingCode:
    """The code that would judge today: source digest and ceiling by check name, and the semantics number of the SDK."""

    source_digests: Mapping[str, str]
    semantics: int
    ceilings: Mapping[str, Ceiling] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, semantics: int) -> JudgingCode:
        """The checks of ``catalogue``, by readers of this semantics number."""
        ceilings = {name: signature.level for name, signature in catalogue.signatures.items()}
        return cls(catalogue.source_digests, semantics, ceilings)

    def ceiling(self, check: str) -> Ceiling:
        """The highest status that verdicts of ``check`` support; "discharged" for a check that is not known."""
        return self.ceilings.get(check, "discharged")


def claim_reasons(contract: Contract, declaration: FalsifierDeclaration, judgement: Judgement) -> tuple[str, ...]:
    """What of the claim is not what was judged."""
    if claim_digest(contract, declaration) == judgement.claim_digest:
        return ()
    return (f"claim {declaration.id} changed: {_what_differs(declaration, judgement)}",)


def code_reasons(code: JudgingCode, statement: Statement, judgement: Judgement) -> tuple[str, ...]:
    """What of the judging code is not what judged."""
    if statement.context.semantics != code.semantics:
        was = statement.context.semantics
        return (f"the readers give the same bytes another meaning now (semantics {was}, now {code.semantics})",)
    current = code.source_digests.get(judgement.check)
    if current is None:
        return (f"the check {judgement.check} no longer exists",)
    return () if current == judgement.source_digest else (f"the source of check {judgement.check} changed",)


def _what_differs(declaration: FalsifierDeclaration, judgement: Judgement) -> str:
    if declaration.check != judgement.check:
        return f"its check was {judgement.check}, is {declaration.check}"
    judged = {name: value for name, value in judgement.parameters.items() if name in declaration.parameters}
    if other := _differing(judged, declaration.parameters):
        was, now = ({name: one[name] for name in other if name in one} for one in (judged, declaration.parameters))
        return f"its `with` was {_shown(was)}, is {_shown(now)}"
    if declaration.claim != judgement.claim:
        return f"it claimed {judgement.claim!r}"
    return "its `with`, its roles (`on`) or its ceiling (`up_to`) differ"


def _differing(was: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The names under which the two hold another value, or only one of them any."""
    return [
        name
        for name in sorted(was.keys() | now.keys())
        if name not in was or name not in now or canonical_json(was[name]) != canonical_json(now[name])
    ]


def _shown(parameters: Mapping[str, object]) -> str:
    return json.dumps(dict(parameters), default=str, ensure_ascii=False)
