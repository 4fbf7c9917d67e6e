from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falsifiable.contracts.model import Contract
from falsifiable.evidence import Repository, Statement, read_evidence
from falsifiable.spec import Recording, open_ledger, record
from falsifiable.validation.results import ContractResult
from tests.evidence.builders import (
    CODE,
    FALLEN,
    ON_CPU,
    artifact,
    claim,
    commit_all,
    contract,
    git,
    judgement,
    on_cuda,
    result,
    sha,
    unbound,
)

CONTRACT = on_cuda("packaging", claim("ROWS"), claim("CAUSAL", "model.causal"))
ROWS = judgement(CONTRACT)
JUDGED = result(CONTRACT, observations=(ON_CPU,))


def recorded(root: Path, seen: ContractResult = JUDGED, of: Contract = CONTRACT, **more: Any) -> Recording:
    return record(root, [of], [seen], code=CODE, repository=Repository(root), **more)


def evidence_of(root: Path) -> tuple[Statement, ...]:
    return read_evidence(root / "spec" / "ship" / "evidence").statements


def evidence(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "spec" / "ship" / "evidence").glob("*"))


def test_a_result_becomes_a_statement_and_fills_the_regions(workspace: Path) -> None:
    (one,) = recorded(workspace).statements
    assert evidence(workspace) == [one.sha256]
    assert one.written == workspace / "spec" / "ship" / "evidence" / f"{one.sha256}.json"
    text = (workspace / "spec" / "ship" / "spec.md").read_text()
    assert text.startswith("# The ship\n\nWritten by people.\n\n<!-- contract:version sha256=")
    assert f"| packaging | 1.0.0 | INTEGRATION | `{Repository(workspace).head[:12]}` | `{one.sha256[:12]}` |" in text  # type: ignore[index]


def test_recording_the_same_again_changes_nothing(workspace: Path) -> None:
    first = recorded(workspace).statements[0]
    before = (workspace / "spec" / "ship" / "spec.md").read_bytes()
    commit_all(workspace, "evidence")
    again = recorded(workspace)
    assert (again.statements[0].written, again.statements[0].sha256) == (None, first.sha256)
    assert again.specs[0].written == ()
    assert evidence(workspace) == [first.sha256]
    assert (workspace / "spec" / "ship" / "spec.md").read_bytes() == before


def test_another_verdict_supersedes_the_earlier_evidence(workspace: Path) -> None:
    first = recorded(workspace).statements[0]
    second = recorded(workspace, result(CONTRACT, judgement(CONTRACT, verdict=FALLEN))).statements[0]
    assert evidence(workspace) == sorted([first.sha256, second.sha256])
    (statement,) = [
        one for one in read_evidence(workspace / "spec/ship/evidence").statements if one.sha256 == second.sha256
    ]
    assert statement.supersedes == (first.sha256,)


def test_two_heads_are_joined_into_one(workspace: Path) -> None:
    first = recorded(workspace).statements[0]
    folder = workspace / "spec" / "ship" / "evidence"
    aside = (folder / f"{first.sha256}.json").rename(workspace / "aside")
    second = recorded(workspace, result(CONTRACT, judgement(CONTRACT, verdict=FALLEN))).statements[0]
    aside.rename(folder / f"{first.sha256}.json")
    joined = recorded(workspace).statements[0]
    (statement,) = [one for one in read_evidence(folder).statements if one.sha256 == joined.sha256]
    assert statement.supersedes == tuple(sorted([first.sha256, second.sha256]))


def test_absence_refutes_nothing(workspace: Path) -> None:
    """Recording where the files are not does not take back what was recorded where they were."""
    first = recorded(workspace).statements[0]
    unseen = (replace(ON_CPU, source="absent", value=None),)
    seen = result(CONTRACT, ROWS, unbound(CONTRACT, CONTRACT.falsifiers[1]), observations=unseen)
    kept = recorded(workspace, seen).statements[0]
    assert (kept.written, kept.sha256, kept.absent) == (None, first.sha256, ("CAUSAL",))


def test_evidence_about_what_is_not_here_stands_beside_what_is_new(workspace: Path) -> None:
    """A claim may be amended on a machine without the checkpoint: the other claims keep what they earned."""
    first = recorded(workspace).statements[0]
    amended = replace(CONTRACT, falsifiers=(replace(CONTRACT.falsifiers[0], claim="Anew"), CONTRACT.falsifiers[1]))
    seen = result(amended, *(unbound(amended, one) for one in amended.falsifiers))
    second = recorded(workspace, seen, amended).statements[0]
    assert (second.written is None, second.absent) == (False, ("CAUSAL",))
    again = recorded(workspace, seen, amended).statements[0]
    assert (again.written, again.sha256) == (None, second.sha256)
    (standing,) = open_ledger(workspace, [amended], CODE, Repository(workspace)).standings()
    assert [(one.shown, one.rests_on) for one in standing.falsifiers] == [
        ("PARTIAL (stale: INTEGRATION)", second.sha256),
        ("INTEGRATION", first.sha256),
    ]
    both = recorded(workspace, result(amended, observations=(ON_CPU,)), amended).statements[0]
    (statement,) = [one for one in evidence_of(workspace) if one.sha256 == both.sha256]
    assert statement.supersedes == (second.sha256,), "which supersedes the first"


