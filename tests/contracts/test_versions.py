"""Versions, and how far they move."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts.versions import Bump, bumped, semantic_order

versions = st.builds("{}.{}.{}".format, *[st.integers(0, 30)] * 3)


@pytest.mark.parametrize(
    ("version", "bump", "following"),
    [
        ("1.4.2", Bump.NONE, "1.4.2"),
        ("1.4.2", Bump.PATCH, "1.4.3"),
        ("1.4.2", Bump.MINOR, "1.5.0"),
        ("1.4.2", Bump.MAJOR, "2.0.0"),
        ("0.9.9", Bump.PATCH, "0.9.10"),
        ("0.0.0", Bump.MAJOR, "1.0.0"),
    ],
)
def test_the_version_that_follows(version: str, bump: Bump, following: str) -> None:
    assert bumped(version, bump) == following


@settings(deadline=None)
@given(versions, st.sampled_from(Bump), st.sampled_from(Bump))
def test_a_higher_bump_leads_further(version: str, one: Bump, other: Bump) -> None:
    reached, further = (semantic_order(bumped(version, bump)) for bump in sorted((one, other)))
    assert semantic_order(version) <= reached <= further
    assert (reached == further) == (one is other)


def test_versions_are_ordered_by_their_numbers() -> None:
    assert sorted(["1.10.0", "1.9.0", "0.30.1", "1.9.10"], key=semantic_order) == [
        "0.30.1",
        "1.9.0",
        "1.9.10",
        "1.10.0",
    ]


@pytest.mark.parametrize("version", ["1.4", "v1.4.0", "1.04.0", "1.4.0\n", "1.4.x", "", "1.4.0.0", "١.4.0"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="expected three whole numbers joined by dots"):
        bumped(version, Bump.PATCH)


@pytest.mark.parametrize("bump", Bump)
def test_a_bump_is_its_word(bump: Bump) -> None:
    assert Bump.of(bump.word) is bump
    assert bump.word == bump.name.lower()


@pytest.mark.parametrize("word", ["Major", "MAJOR", "1", "", "huge"])
def test_any_other_word_is_refused_with_those_there_are(word: str) -> None:
    with pytest.raises(ValueError, match="there are none, patch, minor, major"):
        Bump.of(word)
