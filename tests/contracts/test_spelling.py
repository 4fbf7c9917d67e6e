"""The nearest spelling is the one that difflib finds."""

from __future__ import annotations

from difflib import get_close_matches

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falsifiable.contracts.spelling import nearest

WORDS = st.text(alphabet="abcde-v1", max_size=12)


@example("", ["", "a"], 0.6)
@example("a" * 100, ["a" * 300, "b" + "a" * 250], 0.6)
@given(WORDS, st.lists(WORDS, max_size=12), st.sampled_from([0.3, 0.6, 0.85, 1.0]))
def test_it_is_what_difflib_finds(word: str, names: list[str], cutoff: float) -> None:
    found = nearest(word, names, cutoff=cutoff)
    assert [found] * (found is not None) == get_close_matches(word, names, n=1, cutoff=cutoff)


@pytest.mark.parametrize(("word", "name"), [("falsifier", "falsifiers"), ("depend_on", "depends_on"), ("zzz", None)])
def test_a_misspelt_key_is_recognised(word: str, name: str | None) -> None:
    assert nearest(word, ["falsifiers", "depends_on", "metadata"]) == name
