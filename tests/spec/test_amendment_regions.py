"""What regions say of amendments: kept as files, safe against what authors write, blind to what is pending."""

from __future__ import annotations

from dataclasses import replace

import pytest

from falsifiable.contracts import Baseline
from falsifiable.spec import RENDERERS, SpecView, find_regions, rendered, splice
from falsifiable.spec.amendment_regions import header, section_text
from falsifiable.spec.amendments import AmendmentLog, read_amendments
from tests.golden.comparison import assert_golden
from tests.spec.test_amendments import BASELINE, log_of, pending, released

EVIDENCE = {"5f3a09c27b1e" + "0" * 52: "packaging", "aaaaaaaaaaaa" + "0" * 52: "gpu", "aaaaaaaaaaaa" + "1" * 52: "gpu"}
HISTORY = (
    released(
        50,
        "2.25.0",
        4,
        title="The trainer takes `its` architecture | from the <checkpoint>",
        contracts={"pretrain-arch-polymorphic": "minor", "gpu": "patch"},
        finding="The trainer builds `Llama370MConfig` whatever `--init` names:\n\n- on the CPU\n- on the GPU",
        lessons=["An option that is accepted\nand ignored is a trap.", "Measure *twice*."],
        evidence=["5f3a09c27b1e", "aaaaaaaaaaaa", "bbbbbbbbbbbb"],
        supersedes=[28, 34],
        body="More of it.\n\n#### The trace\n\n```\n<!-- /contract:amendments -->\n## 51. not a section\n```",
    ),
    released(51, "2.25.0", 6, title="Two steps more", net_effect="| a | b |\n| - | - |\n| 1 | 2 |"),
    released(
        52,
        "3.0.0",
        7,
        title="A claim is loosened",
        bump="major",
        contracts={"gpu": "major"},
        supersedes=[50],
        lessons=["Measure\n*twice*."],
    ),
)
NAMES = ("amendments", "cadence", "lessons", "changelog")


def view(log: AmendmentLog) -> SpecView:
    return replace(SpecView("ship"), amendments=log, evidence=EVIDENCE)


@pytest.mark.parametrize("name", NAMES)
def test_a_region_reads_as_it_was_kept(name: str) -> None:
    assert_golden(f"region-{name}.md", rendered(name, view(log_of(*HISTORY))) + "\n")


def test_pending_amendments_stand_in_no_region() -> None:
    alone, beside = (
        view(log_of(*HISTORY)),
        view(log_of(*HISTORY, pending(9, title="Not yet", contracts={"a": "minor"}))),
    )
    assert {name: rendered(name, alone) for name in RENDERERS} == {name: rendered(name, beside) for name in RENDERERS}


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (log_of(*HISTORY), "Specification version **3.0.0** of 2026-05-07, with 3 amendments, sections 50 to 52."),
        (log_of(HISTORY[0]), "Specification version **2.25.0** of 2026-05-04, with 1 amendment, section 50."),
        (log_of(), "Specification version **2.24.0**. No amendment has been released yet."),
        (log_of(baseline=Baseline("0.0.0", 0)), ""),
    ],
)
def test_the_version_begins_with_that_of_the_spec(log: AmendmentLog, said: str) -> None:
    assert header(log) == said
    assert rendered("version", view(log)).startswith(said or "No contract names this spec yet.")


def test_before_the_first_release_regions_say_so() -> None:
    empty = view(read_amendments("ship", {}))
    assert {name: rendered(name, empty) for name in NAMES} == {
        "amendments": "No amendment has been released yet.",
        "cadence": "No amendment has been released yet.",
        "lessons": "No amendment has taught a lesson yet.",
        "changelog": "No amendment has been released yet.",
    }
    assert "| 2.24.0 |  | 1 to 49 | written elsewhere |" in rendered("cadence", view(log_of(baseline=BASELINE)))


def test_no_text_of_an_author_ends_a_region_or_begins_a_section() -> None:
    """Splicing into a document with text below leaves that text, the markers and the headings as they are."""
    below = "\n\n[the spec]: https://example.org\n\n# After\n\n- a list\n\n```\ncode\n```\n"
    markers = "".join(f"<!-- contract:{name} -->\n<!-- /contract:{name} -->\n\n" for name in NAMES)
    document = f"# Before\n\n{markers}{below}".encode()
    log = log_of(*HISTORY)
    contents = {name: rendered(name, view(log)) for name in NAMES}
    written = splice(document, contents)
    regions = find_regions(written)
    assert regions.problems == ()
    assert {one.name: one.content for one in regions.found} == contents
    assert written.endswith(below.encode())
    assert splice(written, contents) == written


def test_statements_are_linked_where_one_is_meant() -> None:
    (section,) = log_of(HISTORY[0]).sections
    text = section_text(section, log_of(HISTORY[0]), EVIDENCE)
    assert f"- [`5f3a09c27b1e`](evidence/{next(iter(EVIDENCE))}.json) of packaging" in text
    assert "- `aaaaaaaaaaaa`\n- `bbbbbbbbbbbb`" in text, "two are meant, and none"
