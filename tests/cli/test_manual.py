"""The manual: plain text shows as it is in Markdown, and every verb, check and key is in the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from falsifiable.cli import VERBS
from falsifiable.cli.manual.formats import formats_reference
from falsifiable.cli.manual.guides import guides, title_of
from falsifiable.cli.manual.markdown import code, prose, table
from falsifiable.cli.manual.reference import REFERENCE, limits_reference, words_reference
from falsifiable.cli.manual.verbs import commands, verbs_reference
from falsifiable.report.formats import FORMATS

MARKDOWN = MarkdownIt("commonmark").enable("table")


def shown(markdown: str) -> str:
    """What a reader sees of one line of Markdown."""
    (inline,) = [one for one in MARKDOWN.parse(markdown) if one.type == "inline"]
    return "".join(one.content for one in inline.children or ())


@given(st.text("ab 1*_<>[]#|`\\.:()", min_size=1).map(lambda text: f"x{text}x").filter(lambda text: "`" not in text))
def test_prose_shows_as_it_is(text: str) -> None:
    assert shown(prose(text)) == text


def test_code_between_backticks_stays_code() -> None:
    assert prose("``at-most`` accepts `a|b` and <b>") == "``at-most`` accepts `a|b` and \\<b\\>"


def test_a_cell_keeps_its_bars_and_its_line() -> None:
    parsed = MARKDOWN.parse(table(("a", "b"), [("`x|y`", "one\ntwo")]))
    cells = [one.content for one in parsed if one.type == "inline"]
    assert cells == ["a", "b", "`x|y`", "one two"]


def test_a_block_shows_as_it_stands() -> None:
    (fence,) = MARKDOWN.parse(code("a: *b*\n  <c>\n", "yaml"))
    assert (fence.info, fence.content) == ("yaml", "a: *b*\n  <c>\n")


def test_every_verb_has_its_options_with_what_they_do() -> None:
    page = verbs_reference()
    typed = [one for one, _, _ in commands()]
    assert [one for one in typed if " " not in one] == list(VERBS)
    assert "evidence sign" in typed
    for one in typed:
        assert f" {one} {{: #{one.replace(' ', '-')} }}" in page
    gate = page.partition("## gate {")[2].partition("\n## ")[0]
    assert "```text\ncontract gate [OPTIONS]\n```" in gate
    assert "| `--accept-trust SHA256` | You have looked at the new trust.yaml with this sha256. |" in gate
    assert "--help" not in gate


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("`falsifiers[].check` | text, required", "the check that could refute the claim"),
        ("`artifacts.NAME.kind` | `model` or `tokenizer`", "what kind of artifact"),
        ("`deliverables.NAME.criteria[].points`", "points"),
        ("`contracts[].judgements[].verdict.outcome` | `held` or `falsified` or `inconclusive`", ""),
    ],
)
def test_every_key_of_a_format_says_what_it_takes(key: str, says: str) -> None:
    (line,) = [one for one in formats_reference().splitlines() if key in one]
    assert says in line


def test_every_report_format_says_what_it_is() -> None:
    page = formats_reference().partition("{: #reports }")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"| `{name}`" for name in FORMATS]
    assert all(len(row[1]) > 20 for row in rows)


def test_words_codes_and_limits_have_their_tables() -> None:
    assert "| 5 | The gate refused: a status or percentage moved without current evidence. |" in words_reference()
    assert "| `json_depth_levels` | 32 |" in limits_reference()


def test_pages_that_are_made_are_none_that_people_wrote() -> None:
    assert not {path.removesuffix(".md") for path in REFERENCE} & {one.removeprefix("docs/") for one in guides()}
    assert all(title_of(page)[0].isupper() for page in guides().values())
