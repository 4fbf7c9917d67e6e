"""Reviews: somebody signed that they looked at a statement, as an in-toto Simple Verification Result v0.1.

A review is one file, ``spec/<spec>/reviews/<sha256 of the review>.<key id>.dsse.json``: it lives in its envelope, so
that there is none without a signature. It names the statement by its sha256 and its path. The predicate demands a time,
which is the only one in all evidence; whoever signs gives it, and nothing is decided by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.contracts import TrustPolicy
from falsifiable.contracts.instants import INSTANT_EXPECTED, is_instant
from falsifiable.contracts.model import CONTRACT_NAME
from falsifiable.evidence.atomic import remove_abandoned
from falsifiable.evidence.canonical import CanonicalError, canonical_json, parse_canonical
from falsifiable.evidence.keys import SigningKey
from falsifiable.evidence.layout import REVIEW, SHA256
from falsifiable.evidence.problem import EvidenceProblem
from falsifiable.evidence.shape import misshapen
from falsifiable.evidence.signatures import Signature, envelopes_in, write_signature
from falsifiable.evidence.statement import STATEMENT_TYPE
from falsifiable.evidence.store import statement_path
from falsifiable.evidence.trust import SignatureCheck, checked

REVIEW_TYPE = "https://in-toto.io/attestation/svr/v0.1"
REVIEWED = "FALSIFIABLE_REVIEWED"
"""The property that a review asserts: its signer has looked at the statement and stands by it."""

REVIEWER = "urn:falsifiable:reviewer:"
"""How the URI of a reviewer begins; a name of ``trust.yaml`` ends it."""

_SUBJECT = re.compile(rf"spec/(?P<spec>[^/]+)/evidence/(?P<statement>{SHA256})\.json")


class ReviewError(ValueError):
    """Bytes that are no review, or something that no review can say; the message says what."""


@dataclass(frozen=True, slots=True)
class Review:
    """``reviewer`` (a name of ``trust.yaml``) looked at ``statement`` (its sha256), which is evidence of ``spec``.

    ``time`` is when, as the reviewer states it: UTC in seconds, such as 2026-11-21T17:50:00Z.
    """

    spec: str
    statement: str
    reviewer: str
    time: str

    def to_json(self) -> dict[str, Any]:
        """The review as in-toto JSON data."""
        subject = {"name": statement_path(self.spec, self.statement), "digest": {"sha256": self.statement}}
        return {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": REVIEW_TYPE,
            "predicate": {
                "verifier": {"id": f"{REVIEWER}{self.reviewer}"},
                "timeCreated": self.time,
                "properties": [REVIEWED],
            },
        }

    @property
    def data(self) -> bytes:
        """The canonical bytes, which are what is signed."""
        return canonical_json(self.to_json())


@dataclass(frozen=True, slots=True)
class SignedReview:
    """A review and the signature that lies around it, not verified yet."""

    review: Review
    signature: Signature

    def check(self, policy: TrustPolicy) -> SignatureCheck:
        """What it is worth: it counts where the reviewer whom it names has signed it and may review the spec.

        Raises SigningError where the library for signatures is not installed.
        """
        signature, review = self.signature, self.review
        found = checked(review.data, signature.keyid, signature.value, policy, review.spec, "review")
        if found.outcome == "signed" and found.signer != review.reviewer:
            said = f"it says that {review.reviewer} reviewed, and is signed by {found.signer}"
            return SignatureCheck(found.keyid, "invalid", found.signer, said)
        return found


def reviews_folder(root: Path, spec: str) -> Path:
    """Where the reviews of the evidence of ``spec`` lie in the workspace ``root``."""
    return root / "spec" / spec / "reviews"


def write_review(root: Path, review: Review, key: SigningKey) -> Path:
    """Sign ``review`` and write it; its path. Raises ReviewError for a time or a name that is none, and OSError."""
    if wrong := _impossible(review):
        raise ReviewError(wrong)
    folder = reviews_folder(root, review.spec)
    path, _ = write_signature(folder, review.data, key)
    remove_abandoned(folder)
    return path


def read_reviews(root: Path, spec: str) -> tuple[tuple[SignedReview, ...], tuple[EvidenceProblem, ...]]:
    """All reviews of the evidence of ``spec``, in the order of their names, and the files that are none."""
    reviews, problems = [], []
    for path, read in envelopes_in(reviews_folder(root, spec)):
        if isinstance(read, EvidenceProblem):
            problems.append(read)
            continue
        try:
            review = parse_review(read.payload)
            if review.spec != spec:
                raise ReviewError(f"reviews evidence of {review.spec}, and lies among the reviews of {spec}")
        except ReviewError as error:
            problems.append(EvidenceProblem(path, f"is no review: {error}", "restore it from git, or review again"))
            continue
        reviews.append(SignedReview(review, Signature(review.statement, read.keyid, read.signature, path)))
    return tuple(reviews), tuple(problems)


def reviews_of(root: Path, spec: str, policy: TrustPolicy) -> Mapping[str, tuple[str, ...]]:
    """Statement (its sha256) -> the names of those whose review of it counts, for the evidence of ``spec``.

    Raises SigningError where the library for signatures is not installed and there is a review to verify.
    """
    found: dict[str, set[str]] = {}
    for one in read_reviews(root, spec)[0]:
        if one.check(policy).outcome == "signed":
            found.setdefault(one.review.statement, set()).add(one.review.reviewer)
    return {statement: tuple(sorted(found[statement])) for statement in sorted(found)}


def parse_review(data: bytes) -> Review:
    """The review whose canonical bytes are ``data``. Strict; raises :class:`ReviewError`."""
    try:
        value = parse_canonical(data)
    except CanonicalError as error:
        raise ReviewError(str(error)) from error
    if wrong := misshapen(value, REVIEW):
        raise ReviewError(wrong)
    subject = _SUBJECT.fullmatch(value["subject"][0]["name"]) if len(value["subject"]) == 1 else None
    if subject is None:
        raise ReviewError("$.subject is not one statement: spec/SPEC/evidence/SHA256.json")
    predicate = value["predicate"]
    reviewer = predicate["verifier"]["id"].removeprefix(REVIEWER)
    review = Review(subject["spec"], subject["statement"], reviewer, predicate["timeCreated"])
    if wrong := _impossible(review):
        raise ReviewError(wrong)
    if review.data != data:
        raise ReviewError("its type, subject, verifier and property are not those of a review of this kind")
    return review


def _impossible(review: Review) -> str | None:
    """What of ``review`` no review can say, in words."""
    if not re.fullmatch(CONTRACT_NAME, review.reviewer):
        return f"the reviewer {review.reviewer[:40]!r} is no name: expected one of trust.yaml, such as alice"
    if not is_instant(review.time):
        return f"there is no such time as {review.time[:40]!r}: expected {INSTANT_EXPECTED}"
    return None
