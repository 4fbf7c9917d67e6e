from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.spec import RegionError, find_regions, splice

SPEC = """# A spec

<!-- contract:version -->
<!-- /contract:version -->

Prose that nobody but a person writes.

<!-- contract:scoreboard sha256=0123456789abcdef evidence=aaaaaaaaaaaa,bbbbbbbbbbbb -->

| Falsifier |
| --- |
| ROWS |

<!-- /contract:scoreboard -->

The end, without a line break"""


def problems(text: str) -> list[str]:
    return [f"{one.line}: {one.message}" for one in find_regions(text.encode()).problems]


def test_regions_are_found_with_line_content_and_attributes() -> None:
    version, scoreboard = find_regions(SPEC.encode()).found
    assert (version.name, version.line, version.content, version.edited) == ("version", 3, "", False)
    assert (scoreboard.line, scoreboard.content_line) == (8, 10)
    assert scoreboard.content == "| Falsifier |\n| --- |\n| ROWS |"
    assert scoreboard.evidence == ("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert find_regions(SPEC.encode()).named("scoreboard") == scoreboard
    assert find_regions(SPEC.encode()).named("other") is None


def test_content_that_does_not_fit_its_digest_was_edited() -> None:
    written = splice(SPEC.encode(), {"version": "one\ntwo"})
    assert not find_regions(written).found[0].edited
    assert find_regions(written.replace(b"one", b"won")).found[0].edited
    assert find_regions(b"<!-- contract:version -->\ntyped\n<!-- /contract:version -->").found[0].edited


@pytest.mark.bad_input(111)
def test_nothing_but_the_region_is_touched() -> None:
    written = splice(SPEC.encode(), {"version": "1.0.0"}, ("aaaaaaaaaaaa",)).decode()
    head, _, rest = SPEC.partition("<!-- contract:version -->\n<!-- /contract:version -->")
    assert written.startswith(head + "<!-- contract:version sha256=")
    assert "evidence=aaaaaaaaaaaa -->\n\n1.0.0\n\n<!-- /contract:version -->" in written
    assert written.endswith(rest)


@pytest.mark.bad_input(111)
def test_line_ends_are_those_of_the_file() -> None:
    windows = SPEC.replace("\n", "\r\n").encode()
    written = splice(windows, {"version": "a\nb"})
    assert b"a\r\nb" in written
    assert written.count(b"\n") == written.count(b"\r\n")
    region = find_regions(written).found[0]
    assert (region.content, region.edited, region.newline) == ("a\nb", False, "\r\n")


def test_a_byte_order_mark_and_old_macintosh_line_ends_survive() -> None:
    data = b"\xef\xbb\xbf<!-- contract:version -->\r<!-- /contract:version -->\rend"
    written = splice(data, {"version": "1"})
    assert written.startswith(b"\xef\xbb\xbf<!-- contract:version sha256=")
    assert written.endswith(b"-->\rend")


@pytest.mark.bad_input(111)
@pytest.mark.parametrize(
    "code",
    [
        "```\n<!-- contract:version -->\n```\n",
        "    <!-- contract:version -->\n",
        "`<!-- contract:version -->`\n",
        "~~~~ markdown\n<!-- contract:version -->\n<!-- /contract:version -->\n~~~~\n",
    ],
)
def test_a_marker_inside_code_is_text(code: str) -> None:
    regions = find_regions(f"{code}\n{SPEC}".encode())
    assert [one.name for one in regions.found] == ["version", "scoreboard"]
    assert regions.problems == ()


@pytest.mark.bad_input(111)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n\n<!-- contract:x -->\n", "3: region x begins here and never ends"),
        ("<!-- contract:x -->\n```\n<!-- /contract:x -->\n", "1: region x begins here and never ends"),
        ("<!-- /contract:x -->\n", "1: region x ends here but does not begin before"),
        ("<!-- contract:x -->\n<!-- /contract:y -->\n", "1: region x begins here"),
        (
            "<!-- contract:x -->\n<!-- contract:y -->\n<!-- /contract:y -->\n",
            "2: region y begins inside region x of line 1",
        ),
        (
            "<!-- contract:x -->\n<!-- /contract:x -->\n\n<!-- contract:x -->\n<!-- /contract:x -->\n",
            "4: region x stands here a second time, first on line 1",
        ),
        ("text\ntext <!-- contract:x -->\n", "2: a marker stands within a line of text"),
        ("| a |\n| --- |\n| <!-- contract:x --> |\n", "3: a marker stands within a line of text"),
        ("- item\n\n  <!-- contract:x -->\n", "3: marker x stands inside a list or a quotation"),
        ("<!-- contract:X y -->\n", "1: '<!-- contract:X y -->' is not a marker; expected <!-- contract:NAME -->"),
        ("<!-- contract:x --><!-- /contract:x -->\n", "1: '<!-- contract:x --><!-- /contract:x -->' is not a marker"),
        ("<!--contract:x-->\n", "1: '<!--contract:x-->' is not a marker"),
        ("<!-- contract:x status=green -->\n", "1: marker x has the unknown attribute status; known: sha256, evidence"),
    ],
)
def test_markers_that_make_no_region_are_named_with_their_line(text: str, said: str) -> None:
    assert any(one.startswith(said) for one in problems(text)), problems(text)
    with pytest.raises(RegionError, match="line"):
        splice(text.encode(), {})


def test_a_region_that_is_not_there_cannot_be_written() -> None:
    with pytest.raises(RegionError, match="there is no region roadmap"):
        splice(SPEC.encode(), {"roadmap": ""})


def test_a_spec_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(RegionError, match="byte 2 is not UTF-8"):
        find_regions(b"# \xff")


prose = st.text(st.characters(codec="utf-8", exclude_characters="<`~"), max_size=60)


@given(prose, prose, st.sampled_from(["\n", "\r\n", "\r"]), st.text(st.sampled_from("ab|\n -"), max_size=30))
def test_every_other_byte_is_left_alone(before: str, after: str, newline: str, content: str) -> None:
    empty = newline.join(["", "", "<!-- contract:x -->", "<!-- /contract:x -->", "", ""])
    data = (before + empty + after).encode()
    if [one.name for one in find_regions(data).found] != ["x"]:
        return  # the generated prose put the markers into a list or a block of code
    written = splice(data, {"x": content})
    region = find_regions(written).found[0]
    start = find_regions(data).found[0].start
    assert written[:start] == data[:start]
    assert written[region.end :] == data[find_regions(data).found[0].end :]
    assert region.content == content.strip("\n")
    assert splice(written, {"x": content}) == written
