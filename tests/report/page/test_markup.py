"""Elements: a text is always a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.report.page.markup import element, rendered
from falsifiable.report.text import clean
from tests.report.page.reading import Reader


@given(st.text(), st.text())
def test_no_text_is_taken_for_markup(text: str, attribute: str) -> None:
    read = Reader(rendered(element("p", text, title=attribute)))

    assert [(name, attributes["title"]) for name, attributes in read.elements] == [("p", clean(attribute))]
    assert read.text == clean(text)


def test_what_is_absent_is_not_written() -> None:
    made = element("button", "Go", None, class_="a", hidden=True, disabled=False, title=None, aria_label="b", x=1.5)

    assert rendered(made) == '<button class="a" hidden aria-label="b" x="1.50">Go</button>'


def test_an_element_without_content_has_no_end() -> None:
    assert rendered(element("p", "a", element("br"), "b")) == "<p>a<br>b</p>"


def test_texts_are_shown_as_asked_and_escaped_after_that() -> None:
    assert rendered(element("p", "secret"), lambda text: text.replace("secret", "<hidden>")) == "<p>&lt;hidden&gt;</p>"


@pytest.mark.parametrize(
    "attributes",
    [{"onclick": "x"}, {"style": "x"}, {"src": "x"}, {"href": "https://example.org"}, {"href": "javascript:x"}],
)
def test_nothing_that_runs_loads_or_leads_away_can_be_made(attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"of a report|out of the page"):
        element("a", **attributes)


@pytest.mark.parametrize("name", ["script", "STYLE", "p onclick", "p>"])
def test_no_element_of_another_name_can_be_made(name: str) -> None:
    with pytest.raises(ValueError, match="no element"):
        element(name)
