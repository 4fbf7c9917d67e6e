"""Evidence is only ever added to: what a later state lacks of an earlier one is named."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from falsifiable.evidence import Repository, Review, deletions, envelope_of, sha256_of
from tests.evidence.builders import a_key, a_repository, commit_all, contract, sha, statement

STATEMENT = statement(contract()).data
SIGNED = envelope_of(STATEMENT, a_key())
REVIEW = envelope_of(Review("ship", sha256_of(STATEMENT), "alice", "2026-11-21T17:50:00Z").data, a_key("alice"))
PLACE = f"spec/ship/evidence/{sha256_of(STATEMENT)}.json"
SIGNATURE = f"spec/ship/evidence/{SIGNED.file_name}"
REVIEWED = f"spec/ship/reviews/{REVIEW.file_name}"
BEFORE = {PLACE: STATEMENT, SIGNATURE: SIGNED.data, REVIEWED: REVIEW.data, "spec/ship/spec.md": b"# The ship"}


def without(path: str) -> dict[str, bytes]:
    return {one: data for one, data in BEFORE.items() if one != path}


def test_adding_deletes_nothing() -> None:
    more = statement(contract(), run_id="more").data
    assert deletions(BEFORE, {**BEFORE, f"spec/ship/evidence/{sha256_of(more)}.json": more}) == ()
    assert deletions({}, BEFORE) == ()


def test_what_was_deleted_is_named() -> None:
    for path, kind in ((PLACE, "statement"), (SIGNATURE, "signature"), (REVIEWED, "review")):
        (one,) = deletions(BEFORE, without(path))
        assert (one.path, one.kind, one.happened) == (path, kind, "deleted")
        assert str(one) == f"{path}: this {kind} was deleted; evidence is only ever added to: restore it"


def test_what_was_altered_is_named() -> None:
    for path in (PLACE, SIGNATURE, REVIEWED):
        (one,) = deletions(BEFORE, {**BEFORE, path: BEFORE[path] + b"\n"})
        assert (one.path, one.happened) == (path, "altered")


def test_other_files_are_free_to_change() -> None:
    assert deletions(BEFORE, without("spec/ship/spec.md")) == ()
    readme = {"spec/ship/evidence/README.md": b"about", "evidence/x.json": b"{}"}
    assert deletions(readme, {}) == ()


def test_evidence_moved_to_another_spec_is_gone_from_its_own() -> None:
    moved = {path.replace("/ship/", "/boat/"): data for path, data in BEFORE.items()}
    assert {one.path for one in deletions(BEFORE, moved)} == {PLACE, SIGNATURE, REVIEWED}


def test_what_never_was_evidence_may_be_mended_or_removed() -> None:
    torn = {
        PLACE: STATEMENT[:50],
        SIGNATURE: SIGNED.data[:50],
        f"spec/ship/evidence/{sha('a')}.{a_key().keyid}.dsse.json": SIGNED.data,
        f"spec/ship/evidence/{sha256_of(STATEMENT)}.{sha('b')}.dsse.json": SIGNED.data,
        "spec/ship/evidence/notes.dsse.json": SIGNED.data,
    }
    assert deletions(torn, {}) == ()
    assert deletions(torn, BEFORE) == ()


@given(st.sets(st.sampled_from(sorted(BEFORE))), st.sets(st.sampled_from(sorted(BEFORE))))
def test_what_is_kept_is_never_named_and_what_is_lost_always(before: set[str], after: set[str]) -> None:
    found = deletions({one: BEFORE[one] for one in before}, {one: BEFORE[one] for one in after})
    assert {one.path for one in found} == before - after - {"spec/ship/spec.md"}


def test_between_two_commits(tmp_path: Path) -> None:
    a_repository(tmp_path)
    for path, data in BEFORE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    before = commit_all(tmp_path)
    (tmp_path / PLACE).unlink()
    (tmp_path / REVIEWED).write_bytes(REVIEW.data + b" ")
    (tmp_path / "spec/ship/spec.md").write_text("# Another")
    after = commit_all(tmp_path)
    repository = Repository(tmp_path)
    found = deletions(repository.files_at(before, "spec"), repository.files_at(after, "spec"))
    assert {one.path: one.happened for one in found} == {PLACE: "deleted", REVIEWED: "altered"}
