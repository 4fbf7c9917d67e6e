"""The values that meet a criterion, as a set, so that two criteria can be compared whatever words they use.

Numbers are taken as the decimals a person reads and writes, so that ``{equals: 0.3, within: 0.1}`` and
``{at_least: 0.2, at_most: 0.4}`` are one set. A set of numbers is a row of spans, and a span lies between two cuts:
``(x, 0)`` cuts just below x, ``(x, 1)`` just above it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from falsifiable.contracts.criteria import criterion_fault
from falsifiable.contracts.model import Criterion, Scalar, as_decimal

Cut = tuple[Fraction | float, int]

_LOWEST: Cut = (-math.inf, 1)
_HIGHEST: Cut = (math.inf, 0)
_MOST_VALUES_LISTED = 5
_MANY = 10**18
"""Whole numbers from here on are shown as powers of ten."""


@dataclass(frozen=True, slots=True)
class Span:
    """All numbers between two cuts."""

    start: Cut
    end: Cut

    def __str__(self) -> str:
        (low, above), (high, up_to) = self.start, self.end
        if self.end == _HIGHEST:
            return f"above {shown_number(low)}" if above else f"from {shown_number(low)} on"
        if self.start == _LOWEST:
            return f"up to {shown_number(high)}" if up_to else f"below {shown_number(high)}"
        if low == high:
            return shown_number(low)
        start = f"above {shown_number(low)}" if above else f"from {shown_number(low)}"
        return f"{start} {'to' if up_to else 'to below'} {shown_number(high)}"


_EVERY_NUMBER = (Span(_LOWEST, _HIGHEST),)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Numbers, as spans in their order with a gap between any two, and whatever else: texts, true and false."""

    numbers: tuple[Span, ...]
    others: frozenset[str | bool]

    def __bool__(self) -> bool:
        return bool(self.numbers or self.others)

    def __sub__(self, other: ValueSet) -> ValueSet:
        return ValueSet(_without(self.numbers, other.numbers), self.others - other.others)

    def __str__(self) -> str:
        """The values in words that stand after ``would hold``'s subject: ``values from 1 to below 2``."""
        texts = sorted(f"'{one}'" if isinstance(one, str) else shown_scalar(one) for one in self.others)
        pieces = [*map(str, self.numbers), *texts]
        single = len(pieces) == 1 and all(one.start[0] == one.end[0] for one in self.numbers)
        more = len(pieces) - _MOST_VALUES_LISTED
        listed = ", ".join(pieces[:_MOST_VALUES_LISTED]) + (f" and {more} more" if more > 0 else "")
        return f"the value {listed}" if single else f"values {listed}"


def values_of(criterion: Criterion) -> ValueSet:
    """The values that meet ``criterion``.

    Raises:
        ValueError: the criterion is not sound: nothing could meet it, or it bounds nothing.
    """
    if fault := criterion_fault(criterion):
        raise ValueError(fault)
    numbers = _bounded(criterion)
    others: frozenset[str | bool] | None = None if numbers == _EVERY_NUMBER else frozenset()
    for expected, within in ((_expected(criterion), criterion.within or 0.0), (criterion.one_of, 0.0)):
        if expected is not None:
            numbers = _common(numbers, _around(expected, within))
            rest = frozenset(one for one in expected if isinstance(one, str | bool))
            others = rest if others is None else others & rest
    return ValueSet(numbers, others or frozenset())


def shown_number(number: Fraction | float) -> str:
    """``number`` with all its digits: thresholds that differ must not read alike."""
    exact = number if isinstance(number, Fraction) else as_decimal(number)
    if exact.denominator == 1 and abs(exact) < _MANY:
        return str(exact.numerator)
    return str((Decimal(exact.numerator) / Decimal(exact.denominator)).normalize()).lower()


def shown_scalar(value: Scalar) -> str:
    """A value as it stands in a contract."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else shown_number(value)


def shown_criterion(criterion: Criterion) -> str:
    """``criterion`` as a person says it: ``at least 0.9999``."""
    bounds = {name: getattr(criterion, name) for name in ("at_least", "at_most", "above", "below")}
    said = [f"{name.replace('_', ' ')} {shown_scalar(bound)}" for name, bound in bounds.items() if bound is not None]
    if criterion.equals is not None:
        within = f" within {shown_scalar(criterion.within)}" if criterion.within else ""
        said.append(f"equal to {shown_scalar(criterion.equals)}{within}")
    if criterion.one_of is not None:
        said.append("one of " + (", ".join(map(shown_scalar, criterion.one_of)) or "nothing"))
    return " and ".join(said)


def _expected(criterion: Criterion) -> tuple[Scalar, ...] | None:
    return None if criterion.equals is None else (criterion.equals,)


def _bounded(criterion: Criterion) -> tuple[Span, ...]:
    lower = [(bound, side) for bound, side in ((criterion.at_least, 0), (criterion.above, 1)) if bound is not None]
    upper = [(bound, side) for bound, side in ((criterion.at_most, 1), (criterion.below, 0)) if bound is not None]
    start = max([(as_decimal(bound), side) for bound, side in lower], default=_LOWEST)
    end = min([(as_decimal(bound), side) for bound, side in upper], default=_HIGHEST)
    return (Span(start, end),)


def _around(values: Iterable[Scalar], within: float) -> tuple[Span, ...]:
    """The numbers among ``values``, each with the tolerance around it; a tolerance is only ever that of one value."""
    tolerance = as_decimal(within)
    centres = sorted({as_decimal(one) for one in values if not isinstance(one, str | bool)})
    return tuple(Span((centre - tolerance, 0), (centre + tolerance, 1)) for centre in centres)


def _common(some: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    shared = (Span(max(one.start, other.start), min(one.end, other.end)) for one in some for other in others)
    return tuple(one for one in shared if one.start < one.end)


def _without(some: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """What of ``some`` is in none of ``others``."""
    gaps: list[Span] = []
    start = _LOWEST
    for one in others:
        gaps.append(Span(start, one.start))
        start = one.end
    return _common(some, [*gaps, Span(start, _HIGHEST)])
