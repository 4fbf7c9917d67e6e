"""No case is forgotten: each is covered by a test, or says what it waits for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bad_inputs.conftest import COVERED, TESTS

HERE = Path(__file__).parent
CASES: dict[int, dict[str, Any]] = yaml.safe_load((HERE / "cases.yaml").read_text())
KEYS = {"title", "expected", "ours", "later"}
EXPECTED = {"E4", "F1", "E2", "V3", "G5", "OK", "130"}


@pytest.fixture
def covered(request: pytest.FixtureRequest) -> dict[int, list[str]]:
    """Case -> tests that bear its mark; the whole suite must have been collected, or little can be said."""
    config = request.config
    asked = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    if not any(TESTS.is_relative_to(one) for one in asked):
        pytest.skip("only a part of the tests was collected; run pytest without a path")
    return config.stash[COVERED]


def test_the_table_is_whole() -> None:
    assert list(CASES) == list(range(1, 118))
    for number, case in CASES.items():
        assert {"title", "expected"} <= set(case) <= KEYS, number
        assert case["expected"] in EXPECTED, number
        assert all(isinstance(text, str) and text.strip() for text in case.values()), number


def test_every_case_has_a_test_or_says_what_it_waits_for(covered: dict[int, list[str]]) -> None:
    forgotten = [f"{n}: {case['title']}" for n, case in CASES.items() if n not in covered and "later" not in case]
    assert forgotten == []


def test_no_test_covers_a_case_that_does_not_exist(covered: dict[int, list[str]]) -> None:
    assert {case: tests[:3] for case, tests in covered.items() if case not in CASES} == {}
