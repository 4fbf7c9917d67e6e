from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from falsifiable.spec.markdown import cells, escaped, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("num_key_value_heads", "num_key_value_heads"),
        ("a | b", r"a \| b"),
        ("<script>", "&lt;script&gt;"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("two\nlines\x00", r"two lines\\x00"),
        ("right \u202e left", r"right \\u202e left"),
        ("--> <!-- contract:x -->", "--&gt; &lt;!-- contract:x --&gt;"),
    ],
)
def test_text_shows_as_itself(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_cells_are_read_back() -> None:
    written = table(("A", "B"), [(escaped("x | y"), escaped("c:\\|"))])
    assert [cells(line) for line in written.split("\n")] == [["A", "B"], ["---", "---"], ["x \\| y", "c:\\\\\\|"]]
    assert cells("no table") is None


@pytest.mark.bad_input(30)
@given(st.lists(st.text(max_size=20), min_size=2, max_size=4))
def test_any_text_stays_in_its_cell(texts: list[str]) -> None:
    row = [escaped(one) for one in texts]
    written = table(["h"] * len(row), [row])
    assert cells(written.split("\n")[2]) == [one.strip() for one in row]
    kinds = {token.type for token in MarkdownIt("commonmark").enable("table").parse(written)}
    assert "html_block" not in kinds
