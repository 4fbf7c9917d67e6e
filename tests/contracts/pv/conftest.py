"""A small contract in the ``pv`` dialect that neither pv nor we have anything to say about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.contracts import Diagnostic
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.reader import read_pv

SOFTMAX = """\
metadata:
  version: "1.0.0"
  description: Softmax
  references: [Bridle (1990)]
equations:
  softmax:
    formula: exp(x) / sum(exp(x))
proof_obligations:
  - id: SM-INV-001
    type: invariant
    property: the outputs sum to 1
    formal: sum(y) = 1
falsification_tests:
  - id: FALSIFY-SM-001
    rule: sum
    prediction: the outputs of random inputs sum to 1
    test: tests/test_softmax.py::test_the_sum
    if_fails: no maximum is subtracted
kani_harnesses:
  - id: KANI-SM-001
    obligation: SM-INV-001
    bound: 8
    strategy: stub_float
qa_gate:
  id: F-SM-001
  name: Softmax
"""
TESTS = '''\
from elsewhere import test_of_others


def test_the_sum():
    """It sums to 1."""


class TestOrder:
    def test_stays(self):
        """The order stays."""


class TestInherited(TestOrder):
    pass


if True:
    def test_under_a_condition():
        """Where the platform allows."""
'''


@pytest.fixture(scope="session")
def softmax() -> str:
    return SOFTMAX


@pytest.fixture(scope="session")
def changed() -> Callable[..., str]:
    """The contract with each text replaced by another; each must occur."""

    def replaced(*changes: tuple[str, str]) -> str:
        text = SOFTMAX
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        return text

    return replaced


@pytest.fixture(scope="session")
def with_blocks() -> Callable[[str], str]:
    """A piece of a contract -> the whole contract, in which the piece's blocks take the place of its own."""

    def completed(piece: str) -> str:
        given = set(re.findall(r"^(\w+):", piece, re.MULTILINE))
        blocks = re.findall(r"^\w+:.*\n(?:[ -].*\n)*", SOFTMAX, re.MULTILINE)
        return "".join(block for block in blocks if block.partition(":")[0] not in given) + piece + "\n"

    return completed


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the test that the contract cites. Nobody writes to it."""
    root = tmp_path_factory.mktemp("softmax")
    (root / "tests").mkdir()
    (root / "tests" / "test_softmax.py").write_text(TESTS)
    return root


@pytest.fixture(scope="session")
def told(workspace: Path) -> Callable[..., list[Diagnostic]]:
    """Texts of contracts -> all that is reported of them, called a.yaml, b.yaml, ..."""

    def diagnostics(*texts: str) -> list[Diagnostic]:
        files = [read_pv(text.encode(), shown=f"{name}.yaml") for name, text in zip("abcdefgh", texts, strict=False)]
        return [one for file in check_pv(files, workspace) for one in file.diagnostics]

    return diagnostics
