"""``audit``: every kind of thing that can be wrong with evidence is found, and nothing that is not."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.contracts import PolicyEntry, TrustPolicy
from falsifiable.evidence import (
    Audit,
    Docket,
    Repository,
    Review,
    Statement,
    audit,
    envelope_of,
    heads,
    read_all_evidence,
    write_review,
    write_signature,
    write_statement,
)
from falsifiable.evidence.git import History
from tests.evidence.builders import (
    Everywhere,
    Nowhere,
    a_key,
    a_policy,
    a_repository,
    commit_all,
    context,
    contract,
    git,
    sha,
    statement,
)

FIRST = statement(contract(), run_id="first")
SECOND = statement(contract(), run_id="second", supersedes=(FIRST.sha256,))
REVIEW = Review("ship", SECOND.sha256, "alice", "2026-11-21T17:50:00Z")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two statements, both signed by ci, and a review of the second."""
    for one in (FIRST, SECOND):
        write_statement(folder(tmp_path), one)
        write_signature(folder(tmp_path), one.data, a_key())
    write_review(tmp_path, REVIEW, a_key("alice"))
    return tmp_path


def folder(root: Path, spec: str = "ship") -> Path:
    return root / "spec" / spec / "evidence"


def signature(root: Path, of: Statement, name: str = "ci") -> Path:
    return folder(root) / f"{of.sha256}.{a_key(name).keyid}.dsse.json"


def audited(
    root: Path,
    *,
    policy: TrustPolicy | None = None,
    history: History | None = None,
    homes: Mapping[str, str] | None = None,
    current: Collection[str] | None = None,
    require_signed: bool = False,
) -> Audit:
    evidence = read_all_evidence(root)
    every = [one for spec in evidence.values() for one in spec.statements]
    speaking = {one.sha256 for one in heads(every)} if current is None else current
    docket = Docket(
        root,
        evidence,
        a_policy() if policy is None else policy,
        history or Everywhere(),
        {"packaging": "ship"} if homes is None else homes,
        speaking,
    )
    return audit(docket, require_signed=require_signed)


def found(audit: Audit) -> list[tuple[str, str]]:
    return [(one.kind, one.severity) for one in audit.findings]


def test_sound_evidence_is_counted_and_nothing_is_found(root: Path) -> None:
    assert audited(root, require_signed=True) == Audit((), statements=2, signed=2, reviews=1)


def test_no_evidence_is_nothing(tmp_path: Path) -> None:
    policy = TrustPolicy({}, {"*": PolicyEntry(("ci",))})
    assert audited(tmp_path, policy=policy) == Audit((), 0, 0, 0)


def test_a_file_that_is_not_what_its_name_says(root: Path) -> None:
    path = folder(root) / f"{SECOND.sha256}.json"
    path.write_bytes(path.read_bytes()[:-1])
    every = audited(root)
    assert ("broken", "error") in found(every)
    assert str(every.findings[0]).startswith(f"spec/ship/evidence/{SECOND.sha256}.json: was edited or cut")


def test_a_forged_signature(root: Path) -> None:
    forged = replace(envelope_of(SECOND.data, a_key("mallory")), keyid=a_key("ci").keyid)
    signature(root, SECOND).write_bytes(forged.data)
    every = audited(root)
    assert found(every) == [("signature", "error")]
    assert every.findings[0].path == f"spec/ship/evidence/{signature(root, SECOND).name}"
    assert every.signed == 1


def test_a_foreign_key_counts_for_nothing_and_is_told(root: Path) -> None:
    write_signature(folder(root), SECOND.data, a_key("mallory"))
    assert found(audited(root, require_signed=True)) == [("signature", "note")], "ci has signed it as well"
    signature(root, SECOND).unlink()
    assert found(audited(root)) == [("signature", "note")]
    assert found(audited(root, require_signed=True)) == [("signature", "note"), ("unsigned", "error")]


def test_only_what_is_current_has_to_be_signed(root: Path) -> None:
    signature(root, FIRST).unlink()
    assert found(audited(root, require_signed=True)) == []
    signature(root, SECOND).unlink()
    assert found(audited(root)) == []
    (one,) = audited(root, require_signed=True).findings
    assert (one.kind, one.severity) == ("unsigned", "error")
    assert "without a signature that counts: nobody has signed it" in one.message


def test_who_may_sign_is_decided_by_the_spec_of_the_contract_wherever_a_statement_lies(root: Path) -> None:
    """Mallory may sign for the boat, and puts a statement about the ship's contract there."""
    forged = statement(contract(), run_id="forged", supersedes=(SECOND.sha256,))
    write_statement(folder(root, "boat"), forged)
    write_signature(folder(root, "boat"), forged.data, a_key("mallory"))
    policy = a_policy(("ci",), ("alice",), "mallory")
    policy = TrustPolicy(policy.signers, {**policy.specs, "boat": PolicyEntry(("mallory",))})
    every = audited(root, policy=policy, require_signed=True)
    assert found(every) == [("signature", "note"), ("unsigned", "error"), ("misplaced", "error")]
    assert every.signed == 2
    as_if_it_were_the_boats = audited(root, policy=policy, homes={"packaging": "boat"})
    assert as_if_it_were_the_boats.signed == 1


