"""Reviews: signed or not there, about one statement of one spec, by the person whose key it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falsifiable.evidence import (
    Review,
    ReviewError,
    canonical_json,
    envelope_of,
    read_reviews,
    reviews_of,
    sha256_of,
    write_review,
)
from falsifiable.evidence.reviews import parse_review
from tests.evidence.builders import a_key, a_policy, sha

REVIEW = Review("ship", sha("a"), "alice", "2026-11-21T17:50:00Z")


def test_a_review_is_one_signed_file(tmp_path: Path) -> None:
    path = write_review(tmp_path, REVIEW, a_key("alice"))
    name = f"{sha256_of(REVIEW.data)}.{a_key('alice').keyid}.dsse.json"
    assert path == tmp_path / "spec" / "ship" / "reviews" / name
    ((read,), problems) = read_reviews(tmp_path, "ship")
    assert (read.review, problems) == (REVIEW, ())
    assert reviews_of(tmp_path, "ship", a_policy()) == {sha("a"): ("alice",)}


def test_it_is_a_simple_verification_result() -> None:
    said = REVIEW.to_json()
    assert said["predicateType"] == "https://in-toto.io/attestation/svr/v0.1"
    assert said["subject"] == [{"name": f"spec/ship/evidence/{sha('a')}.json", "digest": {"sha256": sha("a")}}]
    assert said["predicate"] == {
        "verifier": {"id": "urn:falsifiable:reviewer:alice"},
        "timeCreated": "2026-11-21T17:50:00Z",
        "properties": ["FALSIFIABLE_REVIEWED"],
    }
    assert parse_review(REVIEW.data) == REVIEW


def test_several_people_review_one_statement(tmp_path: Path) -> None:
    for name in ("bob", "alice"):
        write_review(tmp_path, replace(REVIEW, reviewer=name), a_key(name))
    policy = a_policy(review=("alice", "bob", "carol"))
    assert reviews_of(tmp_path, "ship", policy) == {sha("a"): ("alice", "bob")}
    assert reviews_of(tmp_path, "ship", a_policy()) == {sha("a"): ("alice",)}, "bob may not review here"
    assert reviews_of(tmp_path, "boat", policy) == {}


def test_whoever_may_sign_evidence_may_not_therefore_review(tmp_path: Path) -> None:
    write_review(tmp_path, replace(REVIEW, reviewer="ci"), a_key("ci"))
    assert reviews_of(tmp_path, "ship", a_policy()) == {}
    assert read_reviews(tmp_path, "ship")[0][0].check(a_policy()).outcome == "not-allowed"


def test_nobody_reviews_in_the_name_of_another(tmp_path: Path) -> None:
    policy = a_policy(review=("alice", "bob"))
    write_review(tmp_path, REVIEW, a_key("bob"))
    write_review(tmp_path, REVIEW, a_key("mallory"))
    assert reviews_of(tmp_path, "ship", policy) == {}
    assert sorted(one.check(policy).said for one in read_reviews(tmp_path, "ship")[0]) == sorted(
        [
            "it says that alice reviewed, and is signed by bob",
            f"it is signed with the key {a_key('mallory').keyid[:12]}, which trust.yaml does not name",
        ]
    )


def test_a_review_with_a_forged_signature_counts_for_nothing(tmp_path: Path) -> None:
    path = write_review(tmp_path, REVIEW, a_key("alice"))
    forged = replace(envelope_of(REVIEW.data, a_key("mallory")), keyid=a_key("alice").keyid)
    path.write_bytes(forged.data)
    assert reviews_of(tmp_path, "ship", a_policy()) == {}
    assert read_reviews(tmp_path, "ship")[0][0].check(a_policy()).outcome == "invalid"


def test_a_review_carried_to_another_spec_is_refused(tmp_path: Path) -> None:
    path = write_review(tmp_path, REVIEW, a_key("alice"))
    other = tmp_path / "spec" / "boat" / "reviews"
    other.mkdir(parents=True)
    path.rename(other / path.name)
    reviews, problems = read_reviews(tmp_path, "boat")
    assert reviews == ()
    assert "reviews evidence of ship, and lies among the reviews of boat" in problems[0].message


@pytest.mark.parametrize(
    "time", ["", "today", "2026-11-21", "2026-11-21T17:50:00", "2026-13-21T17:50:00Z", "2026-11-21T17:50:00+01:00"]
)
def test_a_time_is_utc_in_seconds(tmp_path: Path, time: str) -> None:
    with pytest.raises(ReviewError, match="expected a time in UTC"):
        write_review(tmp_path, replace(REVIEW, time=time), a_key("alice"))
    assert not (tmp_path / "spec").exists()


@pytest.mark.parametrize("name", ["", "Alice", "al ice", "alice\n", "аlice"])
def test_a_reviewer_has_a_name_of_the_policy(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReviewError, match="is no name"):
        write_review(tmp_path, replace(REVIEW, reviewer=name), a_key("alice"))


def subject(data: dict[str, Any], **changes: Any) -> None:
    data["subject"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(predicateType="https://slsa.dev/verification_summary/v1"), "type, subject, verifier"),
        (lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "type, subject, verifier"),
        (lambda d: d["predicate"].update(properties=["SLSA_BUILD_LEVEL_3"]), "property"),
        (lambda d: d["predicate"].update(properties=[]), "property"),
        (lambda d: d["predicate"].update(extra=1), "unknown key 'extra'"),
        (lambda d: d["predicate"].pop("timeCreated"), "lacks the key timeCreated"),
        (lambda d: d["predicate"].update(timeCreated="soon"), "expected a time in UTC"),
        (lambda d: d["predicate"]["verifier"].update(id="https://example.org/alice"), "is no name"),
        (lambda d: d["predicate"]["verifier"].update(id="alice"), "verifier"),
        (lambda d: d.update(subject=[]), "is not one statement"),
        (lambda d: d["subject"].append(d["subject"][0]), "is not one statement"),
        (lambda d: subject(d, name="model.gguf"), "is not one statement"),
        (lambda d: subject(d, digest={"sha256": sha("b")}), "type, subject, verifier"),
    ],
)
def test_what_is_no_such_review_is_refused(change: Callable[[dict[str, Any]], object], said: str) -> None:
    data = json.loads(REVIEW.data)
    change(data)
    with pytest.raises(ReviewError, match=said):
        parse_review(canonical_json(data))


def test_a_review_in_other_bytes_is_refused(tmp_path: Path) -> None:
    spaced = json.dumps(REVIEW.to_json()).encode()
    with pytest.raises(ReviewError, match="RFC 8785"):
        parse_review(spaced)
    envelope = envelope_of(spaced, a_key("alice"))
    folder = tmp_path / "spec" / "ship" / "reviews"
    folder.mkdir(parents=True)
    (folder / envelope.file_name).write_bytes(envelope.data)
    assert [one.message.partition(":")[0] for one in read_reviews(tmp_path, "ship")[1]] == ["is no review"]
