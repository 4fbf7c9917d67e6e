from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.contracts.model import Contract, Criterion
from falsifiable.evidence import GitError, Repository, evidence_folder, write_statement
from falsifiable.spec import Finding, check_specs, find_regions, open_ledger, record, update_regions
from falsifiable.spec.regions import content_digest
from falsifiable.status import JudgingCode
from falsifiable.validation.results import ContractResult
from tests.evidence.builders import (
    CODE,
    FALLEN,
    ON_CPU,
    claim,
    commit_all,
    context,
    git,
    judgement,
    on_cuda,
    result,
    sha,
    statement,
)

ROWS = claim("ROWS", parameters={"bound": {"at_least": 0.999}})
CONTRACT = on_cuda("packaging", ROWS, claim("CAUSAL", "model.causal"))
JUDGED = result(CONTRACT, observations=(ON_CPU,))
SCOREBOARD = "<!-- contract:scoreboard -->\n<!-- /contract:scoreboard -->\n"
MISSING = "<!-- contract:missing -->\n<!-- /contract:missing -->"


def recorded(root: Path, seen: ContractResult = JUDGED, *, regions: bool = False) -> str:
    done = record(root, [CONTRACT], [seen], code=CODE, repository=Repository(root), regions=regions)
    commit_all(root, "record")
    return done.statements[0].sha256


def check(
    root: Path, contracts: Sequence[Contract] = (CONTRACT,), code: JudgingCode = CODE, base: str | None = None
) -> tuple[Finding, ...]:
    repository = Repository(root)
    return check_specs(open_ledger(root, contracts, code, repository), repository, base=base)


def errors(findings: Sequence[Finding]) -> list[str]:
    return [f"{one.kind} {one}" for one in findings if one.severity == "error"]


def edit(root: Path, old: str, new: str) -> None:
    path = root / "spec" / "ship" / "spec.md"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_was_just_recorded_is_in_step(workspace: Path) -> None:
    recorded(workspace)
    assert check(workspace) == ()


def test_regions_that_were_never_written_are_out_of_date(workspace: Path) -> None:
    found = check(workspace)
    assert [(one.kind, one.severity, one.line) for one in found] == [
        ("out-of-date", "error", line) for line in (5, 8, 11)
    ]


@pytest.mark.bad_input(110)
def test_a_status_edited_by_hand_is_named_by_cell(workspace: Path) -> None:
    recorded(workspace)
    edit(workspace, "| INTEGRATION | DISCHARGED |", "| DISCHARGED | DISCHARGED |")
    (found,) = errors(check(workspace))
    assert found.startswith("edited spec/ship/spec.md:")
    assert "region scoreboard was edited by hand" in found
    assert "ROWS, Status: says DISCHARGED, the evidence says INTEGRATION" in found


@pytest.mark.bad_input(110)
def test_an_edit_that_forges_the_marker_is_still_out_of_date(workspace: Path) -> None:
    recorded(workspace)
    edit(workspace, "packaging | 1.0.0 | INTEGRATION", "packaging | 1.0.0 | DISCHARGED")
    path = workspace / "spec" / "ship" / "spec.md"
    region = find_regions(path.read_bytes()).found[0]
    edit(workspace, region.attributes["sha256"], content_digest(region.content))
    assert "Status: says DISCHARGED, the evidence says INTEGRATION" in errors(check(workspace))[0]
    assert errors(check(workspace))[0].startswith("out-of-date")


def test_a_marker_whose_digest_alone_was_changed_is_reported_and_mended(workspace: Path) -> None:
    recorded(workspace)
    edit(workspace, "sha256=", "sha256=0")
    assert "its content is right, the digest in its marker is not" in errors(check(workspace))[0]
    recorded(workspace)
    assert check(workspace) == ()