def test_a_supersession_that_points_to_nothing(root: Path) -> None:
    (folder(root) / f"{FIRST.sha256}.json").unlink()
    signature(root, FIRST).unlink()
    every = audited(root)
    assert found(every) == [("gap", "error")]
    assert f"supersedes {FIRST.sha256[:12]}, which is no statement about packaging here" in every.findings[0].message


def test_a_supersession_of_another_contract_points_to_nothing(root: Path) -> None:
    write_statement(folder(root), statement(contract("other"), supersedes=(FIRST.sha256,)))
    assert found(audited(root)) == [("gap", "error")]


def test_a_predecessor_may_lie_with_the_spec_that_the_contract_came_from(root: Path) -> None:
    write_statement(folder(root, "boat"), statement(contract(), run_id="third", supersedes=(SECOND.sha256,)))
    policy = TrustPolicy(a_policy().signers, {"*": PolicyEntry(("ci",), ("alice",))})
    assert found(audited(root, policy=policy, homes={"packaging": "boat"})) == []


def test_a_commit_outside_this_history(root: Path) -> None:
    every = audited(root, history=Nowhere())
    assert sorted(found(every)) == [("history", "error"), ("history", "note")], "the first was replaced"
    assert [one.path for one in every.findings if one.severity == "error"] == [
        f"spec/ship/evidence/{SECOND.sha256}.json"
    ]
    assert "record again, or merge the branch" in next(one.hint for one in every.findings if one.severity == "error")
    assert found(audited(root, history=Nowhere(), current=())) == [("history", "note")] * 2


def test_a_history_that_cannot_be_seen(root: Path) -> None:
    assert ("history", "inconclusive") in found(audited(root, history=Nowhere("unknown")))


def test_a_commit_of_a_branch_that_was_not_merged(tmp_path: Path) -> None:
    a_repository(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "aside")
    (tmp_path / "contracts" / "aside.yaml").write_text("contract: aside\n")
    judged = commit_all(tmp_path)
    trees = Repository(tmp_path).trees
    write_statement(folder(tmp_path), statement(contract(), context=context(judged, trees)))
    assert found(audited(tmp_path, history=Repository(tmp_path))) == []
    git(tmp_path, "checkout", "-q", "main")
    assert found(audited(tmp_path, history=Repository(tmp_path))) == [("history", "error")]
    git(tmp_path, "merge", "-q", "aside")
    assert found(audited(tmp_path, history=Repository(tmp_path))) == []


def test_what_stands_in_no_commit_is_outside_none(root: Path) -> None:
    uncommitted = statement(contract("other"), context=context(None))
    write_statement(folder(root), uncommitted)
    assert uncommitted.sha256 not in "".join(one.path for one in audited(root, history=Nowhere()).findings)


def test_reviews_that_are_forged_foreign_or_of_nothing(root: Path) -> None:
    write_review(root, replace(REVIEW, reviewer="bob"), a_key("bob"))
    assert found(audited(root)) == [("review", "note")]
    write_review(root, REVIEW, a_key("mallory"))
    assert found(audited(root)) == [("review", "note")] * 2
    write_review(root, replace(REVIEW, statement=sha("9")), a_key("alice"))
    assert sorted(found(audited(root))) == [("review", "error"), ("review", "note"), ("review", "note")]
    policy = a_policy(("ci",), ("alice", "bob"))
    write_review(root, replace(REVIEW, statement=FIRST.sha256), a_key("bob"))
    severities = sorted(one.severity for one in audited(root, policy=policy).findings)
    assert severities == ["error", "error", "note"], "bob signed in the name of alice"


def test_a_review_that_is_none(root: Path) -> None:
    (path,) = (root / "spec" / "ship" / "reviews").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert found(audited(root)) == [("review", "error")]


def test_what_a_killed_writer_left_harms_nothing_and_is_removed_by_a_later_one(root: Path) -> None:
    left = folder(root) / f".{sha('c')}.json.{'0' * 16}.tmp"
    left.write_bytes(b'{"half')
    assert found(audited(root)) == [("unfinished", "note")]
    write_statement(folder(root), SECOND)
    assert left.exists(), "somebody may be writing it"
    os.utime(left, (0, 0))
    write_statement(folder(root), SECOND)
    assert not left.exists()
    assert found(audited(root)) == []


def test_a_policy_that_names_no_spec_of_this_workspace(root: Path) -> None:
    policy = a_policy()
    misspelt = TrustPolicy(policy.signers, {**policy.specs, "shipp": PolicyEntry(("ci",)), "*": PolicyEntry()})
    (one,) = audited(root, policy=misspelt).findings
    assert (one.kind, one.severity, one.path) == ("policy", "note", "trust.yaml")
    assert "names the spec shipp, which is not in this workspace; there are ship" in one.message


def test_asking_writes_nothing(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    audited(root, require_signed=True)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
