"""Amendments: what an author writes is read as it stands, and every fault is told with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts import AmendmentFile, ContractLimits, KnownNames, check_amendment, read_amendment
from falsifiable.contracts.amendment_names import file_name, file_name_fault
from falsifiable.contracts.amendment_template import new_amendment
from falsifiable.contracts.versions import Bump
from tests.amending import amendment_text

STATEMENT = "5f3a09c27b1e" + "0" * 52
KNOWN = KnownNames("ship", {"packaging": "ship", "window": "thunder"}, {STATEMENT, "5f3a09c27b1e" + "1" * 52}, 49)


def read(text: str | bytes, **more: object) -> AmendmentFile:
    return read_amendment(text.encode() if isinstance(text, str) else text, shown="a.md", **more)  # type: ignore[arg-type]


def told(text: str | bytes) -> list[str]:
    return [str(one) for one in read(text).diagnostics]


def test_what_was_written_is_read_as_it_stands() -> None:
    text = amendment_text(
        contracts={"packaging": "minor", "gpu": "patch"},
        finding="The trainer builds `Llama370MConfig`: always.\n\n  - once\n  - twice",
        lessons=["An option that is accepted\nand ignored is a trap."],
        supersedes=[12, 3],
        evidence=[STATEMENT[:12]],
        body="Free *text*.\n\n#### A detail\n\n---\n\n| a | b |\n| - | - |\n| 1 | 2 |",
    )
    file = read(text)
    assert file.diagnostics == ()
    assert (said := file.amendment) is not None
    assert said.amendment == "Exports are read before they are published"
    assert said.finding == "The trainer builds `Llama370MConfig`: always.\n\n  - once\n  - twice\n"
    assert said.five_whys[4] == "No test did.\n"
    assert said.lessons == ("An option that is accepted\nand ignored is a trap.\n",)
    assert (said.moves, said.moves_contracts) == (Bump.MINOR, {"packaging": Bump.MINOR, "gpu": Bump.PATCH})
    assert (said.supersedes, said.evidence) == ((12, 3), (STATEMENT[:12],))
    assert said.body.startswith("Free *text*.")
    assert said.body.endswith("| 1 | 2 |")


def test_line_ends_and_a_byte_order_mark_change_nothing_but_the_digest() -> None:
    text = amendment_text(body="Free text.\nOf two lines.")
    plain, windows = read(text), read(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert plain.amendment == windows.amendment
    assert plain.digest != windows.digest


def test_a_line_of_dashes_inside_a_text_ends_nothing() -> None:
    file = read(amendment_text(finding="above\n\n---\n\nbelow"))
    assert file.amendment is not None
    assert "---" in file.amendment.finding


def test_a_file_on_disk_is_read_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(amendment_text())
    assert read_amendment(path).diagnostics == ()
    (fault,) = read_amendment(tmp_path / "b.md").diagnostics
    assert fault.rule == "YAML-UNREADABLE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Exports\n", "a.md:1:1: error AMENDMENT-FRONT-MATTER: an amendment starts with its front matter"),
        ("", "a.md:1:1: error AMENDMENT-FRONT-MATTER:"),
        ("---\nbump: minor\n", "a.md:1:1: error AMENDMENT-FRONT-MATTER: the front matter begins here and never ends"),
        ("---\n---\n", "a.md:1:1: error YAML-EMPTY:"),
        ("---\nbump: minor\nbump: major\n---\n", "a.md:3:1: error YAML-DUPLICATE-KEY:"),
        ("---\nbump:\tminor\n\tcreated: x\n---\n", "a.md:3:1: error YAML-TAB:"),
        ("---\nbump: &a minor\n---\n", "a.md:2:7: error YAML-ANCHOR:"),
        ("---\nbump: minor\n---\n", "a.md:2:1: error AMENDMENT-MISSING-KEY: the key 'finding' is missing"),
        (amendment_text(bump="mayor"), "a.md:4:7: error AMENDMENT-VALUE: bump: 'mayor' is not one of the words"),
        (amendment_text(created="21.11.2026"), "a.md:3:10: error AMENDMENT-VALUE: created: expected a time in UTC"),
        (
            amendment_text(created="2026-02-30T00:00:00Z"),
            "a.md:3:10: error AMENDMENT-VALUE: created: there is no such time as 2026-02-30T00:00:00Z",
        ),
        (amendment_text(title=" "), "a.md:2:12: error AMENDMENT-VALUE: amendment: expected a title of one line"),
        (
            amendment_text(title="a\\u001bb"),
            "a.md:2:12: error AMENDMENT-VALUE: amendment: expected a title of one line",
        ),
        (
            amendment_text(title="a\\u2028b"),
            "a.md:2:12: error AMENDMENT-VALUE: amendment: expected a title of one line",
        ),
        (
            amendment_text().replace("|\n  The export holds", '"a\\rb \\u0085" #'),
            "a.md:5:10: error AMENDMENT-MARKDOWN: finding: the character U+000D cannot be seen",
        ),
        (amendment_text(finding=" "), "error AMENDMENT-VALUE: finding: expected a text that is not blank"),
        (amendment_text(supersedes=[0]), "error AMENDMENT-VALUE: supersedes: 0 is no section"),
        (amendment_text(evidence=["5f3a"]), "error AMENDMENT-VALUE: evidence[0]: expected the sha256 of a statement"),
        (amendment_text(whys=["One."] * 4), "a.md:8:3: error AMENDMENT-WHYS: five_whys has 4 answers, expected 5"),
        (amendment_text(whys=["One."]), "five_whys has 1 answer, expected 5; ask why once more"),
        (amendment_text(whys=["One."] * 6), "five_whys has 6 answers, expected 5; join answers to the same question"),
        (
            amendment_text(bump="patch", contracts={"packaging": "major"}),
            "a.md:4:7: error AMENDMENT-BUMP: bump is patch, but contract packaging moves by major",
        ),
        (amendment_text().encode() + b"\xff", "error YAML-ENCODING: not UTF-8: byte 0xff at byte"),
        (amendment_text(body="a\x1bb"), "error YAML-CHARACTER: the character U+001B is not allowed"),
        (amendment_text(body="word " * 20_000), "a.md:1:1: error YAML-TOO-LARGE: the file has 1003"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str | bytes, said: str) -> None:
    faults = told(text)
    assert any(said in one for one in faults), faults
    assert read(text).amendment is None


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = amendment_text(bump="huge", created="now").replace("five_whys", "five_wys")
    assert [one.split(":")[3].split()[1] for one in told(text)] == [
        "AMENDMENT-MISSING-KEY",
        "AMENDMENT-VALUE",
        "AMENDMENT-VALUE",
        "AMENDMENT-UNKNOWN-KEY",
    ]
    assert "did you mean 'five_whys'?" in told(text)[-1]


def test_a_file_beyond_the_limit_is_not_read() -> None:
    (fault,) = read(amendment_text(), limits=ContractLimits(max_contract_bytes=100)).diagnostics
    assert (fault.rule, fault.hint) == ("YAML-TOO-LARGE", "keep logs and tables beside the spec, and link them")


def test_what_is_no_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    (fault,) = read_amendment(tmp_path, shown="a.md").diagnostics
    assert (fault.rule, fault.hint) == ("YAML-UNREADABLE", "put a regular file in its place")


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("<!-- /contract:amendments -->", 0, "raw HTML, '<!-- /contract:amendments -->'"),
        ("<!-- never closed", 0, "raw HTML"),
        ("text with <b>bold</b>", 0, "raw HTML, '<b>'"),
        ("> quoted\n> <script>", 1, "raw HTML, '<script>'"),
        (
            "## A section of my own",
            0,
            "a heading of level 2, which is for sections and their parts; use #### or deeper",
        ),
        ("fine\n\nA section\n---------", 2, "a heading of level 2"),
        ("- a list\n\n  # in a list", 2, "a heading of level 1"),
        ("text\n\n```\nnever closed", 2, "a code block begins here and never ends"),
        ("~~~~\n~~~", 0, "a code block begins here and never ends"),
        ("[the spec]: https://elsewhere.example", 0, "the definition of the link [the spec] would hold for the whole"),
        ("right\u202eleft", 0, "the character U+202E cannot be seen"),
        ("zero\u200bwidth", 0, "the character U+200B cannot be seen"),
    ],
)
def test_a_text_that_reaches_beyond_its_section_is_refused(body: str, line: int, said: str) -> None:
    first = amendment_text(body="X").split("\n").index("X") + 1
    (fault,) = told(amendment_text(body=body))
    assert fault.startswith(f"a.md:{first + line}:1: error AMENDMENT-MARKDOWN:")
    assert said in fault
    (in_finding,) = told(amendment_text(finding=f"First.\n\n{body}"))
    assert in_finding.startswith("a.md:5:10: error AMENDMENT-MARKDOWN: finding, line ")
    assert said in in_finding


@pytest.mark.parametrize(
    "body",
    [
        "code: `<!-- /contract:amendments -->`",
        "```html\n<!-- /contract:amendments -->\n## not a heading\n[x]: y\n```",
        "as code:\n\n    <!-- /contract:amendments -->",
        "a < b and b > c, `Vec<T>`, <https://example.org>",
        "#### A detail\n\n##### Deeper",
        "- a list\n  - in it\n\n    ```\n    unclosed in a list item ends with it",
        "Persian \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 and \U0001f469\u200d\U0001f4bb",
        "a [link](https://example.org) and [brackets]",
    ],
)
def test_a_text_that_is_whole_in_itself_is_accepted(body: str) -> None:
    assert told(amendment_text(body=body)) == []
    assert told(amendment_text(finding=body)) == []


@pytest.mark.parametrize("answer", ["- a list", "1. a number", "# a heading", "> a quotation", "***"])
def test_an_answer_is_one_paragraph(answer: str) -> None:
    (fault,) = told(amendment_text(lessons=[answer]))
    assert "AMENDMENT-MARKDOWN: lessons[0]: " in fault
    assert told(amendment_text(lessons=[f"\\{answer}" if answer[0] != "1" else "One. A number"])) == []


def test_a_new_amendment_has_one_warning_for_each_text_that_its_author_owes() -> None:
    file = read(new_amendment('The "export"', "2026-11-21T17:50:00Z", Bump.MAJOR, {"b": Bump.MAJOR, "a": Bump.PATCH}))
    assert {one.rule for one in file.diagnostics} == {"AMENDMENT-PLACEHOLDER"}
    assert [one.message.split()[0] for one in file.diagnostics] == [
        "finding", *(f"five_whys[{number}]" for number in range(5)), "net_effect",
    ]  # fmt: skip
    assert file.errors == ()
    assert file.amendment is not None
    assert file.amendment.amendment == 'The "export"'
    assert file.amendment.moves_contracts == {"a": Bump.PATCH, "b": Bump.MAJOR}
    assert (file.amendment.evidence, file.amendment.lessons, file.amendment.supersedes) == ((), (), ())
    alone = read(new_amendment("Alone", "2026-11-21T17:50:00Z", Bump.PATCH, {}))
    assert alone.amendment is not None
    assert alone.amendment.contracts == {}


def test_every_block_of_a_new_amendment_takes_any_text() -> None:
    """A colon, a hash, quotes and brackets need no care below a ``|``."""
    template = new_amendment("A", "2026-11-21T17:50:00Z", Bump.PATCH, {}).decode()
    awkward = "`a: b` # c 'd' \"e\" [f] {g} & *h* | %i @j !k - l"
    file = read(template.replace("...", awkward))
    assert file.diagnostics == ()
    assert file.amendment is not None
    assert {file.amendment.finding, *file.amendment.five_whys} == {awkward + "\n"}


def test_what_is_named_has_to_exist() -> None:
    file = read(
        amendment_text(
            contracts={"packagin": "minor", "window": "minor", "packaging": "minor"},
            evidence=["5f3a09c27b1e", "5f3a09c27b1e0", "0" * 12],
            supersedes=[49, 50],
        )
    )
    lines = amendment_text(contracts={"a": "b"}, evidence=["c"], supersedes=[1]).split("\n")
    assert [f"{one.line} {one.rule} {one.message}; {one.hint}" for one in check_amendment(file, KNOWN)] == [
        "6 AMENDMENT-CONTRACT-UNKNOWN contracts: no contract of this workspace is called 'packagin'; "
        "did you mean 'packaging'? contracts of ship: packaging",
        "7 AMENDMENT-CONTRACT-UNKNOWN contracts: window belongs to spec thunder, this amends ship; "
        "write an amendment of thunder: contract amend new TITLE --spec thunder --contract window=...",
        f"{lines.index('evidence:') + 4} AMENDMENT-EVIDENCE-UNKNOWN evidence: 2 statements in spec/ship/evidence/ "
        "begin with 5f3a09c27b1e; write more of its digits",
        f"{lines.index('evidence:') + 6} AMENDMENT-EVIDENCE-UNKNOWN evidence: no statement in spec/ship/evidence/ "
        "begins with 000000000000; record it first, or correct the digits",
        f"{lines.index('supersedes: [1]') + 5} AMENDMENT-SECTION-UNKNOWN supersedes: there is no section 50; "
        "the last is 49; an amendment that is pending itself has no number yet; release it before",
    ]
    assert check_amendment(read("---\n"), KNOWN) == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The trainer takes `Llama370MConfig`", "20261121T175000Z-the-trainer-takes-llama370mconfig-5f3a09c2.md"),
        ("Größe: 3 × 4", "20261121T175000Z-groe-3-4-5f3a09c2.md"),
        ("学习", "20261121T175000Z-amendment-5f3a09c2.md"),
        ("x" * 200, f"20261121T175000Z-{'x' * 60}-5f3a09c2.md"),
        ("../../etc/passwd\0", "20261121T175000Z-etc-passwd-5f3a09c2.md"),
    ],
)
def test_a_file_is_named_by_when_and_what(title: str, name: str) -> None:
    assert file_name(title, "2026-11-21T17:50:00Z", "5f3a09c2") == name
    assert file_name_fault(name, "2026-11-21T17:50:00Z") == ""


def test_a_file_that_is_named_otherwise_is_told() -> None:
    """The message of rule "AMENDMENT-FILE-NAME"; the place of released ones is that of "AMENDMENT-RELEASED"."""
    for name in ("notes.md", "20261121T175000Z-a-5f3a09c2.markdown", "20261121T175000Z-A-5f3a09c2.md", "README.md"):
        assert "this is no name of an amendment" in file_name_fault(name, None)
    assert file_name_fault("20261121T175000Z-a-5f3a09c2.md", "2026-11-22T17:50:00Z") == (
        "the name says 20261121T175000Z, but the amendment was created 2026-11-22T17:50:00Z"
    )


@given(
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from([*"-:|#>`[]{}\"'\n\t ~&*!%@\0\r<", "---\n", "...", "é"])))
)
def test_no_damage_makes_the_reader_fail(damage: list[tuple[int, str]]) -> None:
    """Whatever was done to a file, there is an amendment or there is an error, and every fault lies inside the file."""
    text = amendment_text(contracts={"packaging": "minor"}, lessons=["Measure."], supersedes=[12], body="Free *text*.")
    for at, inserted in damage:
        text = text[:at] + inserted + text[at:]
    file = read(text)
    assert (file.amendment is None) == bool(file.errors)
    lines = len(text.replace("\r", "\n").split("\n"))
    assert all(1 <= one.line <= lines and one.column >= 1 for one in file.diagnostics)
