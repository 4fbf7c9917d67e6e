"""What a condition asks for, and whether a criterion can be met, and can be missed."""

from __future__ import annotations

from typing import Any

from falsifiable.contracts.model import Condition, Criterion


def as_criterion(condition: Condition) -> Criterion:
    """A condition as a criterion: a bare value means *equal to* it."""
    return condition if isinstance(condition, Criterion) else Criterion(equals=condition)


def criterion_fault(criterion: Criterion) -> str:
    """Why nothing (or everything) meets ``criterion``; empty where it is sound."""
    if criterion == Criterion():
        return "an empty criterion has no bound"
    if criterion.one_of == ():
        return "one_of is empty: no value can meet it"
    return _tolerance_fault(criterion) or _bounds_fault(criterion)


def compares_fraction_exactly(criterion: Criterion) -> bool:
    """Whether a number that is not whole is expected without a tolerance."""
    return isinstance(criterion.equals, float) and not criterion.equals.is_integer() and not criterion.within


def _tolerance_fault(criterion: Criterion) -> str:
    if criterion.within is None:
        return ""
    if criterion.within < 0:
        return f"within: a tolerance cannot be negative, got {criterion.within:g}"
    if not _is_number(criterion.equals):
        return "within is the tolerance of a number under equals, and there is none"
    return ""


def _bounds_fault(criterion: Criterion) -> str:
    lower = {name: getattr(criterion, name) for name in ("at_least", "above")}
    upper = {name: getattr(criterion, name) for name in ("at_most", "below")}
    for low_name, low in lower.items():
        for high_name, high in upper.items():
            if low is None or high is None:
                continue
            both_included = (low_name, high_name) == ("at_least", "at_most")
            if low > high or (low == high and not both_included):
                return f"no number is both {low_name} {low:g} and {high_name} {high:g}"
    expected = [criterion.equals] if criterion.equals is not None else list(criterion.one_of or ())
    if expected and not any(criterion.holds(one) for one in expected):
        return "no expected value lies within the bounds"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