@pytest.mark.bad_input(109)
def test_an_edited_evidence_file_is_named_and_so_is_what_it_takes_away(workspace: Path) -> None:
    digest = recorded(workspace)
    path = workspace / "spec" / "ship" / "evidence" / f"{digest}.json"
    path.write_bytes(path.read_bytes().replace(b'"value":0.9999', b'"value":1.0000'))
    found = errors(check(workspace))
    assert found[0].startswith(f"evidence spec/ship/evidence/{digest}.json: was edited or cut")
    assert any("packaging, Status: says INTEGRATION, the evidence says PROPOSED" in one for one in found)


@pytest.mark.bad_input(109, 116)
def test_a_deleted_evidence_file_leaves_the_regions_out_of_date(workspace: Path) -> None:
    digest = recorded(workspace)
    (workspace / "spec" / "ship" / "evidence" / f"{digest}.json").unlink()
    assert {one.kind for one in check(workspace)} == {"out-of-date"}


@pytest.mark.bad_input(114)
def test_a_changed_source_is_named_with_what_it_demotes(workspace: Path) -> None:
    recorded(workspace)
    changed = JudgingCode({**CODE.source_digests, "model.causal": sha("0")}, 1)
    found = errors(check(workspace, code=changed))
    assert any(one.startswith("out-of-date") for one in found)
    assert (
        "the source of check model.causal changed; this demotes CAUSAL from INTEGRATION to PROPOSED, "
        "contract packaging from INTEGRATION to PROPOSED (record again)" in found[-1]
    )


@pytest.mark.bad_input(114)
def test_a_changed_threshold_is_named_with_what_it_demotes(workspace: Path) -> None:
    recorded(workspace)
    loosened = replace(
        CONTRACT, falsifiers=(replace(ROWS, parameters={"bound": {"at_least": 0.9}}), CONTRACT.falsifiers[1])
    )
    (found,) = [one for one in errors(check(workspace, [loosened])) if one.startswith("stale")]
    assert 'claim ROWS changed: its `with` was {"bound": {"at_least": 0.999}}, is {"bound": {"at_least": 0.9}}' in found
    assert "this demotes ROWS from INTEGRATION to PROPOSED" in found


def test_a_changed_discharge_condition_is_named(workspace: Path) -> None:
    recorded(workspace)
    other = replace(CONTRACT, discharge={"run": {"device": Criterion(equals="cpu")}})
    found = check(workspace, [other])
    (stale,) = [one for one in found if one.kind == "stale"]
    assert "run.device changed: was equal to cuda, is equal to cpu; this demotes nothing" in stale.message
    assert stale.severity == "note", "what demotes nothing is no error"
    assert errors(found), "the region that shows the condition is"


def test_stale_evidence_is_named_itself_and_not_what_took_its_place(workspace: Path) -> None:
    """After a merge two statements speak for a contract, and only one of them of the claim as it is now."""
    old = recorded(workspace)
    changed = replace(ROWS, parameters={"bound": {"at_least": 0.9}, "most": 1})
    contract = replace(CONTRACT, falsifiers=(changed, CONTRACT.falsifiers[1]))
    judged = [judgement(contract, one) for one in contract.falsifiers]
    beside = statement(contract, *judged, observations=(ON_CPU,), context=context(Repository(workspace).head))
    write_statement(evidence_folder(workspace, "ship"), beside)
    update_regions(open_ledger(workspace, [contract], CODE, Repository(workspace)), "ship")
    edit(workspace, "INTEGRATION", "DISCHARGED")
    found = check(workspace, [contract])
    assert [(one.kind, one.severity) for one in found] == [("edited", "error"), ("stale", "note")]
    assert found[1].path == f"spec/ship/evidence/{old}.json"
    was = 'its `with` was {"bound": {"at_least": 0.999}}, is {"bound": {"at_least": 0.9}, "most": 1}'
    assert f"claim ROWS changed: {was}; this demotes nothing" in found[1].message


