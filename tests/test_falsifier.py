"""The SDK: what a falsifier looks like, what its signature says, and how misuse is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable import Criterion, Model, NotApplicable, Tokenizer, Verdict, falsifier
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import REGISTRY


@pytest.fixture(autouse=True)
def _own_registry():
    """Checks registered by a test are forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def test_a_signature_says_what_a_contract_may_write():
    @falsifier("shop.fits", level="integration", needs="tensors", imports=("torch",))
    def fits(
        tokenizer: Tokenizer,
        model: Model | None = None,
        *,
        bound: Literal["at-most", "exactly"] = "at-most",
        cosine: Criterion = Criterion(at_least=0.999),
        implementation: Callable[..., Any] = max,
    ) -> Verdict:
        """Every id has a row.

        Args:
            bound: whether rows may be spare, as Hugging Face checkpoints
                have them.
        """
        return Verdict.of(True, examined=1)

    signature = fits.signature
    assert signature.summary == "Every id has a row."
    assert signature.roles == {"tokenizer": "tokenizer", "model": "model"}
    assert signature.optional_roles == ("model",)
    assert signature.ceiling.name == "INTEGRATION"
    assert signature.parameters["bound"].choices == ("at-most", "exactly")
    assert (
        signature.parameters["bound"].description == "whether rows may be spare, as Hugging Face checkpoints have them."
    )
    assert signature.parameters["cosine"].default == {"at_least": 0.999}
    assert "implementation" not in signature.parameters, "a subject is not a contract's to set"
    assert CheckSignature.from_json(signature.to_json()) == signature


def test_a_verdict_over_nothing_is_inconclusive_whatever_it_says():
    assert Verdict.of(True, examined=(0, "tensors")).outcome == "inconclusive"
    assert Verdict.of(True).outcome == "inconclusive"
    assert Verdict.of(False, examined=0).found == "it examined nothing"


def test_a_falsified_verdict_always_says_something():
    assert Verdict.of(False, tokenizer_size=4097, embedding_rows=4096).found == (
        "the condition does not hold for tokenizer_size=4097, embedding_rows=4096"
    )
    assert Verdict.of(False, found="token 7 is empty", examined=9).found == "token 7 is empty"


@given(
    st.booleans(),
    st.text(),
    st.integers(0, 10),
    st.dictionaries(st.from_regex(r"m_[a-z]+", fullmatch=True), st.floats(allow_nan=False) | st.text()),
)
def test_verdicts_survive_json(holds, found, examined, measurements):
    verdict = Verdict.of(holds, found=found, examined=(examined, "rows"), **measurements)
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_counterexamples_replace_roles_parameters_and_subjects():
    @falsifier("shop.largest")
    def largest(*, limit: int = 3, pick: Callable[..., Any] = max) -> Verdict:
        """The largest is at most the limit."""
        return Verdict.of(pick([1, 2, 3]) <= limit, examined=3)

    @largest.counterexample
    def sums_instead():
        return {"pick": sum}

    assert largest(limit=3).outcome == "held"
    assert largest(**largest.mutate("sums-instead", {}, {"limit": 3})).outcome == "falsified"


def test_a_counterexample_may_ask_for_parameters_and_decline():
    @falsifier("shop.bounded")
    def bounded(*, limit: int = 3) -> Verdict:
        """Always."""
        return Verdict.of(True, examined=limit)

    @bounded.counterexample
    def above(*, limit):
        if limit > 2:
            raise NotApplicable("the limit is out of reach")
        return {"limit": 0}

    assert bounded.mutate("above", {}, {"limit": 2}) == {"limit": 0}
    with pytest.raises(NotApplicable, match="out of reach"):
        bounded.mutate("above", {}, {"limit": 3})


@pytest.mark.parametrize(
    ("name", "function", "said"),
    [
        ("Shop Fits", lambda: None, "must be kebab-case"),
        ("shop.silent", lambda: None, "has no docstring"),
    ],
)
def test_misuse_is_answered_when_the_check_is_defined(name, function, said):
    with pytest.raises(TypeError, match=said):
        falsifier(name)(function)


def test_an_argument_of_no_known_kind_is_refused():
    def check(model: dict) -> Verdict:
        """Says nothing."""

    with pytest.raises(
        TypeError, match="parameter model must be typed with one of Model, Tokenizer, Run, Corpus, Command"
    ):
        falsifier("shop.untyped")(check)


def test_two_counterexamples_of_one_name_are_refused():
    @falsifier("shop.twice")
    def twice() -> Verdict:
        """Always."""
        return Verdict.of(True, examined=1)

    def again():
        return {}

    twice.counterexample(again)
    with pytest.raises(TypeError, match="two counterexamples called again"):
        twice.counterexample(again)
