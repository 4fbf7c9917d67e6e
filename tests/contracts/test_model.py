"""Criteria and levels."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import Contract, ContractFile, Criterion, FalsifierDeclaration, Level


@pytest.mark.parametrize(
    ("criterion", "holds", "fails"),
    [
        (Criterion(at_least=1), [1, 1.5], [0.999, True, "2", None]),
        (Criterion(at_most=1), [1, -5], [1.001]),
        (Criterion(above=1), [1.001], [1]),
        (Criterion(below=1), [0.999], [1]),
        (Criterion(at_least=0, below=1), [0, 0.5], [1, -1]),
        (Criterion(equals=1, within=0.1), [1, 1.05, 0.95], [1.2, "1"]),
        (Criterion(equals=0.3, within=0.1), [0.2, 0.4], [0.19999999999999998, 0.4000000000000001]),
        (Criterion(equals=1, within=1), [0, 2], [-1e-17]),
        (Criterion(equals=1), [1, 1.0], [2, True]),
        (Criterion(equals="cuda"), ["cuda"], ["cpu", 1]),
        (Criterion(equals=True), [True], [1, "true"]),
        (Criterion(one_of=("cuda", 3)), ["cuda", 3, 3.0], ["cpu", 4]),
        (Criterion(), [], [0, "", None]),
    ],
)
def test_what_meets_a_criterion(criterion: Criterion, holds: list[object], fails: list[object]) -> None:
    assert all(criterion.holds(value) for value in holds)
    assert not any(criterion.holds(value) for value in fails)


@settings(deadline=None)
@given(st.sampled_from(["at_least", "at_most", "above", "below", "equals"]), st.floats(allow_nan=False))
def test_no_criterion_is_met_by_what_is_not_finite(bound: str, value: float) -> None:
    criterion = Criterion(**{bound: value})  # type: ignore[arg-type]
    assert not any(criterion.holds(one) for one in (math.nan, math.inf, -math.inf))


def test_a_criterion_reads_as_a_sentence() -> None:
    assert str(Criterion(at_least=0.999)) == "at least 0.999"
    assert str(Criterion(above=1, below=2)) == "above 1 and below 2"
    assert str(Criterion(equals=1, within=0.1)) == "equal to 1 within 0.1"
    assert str(Criterion(one_of=("a", "b"))) == "one of a, b"


def test_without_discharge_nothing_rises_above_integration(
    base: str, check: Callable[..., tuple[ContractFile, ...]]
) -> None:
    def ceilings(text: str) -> list[Level]:
        contract = check(text)[0].contract
        assert isinstance(contract, Contract)
        return [contract.ceiling(one) for one in contract.falsifiers]

    assert ceilings(base) == [Level.INTEGRATION]
    assert ceilings(base + "discharge:\n  export: {parameters: {at_least: 1}}\n") == [Level.DISCHARGED]
    assert ceilings(base + "    up_to: partial\n") == [Level.PARTIAL]


def test_levels_are_a_ladder() -> None:
    assert Level.PROPOSED < Level.PARTIAL < Level.INTEGRATION < Level.DISCHARGED
    assert FalsifierDeclaration("F-1", "c", "a.b", up_to="integration").ceiling is Level.of("integration")
