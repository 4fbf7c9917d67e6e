"""A source digest changes when a falsifier's meaning may have changed, and not when its layout did."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.falsifier import SEMANTICS
from falsifiable.validation.source_digest import parse_distribution, source_digest

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
    """Digest of the check and its counterexample for two module texts, the originals unless given."""

    def compute(check: str = CHECK, helpers: str = HELPERS) -> str:
        (tmp_path / "checks.py").write_text(check)
        (tmp_path / "helpers.py").write_text(helpers)
        files = {"shop.checks": tmp_path / "checks.py", "shop.helpers": tmp_path / "helpers.py"}
        functions = [("shop.checks", "finite"), ("shop.checks", "one_nan")]
        return source_digest(parse_distribution(files), functions)

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
    monkeypatch.setattr("falsifiable.validation.source_digest.SEMANTICS", SEMANTICS + 1)
    assert digest() != before


@pytest.mark.parametrize(
    "helpers",
    [
        "LIMIT = 1\nLIMIT += {}\n\ndef limit():\n    return LIMIT\n",
        "LIMITS = {{}}\nLIMITS.update(most={})\n\ndef limit():\n    return LIMITS\n",
        "if True:\n    def limit():\n        return {}\n",
        "try:\n    LIMIT = {}\nexcept ValueError:\n    LIMIT = 0\n\ndef limit():\n    return LIMIT\n",
    ],
    ids=["augmented", "updated", "under an if", "under a try"],
)
def test_what_makes_a_name_in_a_roundabout_way_counts(digest, helpers):
    assert digest(helpers=helpers.format(1)) != digest(helpers=helpers.format(2))


def test_a_helper_is_followed_through_re_exports_and_modules(tmp_path):
    texts = {
        "p": "from p.deep import limit\n",
        "p.deep": "def limit():\n    return {}\n",
        "p.checks": "import p.deep\nfrom p import limit\n\n"
        "def by_name():\n    return limit()\n\ndef by_module():\n    return p.deep.limit()\n",
    }

    def both(value):
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text.format(value))
        distribution = parse_distribution({name: tmp_path / f"{name}.py" for name in texts})
        return [source_digest(distribution, [("p.checks", one)]) for one in ("by_name", "by_module")]

    assert all(one != other for one, other in zip(both(1), both(2), strict=True))


def test_a_function_that_is_not_there_is_named(tmp_path):
    (tmp_path / "p.py").write_text("")
    with pytest.raises(KeyError, match=r"p\.lost"):
        source_digest(parse_distribution({"p": tmp_path / "p.py"}), [("p", "lost")])
