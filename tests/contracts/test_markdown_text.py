"""A text that is accepted changes nothing around it: what stands before and after reads as it does without it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from falsifiable.contracts.markdown_text import block_faults, line_faults

BEFORE = "# Before\n\n- a list\n\nA [link] and `code`.\n\n### Finding"
AFTER = "<!-- /contract:amendments -->\n\n## After\n\nA [link].\n\n1. one\n2. two\n\n| a |\n| - |\n| b |\n"
PIECES = st.sampled_from(
    [
        "a", " ", "    ", "\n", "\n\n", "```", "~~~", "`", "<!--", "-->", "<b>", "</div>", "<?", "<![CDATA[", "<",
        "&lt;", "# ", "## ", "#### ", "===", "---", "- ", "  - ", "1. ", "> ", "| a |", "| - |", "[link]", "[link]: b",
        "(c)", "*", "_", "\\", "!", "\t", "contract:x", "***",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map("".join).filter(lambda text: text.strip())


def parsed(text: str) -> list[tuple[Any, ...]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [(one.type, one.tag, one.level, one.content, _children(one)) for one in tokens]


def _children(token: Any) -> tuple[tuple[str, str, Any], ...]:
    return tuple((child.type, child.content, child.attrs.get("href")) for child in token.children or ())


@given(TEXTS)
def test_an_accepted_text_changes_nothing_around_it(text: str) -> None:
    stripped = text.strip("\n")
    if block_faults(stripped):
        return
    before, after = parsed(BEFORE), parsed(AFTER)
    whole = parsed(f"{BEFORE}\n\n{stripped}\n\n{AFTER}")
    assert whole[: len(before)] == before
    assert whole[len(whole) - len(after) :] == after
    headings = [tag for kind, tag, *_ in whole[len(before) : len(whole) - len(after)] if kind == "heading_open"]
    assert set(headings) <= {"h4", "h5", "h6"}


@given(TEXTS)
def test_an_accepted_line_stays_one_item_of_a_list(text: str) -> None:
    line = " ".join(text.split())
    if line_faults(line):
        return
    whole = [kind for kind, *_ in parsed(f"1. {line}\n2. next\n\n{AFTER}")]
    item = ["list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    assert whole[:12] == ["ordered_list_open", *item, *item, "ordered_list_close"]
    assert whole[12:] == [kind for kind, *_ in parsed(AFTER)]