def test_a_region_that_tells_of_the_demotion_is_in_step(workspace: Path) -> None:
    recorded(workspace)
    changed = JudgingCode({**CODE.source_digests, "model.causal": sha("0")}, 1)
    update_regions(open_ledger(workspace, [CONTRACT], changed, Repository(workspace)), "ship")
    found = check(workspace, code=changed)
    assert [(one.kind, one.severity) for one in found] == [("stale", "note")]
    assert "PROPOSED (stale: INTEGRATION)" in (workspace / "spec" / "ship" / "spec.md").read_text()


def test_stale_evidence_is_an_error_where_no_region_tells_of_it(workspace: Path) -> None:
    recorded(workspace)
    (workspace / "spec" / "ship" / "spec.md").unlink()
    commit_all(workspace)
    assert [one.severity for one in check(workspace)] == ["note"]
    assert "stale" in errors(check(workspace, code=JudgingCode({}, 1)))[0]


@pytest.mark.bad_input(110)
def test_a_status_typed_in_place_of_every_region_is_an_error(workspace: Path) -> None:
    recorded(workspace)
    (workspace / "spec" / "ship" / "spec.md").write_text("# The ship\n\n**packaging: DISCHARGED**\n")
    (found,) = errors(check(workspace))
    assert found.startswith("marker spec/ship/spec.md: the marker <!-- contract:scoreboard --> is missing")
    assert "put <!-- contract:scoreboard --> and <!-- /contract:scoreboard --> on lines of their own" in found
    assert errors(check(workspace, base="main")) == [found]


def test_a_deleted_spec_is_an_error_and_one_that_never_was_is_not(workspace: Path) -> None:
    (workspace / "spec" / "ship" / "spec.md").unlink()
    commit_all(workspace)
    assert check(workspace) == (), "there is no evidence to show yet"
    recorded(workspace)
    (note,) = check(workspace)
    assert (note.severity, note.message) == ("note", "there is evidence for this spec and no spec.md that shows it")
    (workspace / "spec" / "ship" / "spec.md").write_text(SCOREBOARD)
    recorded(workspace)
    assert check(workspace) == ()
    git(workspace, "checkout", "-q", "-b", "feature")
    (workspace / "spec" / "ship" / "spec.md").unlink()
    (found,) = errors(check(workspace))
    assert "was deleted, and <!-- contract:scoreboard --> with it" in found
    assert "git checkout HEAD -- spec/ship/spec.md" in found
    commit_all(workspace)
    assert "git checkout main -- spec/ship/spec.md" in errors(check(workspace, base="main"))[0]


def test_evidence_of_a_branch_is_pending_and_fails_nothing(workspace: Path) -> None:
    recorded(workspace)
    git(workspace, "checkout", "-q", "-b", "feature")
    newer = recorded(workspace, result(CONTRACT, judgement(CONTRACT, verdict=FALLEN), observations=(ON_CPU,)))
    found = check(workspace)
    assert {(one.kind, one.severity) for one in found} == {("pending", "note")}
    assert f"older than the evidence {newer[:12]}" in found[0].message
    edit(workspace, "| INTEGRATION | DISCHARGED |", "| DISCHARGED | DISCHARGED |")
    assert errors(check(workspace))[0].startswith("edited")


def test_regions_as_they_are_at_the_base_are_accepted(workspace: Path) -> None:
    recorded(workspace)
    git(workspace, "checkout", "-q", "-b", "feature")
    changed = JudgingCode({**CODE.source_digests, "model.causal": sha("0")}, 1)
    assert errors(check(workspace, code=changed))
    accepted = check(workspace, code=changed, base="main")
    assert errors(accepted) == []
    (note,) = [one for one in accepted if one.kind == "pending"]
    assert (note.line, note.message) == (
        5, "regions version, scoreboard, missing are as they were at the base, and would read otherwise now",
    )  # fmt: skip
    edit(workspace, "| INTEGRATION | DISCHARGED |", "| DISCHARGED | DISCHARGED |")
    assert errors(check(workspace, code=changed, base="main"))[0].startswith("edited")
    with pytest.raises(GitError, match="knows no revision 'nowhere'"):
        check(workspace, base="nowhere")


