"""``contract amend``: what its author sees, from a new file to a release."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from falsifiable.contracts import read_amendment
from falsifiable.contracts.versions import Bump
from tests.evidence.builders import commit_all, git
from tests.golden.comparison import assert_golden
from tests.spec.releasing import a_spec, amend, edit, tree, write


@pytest.fixture
def spec(here: Path) -> Path:
    """The workspace of the tests of releases, in the current folder."""
    return a_spec(here)


@pytest.fixture
def alone(spec: Path) -> Path:
    """The same, with one spec: nobody has to say which."""
    (spec / "contracts/thunder/window.yaml").unlink()
    commit_all(spec)
    return spec


def pending(root: Path) -> list[Path]:
    return sorted((root / "spec/ship/amendments").glob("*.md"))


# --- new -------------------------------------------------------------------------------------------------------------


def test_a_new_amendment_is_a_file_of_its_own_and_its_path_is_printed(alone, contract):
    done = contract("amend", "new", "Größe: `x`, 100 %", "--contract", "packaging=patch", "--contract", "gpu=major")
    assert done.code == 0
    (path,) = pending(alone)
    assert done.out == f"{path.relative_to(alone)}\n", "for a program to read"
    assert re.fullmatch(r"\d{8}T\d{6}Z-groe-x-100-[0-9a-f]{8}\.md", path.name)
    assert "next: fill in what reads '...', see contract amend preview --spec ship" in done.err
    said = read_amendment(path).amendment
    assert (said.amendment, said.bump) == ("Größe: `x`, 100 %", "major"), "as far as the farthest contract"
    assert said.moves_contracts == {"packaging": Bump.PATCH, "gpu": Bump.MAJOR}
    assert contract("record", "--check").code == 1, "the regions were never written"
    assert contract("validate", "--no-run").code == 0, "an unfinished amendment stands in nobody's way"


def test_one_that_is_brought_from_elsewhere_keeps_its_time(alone, contract):
    assert contract("amend", "new", "Found in May", "--created", "2026-05-04T09:00:00Z").code == 0
    (path,) = pending(alone)
    assert path.name.startswith("20260504T090000Z-found-in-may-")
    assert read_amendment(path).amendment.created == "2026-05-04T09:00:00Z"
    assert "\ncontracts: {}\n" in path.read_text()


def test_the_same_title_twice_is_two_files(alone, contract):
    for _ in range(2):
        assert contract("amend", "new", "A thought").code == 0
    assert len(pending(alone)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["T", "--spec", "ships"], "there is no spec 'ships'; did you mean 'ship'? specs: ship, thunder"),
        (["T"], "say which spec: --spec SPEC; there are ship, thunder"),
        (["T", "--spec", "ship", "--contract", "packaging"], "should read NAME=BUMP, BUMP one of patch, minor, major"),
        (["T", "--spec", "ship", "--contract", "packaging=none"], "should read NAME=BUMP"),
        (["T", "--spec", "ship", "--contract", "packagin=patch"], "did you mean 'packaging'?"),
        (["T", "--spec", "ship", "--contract", "window=patch"], "window belongs to spec thunder"),
        (["T", "--spec", "ship", "--contract", "gpu=major", "--bump", "minor"], "error AMENDMENT-BUMP"),
        (["two\nlines", "--spec", "ship"], "amendment: expected a title of one line"),
        ([" ", "--spec", "ship"], "amendment: expected a title of one line"),
        (["a\x1bb", "--spec", "ship"], "amendment: expected a title of one line, without control characters"),
        (["T", "--spec", "../ship"], "there is no spec '../ship'"),
        (["T", "--spec", "ship", "--created", "yesterday"], "expected a time in UTC such as 2026-11-21T17:50:00Z"),
        (["T", "--spec", "ship", "--created", "2026-02-30T00:00:00Z"], "there is no such time"),
        (["T", "--spec", "ship", "--created", "../../../x"], "expected a time in UTC"),
    ],
)
def test_what_cannot_be_amended_is_told_and_nothing_is_written(spec, contract, arguments, said):
    before = tree(spec)
    done = contract("amend", "new", *arguments)
    assert done.code == 4
    assert said in done.err
    assert tree(spec) == before


def test_a_workspace_without_a_spec_says_how_to_have_one(here, contract):
    done = contract("amend", "new", "T")
    assert done.code == 4
    assert "a contract names its spec" in done.err


# --- list and show ---------------------------------------------------------------------------------------------------


@pytest.fixture
def history(alone: Path, contract) -> Path:
    """A spec with one section released and one amendment pending."""
    amend(alone, 1, title="The `first`", contracts={"packaging": "minor"}, lessons=["Measure."], supersedes=[12])
    assert contract("amend", "release").code == 0
    commit_all(alone)
    amend(alone, 2, "00000002", title="The second", contracts={"gpu": "patch"})
    return alone


def test_all_amendments_are_listed(history, contract):
    done = contract("amend", "list")
    assert done.code == 0
    assert done.out == (
        "ship 2.25.0: 1 section released here, 1 pending\n"
        "       50  2.25.0     2026-05-01  The `first`\n"
        "  pending  minor      2026-05-02  The second\n"
        "           spec/ship/amendments/20260502T090000Z-exports-are-read-00000002.md\n"
    )


def test_a_program_reads_the_same_list(history, contract):
    (of_spec,) = json.loads(contract("amend", "list", "--format", "json").out)
    assert (of_spec["spec"], of_spec["version"], of_spec["last_section"]) == ("ship", "2.25.0", 50)
    (released,), (waiting,) = of_spec["released"], of_spec["pending"]
    assert released["path"] == (
        "spec/ship/amendments/released/2.25.0/0050-20260501T090000Z-exports-are-read-00000001.md"
    )
    assert (released["section"], released["contracts"], released["supersedes"]) == (50, {"packaging": "minor"}, [12])
    assert (waiting["title"], waiting["bump"], waiting["contracts"]) == ("The second", "minor", {"gpu": "patch"})


def test_an_amendment_with_a_fault_is_listed_and_told(history, contract):
    (path,) = pending(history)
    path.write_text(path.read_text().replace("bump: minor", "bump: huge"))
    done = contract("amend", "list", "--spec", "ship")
    assert done.code == 4
    assert "pending  cannot be read, see its faults" in done.out
    assert "00000002.md:4:7: error AMENDMENT-VALUE" in done.err
    assert contract("validate", "--no-run").code == 4
    assert json.loads(contract("amend", "list", "--format", "json").out)[0]["pending"][0]["faults"]


def test_a_section_is_shown_as_it_reads_in_the_spec(history, contract):
    shown = contract("amend", "show", "50")
    assert shown.code == 0
    assert shown.out.strip() in (history / "spec/ship/spec.md").read_text()
    assert json.loads(contract("amend", "show", "50", "--format", "json").out)["title"] == "The `first`"


def test_a_pending_amendment_is_shown_by_its_path_or_a_part_of_its_name(history, contract):
    (path,) = pending(history)
    by_path = contract("amend", "show", path)
    assert by_path.code == 0
    assert by_path.out.startswith("## 51. The second\n\nVersion pending, written 2026-05-02; bump: minor")
    assert contract("amend", "show", "00000002").out == by_path.out
    assert json.loads(contract("amend", "show", path, "--format", "json").out)["title"] == "The second"


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("49", "ship has no section 49 that is kept here; kept are 50 to 50"),
        ("third", "no pending amendment is called 'third'; there are\n  spec/ship/amendments/20260502T"),
        ("exports", "2 pending amendments are called 'exports'; there are\n"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(history, contract, which, said):
    if which == "exports":
        amend(history, 3, "00000003")
    done = contract("amend", "show", which)
    assert done.code == 4
    assert said in done.err


def test_a_faulty_pending_file_is_shown_by_its_faults(history, contract):
    (path,) = pending(history)
    path.write_text("no front matter")
    done = contract("amend", "show", path)
    assert (done.code, done.out) == (4, "")
    assert "AMENDMENT-FRONT-MATTER" in done.err


# --- preview ---------------------------------------------------------------------------------------------------------


def test_a_preview_reads_as_it_was_kept(history, contract):
    edit(history, "contracts/ship/packaging.yaml", "{at_least: 100}", "{at_least: 90}", commit=False)
    before = tree(history)
    done = contract("amend", "preview")
    assert done.code == 4
    assert tree(history) == before
    assert_golden("amend-preview.txt", done.out)


def test_a_preview_that_nothing_speaks_against_ends_well(history, contract):
    done = contract("amend", "preview", "--format", "json")
    assert done.code == 0
    seen = json.loads(done.out)
    assert (seen["before"], seen["version"], seen["date"]) == ("2.25.0", "2.26.0", "2026-05-02")
    assert [one["section"] for one in seen["sections"]] == [51]
    assert seen["contracts"] == [
        {"contract": "gpu", "path": "contracts/ship/gpu.yaml", "before": "1.4.2", "after": "1.4.3", "bump": "patch"}
    ]
    assert {(one["contract"], one["version"], one["status"]) for one in seen["scoreboard"]} == {
        ("gpu", "1.4.3", "PROPOSED"),
        ("packaging", "1.5.0", "PROPOSED"),
    }
    assert (seen["against"], seen["stale"], seen["demanded"]) == ([], [], {})
    assert seen["ship"] == {"discharged": 0, "declared": 5, "percent": 0}


def test_a_preview_of_nothing_says_so(alone, contract):
    done = contract("amend", "preview")
    assert done.code == 3
    assert done.out.startswith("ship 2.24.0: no amendment is pending that could be released\n")
    assert "nothing speaks against it" in done.out


def test_a_preview_without_history_says_what_it_lacks(history, contract, monkeypatch):
    git(history, "clone", "-q", "--depth", "1", f"file://{history}", "clone")
    monkeypatch.chdir(history / "clone")
    done = contract("amend", "preview")
    assert done.code == 0
    assert "contracts were not compared with the last release: this is a shallow clone; fetch the whole" in done.out


# --- release ---------------------------------------------------------------------------------------------------------


def test_a_release_says_what_it_did_and_what_to_do_next(history, contract):
    done = contract("amend", "release", "--spec", "ship")
    assert done.code == 0
    assert done.out == (
        "released ship 2.25.0 -> 2.26.0, dated 2026-05-02\n"
        "  section 51: The second\n"
        "  contract gpu: 1.4.2 -> 1.4.3 (patch)\n"
        "  wrote version, scoreboard, missing, cadence, amendments in spec/ship/spec.md\n"
        "  wrote changelog in spec/ship/CHANGELOG.md\n"
        "next: look at it, and commit all of it: git add --all contracts spec/ship\n"
    )
    git(history, "add", "--all", "contracts", "spec/ship")
    assert git(history, "status", "--porcelain", "contracts", "spec").count("\n") == 3, "all of it, and nothing else"
    commit_all(history)
    assert contract("record", "--check").code == 0
    again = contract("amend", "release")
    assert (again.code, again.out) == (0, "nothing to release: no amendment of ship is pending at 2.26.0\n")


def test_a_program_is_told_what_was_released(history, contract):
    done = json.loads(contract("amend", "release", "--format", "json").out)
    assert (done["version"], [one["title"] for one in done["sections"]]) == ("2.26.0", ["The second"])


def test_a_release_that_is_refused_says_why_and_ends_4(history, contract):
    edit(history, "contracts/ship/packaging.yaml", "{at_least: 100}", "{at_least: 90}")
    before = tree(history)
    done = contract("amend", "release")
    assert (done.code, done.out) == (4, "")
    assert "contract packaging changed since the last release, and no pending amendment names it" in done.err
    assert "ship was not released: the pending amendments cannot be released as they are" in done.err
    assert tree(history) == before


def test_a_release_on_a_branch_takes_a_flag(history, contract):
    git(history, "checkout", "-q", "-b", "topic")
    done = contract("amend", "release")
    assert done.code == 4
    assert "--regions releases here all the same" in done.err
    assert contract("amend", "release", "--regions").code == 0


def test_a_release_without_history_could_not_be_run(history, contract, monkeypatch):
    git(history, "clone", "-q", "--depth", "1", f"file://{history}", "clone")
    monkeypatch.chdir(history / "clone")
    done = contract("amend", "release")
    assert done.code == 2
    assert "fetch-depth: 0" in done.err


# --- record --check --------------------------------------------------------------------------------------------------


def test_pending_amendments_are_noted_and_fail_nothing(history, contract):
    done = contract("record", "--check")
    assert done.code == 0
    (path,) = pending(history)
    assert f"{path.relative_to(history)}: this amendment is pending: 'The second', minor" in done.out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gpu: patch", "gpus: patch", "AMENDMENT-CONTRACT-UNKNOWN"),
        ("net_effect: |", "supersedes: [99]\nnet_effect: |", "AMENDMENT-SECTION-UNKNOWN"),
        ("net_effect: |", 'evidence: ["000000000000"]\nnet_effect: |', "AMENDMENT-EVIDENCE-UNKNOWN"),
        ("bump: minor", "bump: huge", "AMENDMENT-VALUE"),
    ],
)
def test_a_fault_of_a_pending_amendment_is_out_of_date(history, contract, old, new, said):
    (path,) = pending(history)
    edit(history, str(path.relative_to(history)), old, new)
    done = contract("record", "--check")
    assert done.code == 1
    assert said in done.out


def test_a_released_amendment_that_was_edited_is_out_of_date(history, contract):
    path = next((history / "spec/ship/amendments/released").rglob("*.md"))
    path.write_text(path.read_text().replace("The export holds", "The export held"))
    done = contract("record", "--check")
    assert done.code == 1
    assert "region amendments is out of date" in done.out


def test_a_released_amendment_that_was_removed_is_out_of_date(history, contract):
    next((history / "spec/ship/amendments/released").rglob("*.md")).unlink()
    done = contract("record", "--check")
    assert done.code == 1
    assert {"amendments", "cadence", "lessons", "version", "changelog"} <= set(
        re.findall(r"region (\w+) is out of date", done.out)
    )


def test_a_changelog_edited_by_hand_is_out_of_date(history, contract):
    edit(history, "spec/ship/CHANGELOG.md", "- Section 50:", "- Section 49:")
    done = contract("record", "--check")
    assert done.code == 1
    assert "spec/ship/CHANGELOG.md" in done.out
    assert "region changelog was edited by hand" in done.out
    assert contract("record", "--check", "--base", "HEAD~1").code == 1


def test_a_note_that_is_no_amendment_is_out_of_date(history, contract):
    write(history / "spec/ship/amendments/notes.md", "# Notes\n")
    done = contract("record", "--check")
    assert done.code == 1
    assert "spec/ship/amendments/notes.md:1: AMENDMENT-FILE-NAME" in done.out


def test_a_link_among_the_contracts_could_not_be_released_nor_compared(history, contract):
    """Its bytes would be those of another file, so that no commit says what was released."""
    (history / "contracts/ship/link.yaml").symlink_to("../../elsewhere.yaml")
    text = (history / "contracts/ship/gpu.yaml").read_text()
    write(history / "elsewhere.yaml", text.replace("contract: gpu", "contract: link").replace("GPU-", "LINK-"))
    commit_all(history)
    done = contract("amend", "release")
    assert done.code == 2
    assert "ship was not released: contracts/ship/link.yaml is a link" in done.err
    assert contract("amend", "preview").code == 0, "the last release had none"
