"""Whether one criterion lets more values hold than another, or fewer."""

from __future__ import annotations

from typing import Literal

from falsifiable.contracts.criteria import criterion_fault
from falsifiable.contracts.digests import canonical_text
from falsifiable.contracts.model import Criterion
from falsifiable.contracts.value_sets import shown_criterion, values_of

Direction = Literal["loosened", "tightened", "changed"]


def compare_criteria(was: Criterion, now: Criterion) -> tuple[Direction, str] | None:
    """The direction from ``was`` to ``now`` with the values it concerns in words; None where none holds otherwise.

    A criterion that is not sound (empty, or met by nothing) has no set of values: any change of one is ``changed``.
    """
    became = f"{shown_criterion(was) or 'nothing'} became {shown_criterion(now) or 'nothing'}"
    if fault := criterion_fault(was) or criterion_fault(now):
        return None if canonical_text(was) == canonical_text(now) else ("changed", f"{became}: {fault}")
    before, after = values_of(was), values_of(now)
    gained, lost = after - before, before - after
    if gained and lost:
        return "changed", f"{became}: {gained} would hold now, and {lost} no longer"
    if gained:
        return "loosened", f"{became}: {gained} would hold now"
    return ("tightened", f"{became}: {lost} would hold no longer") if lost else None
