"""A source digest changes when a falsifier's meaning may have changed, and not when its layout did."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.validation.source_digest import parse_distribution, source_digests

CHECK = '''
from falsifiable import falsifier, Verdict
from shop.helpers import limit

@falsifier("weights.finite")
def finite(model):
    """No NaN anywhere."""
    return Verdict.of(count(model) < limit(), found="NaN")

@finite.counterexample
def one_nan(model):
    return model.with_tensor("a", spoil)

def count(model):
    return 1

def spoil(values):
    return values * float("nan")

def unrelated():
    return 5
'''
HELPERS = "LIMIT = 1\n\ndef limit():\n    return LIMIT\n"


@pytest.fixture
def digest(tmp_path: Path):
    """Digest of ``weights.finite`` for two module texts, the originals unless given."""

    def compute(check: str = CHECK, helpers: str = HELPERS) -> str:
        (tmp_path / "checks.py").write_text(check)
        (tmp_path / "helpers.py").write_text(helpers)
        files = {"shop.checks": tmp_path / "checks.py", "shop.helpers": tmp_path / "helpers.py"}
        return source_digests(parse_distribution(files))["weights.finite"]

    return compute


@pytest.mark.parametrize(
    "same",
    [
        CHECK.replace('"""No NaN anywhere."""', '"""Every weight is a number."""'),
        CHECK.replace("return 1", "return 1  # one"),
        CHECK.replace("def count(model):\n", "def count(model):\n\n\n"),
        CHECK.replace("return 5", "return 6"),
    ],
    ids=["docstring", "comment", "layout", "unrelated function"],
)
def test_layout_and_documentation_do_not_count(digest, same):
    assert digest(check=same) == digest()


@pytest.mark.parametrize(
    "other",
    [
        {"check": CHECK.replace("< limit()", "<= limit()")},
        {"check": CHECK.replace("return 1", "return 2")},
        {"check": CHECK.replace('float("nan")', "2.0")},
        {"check": CHECK.replace("from shop.helpers import limit", "from numpy import limit")},
        {"helpers": HELPERS.replace("LIMIT = 1", "LIMIT = 2")},
    ],
    ids=[
        "the check",
        "a helper",
        "what a counterexample reaches",
        "where a name comes from",
        "another module's constant",
    ],
)
def test_everything_the_verdict_rests_on_counts(digest, other):
    assert digest(**other) != digest()


def test_raising_the_semantics_number_changes_every_digest(digest, monkeypatch):
    before = digest()
    monkeypatch.setattr("falsifiable.validation.source_digest.SEMANTICS", 2)
    assert digest() != before
