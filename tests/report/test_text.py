"""Texts from files are made safe before they reach a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.report.text import clean, shortened

ANY = st.text(st.characters())  # surrogates too: a file name may hold them


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, même 漢字 and 😀", "plain, même 漢字 and 😀"),
        ("\x1b[2J\x1b[1;31mred", "\\x1b[2J\\x1b[1;31mred"),
        ("two\nlines\tand a tab\r", "two lines and a tab "),
        ("bell\x07 delete\x7f next\x85", "bell\\x07 delete\\x7f next\\x85"),
        ("right\u202eto left", "right\\u202eto left"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028separator", "line\\u2028separator"),
        ("file\udcff.gguf", "file\\udcff.gguf"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_not(text, shown):
    assert clean(text) == shown


@given(ANY)
def test_what_is_left_is_one_line_that_can_be_printed(text):
    shown = clean(text)
    assert {unicodedata.category(one) for one in shown}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert clean(shown) == shown
    shown.encode("utf-8")


@given(st.text("ab ", max_size=40), st.integers(1, 20))
def test_a_shortened_text_fits_and_says_so(text, width):
    short = shortened(text, width)
    assert len(short) <= width
    assert short == text if len(text) <= width else short.endswith("…")
