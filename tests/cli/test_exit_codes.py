"""One exit code speaks for several findings: the first of 130, 4, 5, 1, 2, 3 that occurs, else 0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.cli.exit_codes import MEANINGS, ExitCode, combined

PRECEDENCE = (130, 4, 5, 1, 2, 3, 0)
codes = st.lists(st.sampled_from(ExitCode))


@pytest.mark.parametrize(
    ("found", "code"), [([], 0), ([3], 3), ([3, 2], 2), ([2, 1], 1), ([1, 5], 5), ([5, 4], 4), ([4, 130, 1], 130)]
)
def test_examples(found, code):
    assert combined(map(ExitCode, found)) == code


@given(codes)
def test_the_first_in_the_order_of_precedence_wins(found):
    assert PRECEDENCE.index(combined(found)) == min(map(PRECEDENCE.index, found), default=PRECEDENCE.index(0))


@given(codes, codes)
def test_findings_may_be_combined_in_any_order_and_in_parts(some, others):
    assert combined(some + others) == combined(others + some) == combined([combined(some), combined(others)])


def test_every_code_has_a_meaning():
    assert set(MEANINGS) == set(ExitCode)
    assert {code.value for code in ExitCode} == set(PRECEDENCE)