def test_a_base_without_the_spec_accepts_nothing(workspace: Path) -> None:
    recorded(workspace)
    root = git(workspace, "rev-list", "--max-parents=0", "HEAD")
    assert check(workspace, base=root) == ()
    assert errors(check(workspace, code=JudgingCode({}, 1), base=root))


@pytest.mark.bad_input(115)
def test_a_shallow_clone_is_inconclusive_and_says_what_to_fetch(workspace: Path) -> None:
    recorded(workspace)
    (workspace / "contracts" / "more.yaml").write_text("contract: more\n")
    commit_all(workspace)
    git(workspace.parent, "clone", "-q", "--depth", "1", f"file://{workspace}", str(workspace / "clone"))
    clone = workspace / "clone"
    (found,) = check(clone)
    assert (found.kind, found.severity) == ("undecided", "inconclusive")
    assert "fetch-depth: 0" in found.message
    edit(clone, "| INTEGRATION | DISCHARGED |", "| DISCHARGED | DISCHARGED |")
    assert errors(check(clone))[0].startswith("edited"), "what needs no history is still seen"


@pytest.mark.bad_input(111)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<!-- /contract:missing -->\n", "", "region missing begins here and never ends"),
        (MISSING, MISSING.replace("missing", "mising"), "did you mean 'missing'?"),
        (
            MISSING,
            MISSING.replace("missing", "x"),
            "known: amendments, cadence, changelog, lessons, missing, roadmap, scoreboard, ship, version",
        ),
        ("<!-- contract:missing -->", "here <!-- contract:missing -->", "a marker stands within a line of text"),
    ],
)
def test_markers_that_do_not_work_are_errors_and_nothing_is_written(
    workspace: Path, old: str, new: str, said: str
) -> None:
    edit(workspace, old, new)
    before = (workspace / "spec" / "ship" / "spec.md").read_bytes()
    recorded(workspace)
    assert (workspace / "spec" / "ship" / "spec.md").read_bytes() == before
    assert any(one.startswith("marker") and said in one for one in errors(check(workspace)))


def test_a_spec_that_is_not_utf8_is_an_error(workspace: Path) -> None:
    (workspace / "spec" / "ship" / "spec.md").write_bytes(b"\xff")
    recorded(workspace)
    assert "byte 0 is not UTF-8" in errors(check(workspace))[0]
    git(workspace, "checkout", "-q", "-b", "mended")
    (workspace / "spec" / "ship" / "spec.md").write_text(SCOREBOARD)
    update_regions(open_ledger(workspace, [CONTRACT], CODE, Repository(workspace)), "ship")
    assert errors(check(workspace, base="main")) == []


def test_a_hand_edit_is_not_overwritten_unless_asked(workspace: Path) -> None:
    recorded(workspace)
    edit(workspace, "| INTEGRATION | DISCHARGED |", "| DISCHARGED | DISCHARGED |")
    ledger = open_ledger(workspace, [CONTRACT], CODE, Repository(workspace))
    kept = update_regions(ledger, "ship")[0]
    assert (kept.written, [one.kind for one in kept.findings]) == ((), ["edited"])
    assert update_regions(ledger, "ship", discard_edits=True)[0].written == ("scoreboard",)
    assert check(workspace) == ()


def test_long_differences_are_cut(workspace: Path) -> None:
    recorded(workspace)
    edit(workspace, "| CAUSAL |", "| a |\n| b |\n| c |\n| d |\n| e |\n| f |\n| g |\n| CAUSAL |")
    assert "and 2 more" in errors(check(workspace))[0]


def test_evidence_of_a_spec_that_no_contract_names_is_still_verified(workspace: Path) -> None:
    folder = workspace / "spec" / "old" / "evidence"
    folder.mkdir(parents=True)
    (folder / "latest.json").write_text("{}")
    assert "evidence spec/old/evidence/latest.json" in errors(check(workspace))[0]