def test_a_mended_claim_stands_though_another_could_not_be_judged_here(workspace: Path) -> None:
    """Recording again without --run-commands: what was judged anew counts anew, what was not keeps its word."""
    fallen = judgement(CONTRACT, verdict=FALLEN, artifacts=(artifact(digest=sha("b")),))
    causal = CONTRACT.falsifiers[1]
    first = recorded(workspace, result(CONTRACT, fallen, judgement(CONTRACT, causal), observations=(ON_CPU,)))
    not_run = unbound(CONTRACT, causal, cause="commands", on_specimen=None)
    second = recorded(workspace, result(CONTRACT, ROWS, not_run, observations=(ON_CPU,)))
    assert second.statements[0].absent == ("CAUSAL",)
    (standing,) = open_ledger(workspace, [CONTRACT], CODE, Repository(workspace)).standings()
    assert [(one.shown, one.rests_on) for one in standing.falsifiers] == [
        ("INTEGRATION", second.statements[0].sha256),
        ("INTEGRATION", first.statements[0].sha256),
    ]
    again = recorded(workspace, result(CONTRACT, ROWS, not_run, observations=(ON_CPU,))).statements[0]
    assert (again.written, again.sha256) == (None, second.statements[0].sha256)


@pytest.mark.parametrize(
    "seen",
    [
        result(CONTRACT, ROWS, unbound(CONTRACT, CONTRACT.falsifiers[1], cause="crashed"), observations=(ON_CPU,)),
        result(CONTRACT, ROWS, observations=(ON_CPU,)),
        replace(JUDGED, observations=(replace(ON_CPU, value="tpu"),)),
        replace(JUDGED, claims_digest=sha("0")),
        result(CONTRACT, judgement(CONTRACT, source_digest=sha("0")), observations=(ON_CPU,)),
        result(CONTRACT, judgement(CONTRACT, artifacts=(artifact(digest=sha("b")),)), observations=(ON_CPU,)),
    ],
)
def test_whatever_else_differs_is_recorded(workspace: Path, seen: ContractResult) -> None:
    recorded(workspace)
    assert recorded(workspace, seen).statements[0].written is not None


def test_clean_evidence_replaces_uncommitted_evidence_and_not_the_reverse(workspace: Path) -> None:
    change = workspace / "contracts" / "packaging.yaml"
    committed = change.read_text()
    change.write_text("contract: changed\n")
    dirty = recorded(workspace).statements[0]
    change.write_text(committed)
    clean = recorded(workspace).statements[0]
    assert clean.sha256 != dirty.sha256
    change.write_text("contract: changed\n")
    assert recorded(workspace).statements[0].sha256 == clean.sha256


def test_evidence_outside_this_history_is_recorded_again(workspace: Path) -> None:
    git(workspace, "checkout", "-q", "-b", "aside")
    (workspace / "contracts" / "aside.yaml").write_text("contract: aside\n")
    commit_all(workspace)
    first = recorded(workspace).statements[0]
    git(workspace, "checkout", "-q", "main")
    assert recorded(workspace).statements[0].sha256 != first.sha256


def test_a_branch_leaves_the_regions_alone_unless_asked(workspace: Path) -> None:
    git(workspace, "checkout", "-q", "-b", "feature")
    before = (workspace / "spec" / "ship" / "spec.md").read_bytes()
    assert recorded(workspace).specs == ()
    assert (workspace / "spec" / "ship" / "spec.md").read_bytes() == before
    assert recorded(workspace, regions=True).specs[0].written == ("version", "scoreboard", "missing")
    git(workspace, "checkout", "-q", "-b", "trunk")
    assert recorded(workspace, main_line="trunk").specs[0].written == ()


def test_a_contract_is_named_by_its_path_in_the_workspace(workspace: Path) -> None:
    folder = workspace / "spec" / "ship" / "evidence"
    recorded(workspace, of=replace(CONTRACT, path=workspace / "contracts" / "packaging.yaml"))
    assert read_evidence(folder).statements[0].contract_file == "contracts/packaging.yaml"
    shipped = contract("shipped", claim("SHIPPED"), spec=None, path=Path("/usr/lib/contracts/runtime/shipped.yaml"))
    recorded(workspace, result(shipped), shipped)
    (one,) = read_evidence(workspace / "spec" / "shipped" / "evidence").statements
    assert one.contract_file == "runtime/shipped.yaml"


def test_a_contract_that_moved_to_another_spec_replaces_what_it_left_behind(workspace: Path) -> None:
    """Otherwise the old statement would speak for ever, beside whatever is recorded later."""
    first = recorded(workspace).statements[0]
    moved = replace(CONTRACT, spec="boat")
    second = recorded(workspace, result(moved, judgement(moved, verdict=FALLEN)), moved).statements[0]
    (statement,) = read_evidence(workspace / "spec" / "boat" / "evidence").statements
    assert (statement.sha256, statement.supersedes) == (second.sha256, (first.sha256,))
