"""Evidence: what was judged, on which bytes, with which code, at which commit, as files that name themselves.

Statements are content-addressed (``store``), signatures lie beside them (``dsse``, ``signatures``), and what a
signature is worth is decided by the workspace's policy (``trust``).
"""

from __future__ import annotations

from falsifiable.evidence.append_only import Deletion, deletions
from falsifiable.evidence.atomic import remove_abandoned, remove_durably, write_atomically, write_new
from falsifiable.evidence.audit import Audit, AuditFinding, Docket, audit
from falsifiable.evidence.canonical import CanonicalError, canonical_json, parse_canonical, sha256_of, short
from falsifiable.evidence.context import Context, Environment, context_of, describe_environment
from falsifiable.evidence.dsse import Envelope, EnvelopeError, authenticated, envelope_of, parse_envelope
from falsifiable.evidence.git import DEEPEN, JUDGING_TREES, GitError, History, Membership, Repository, entries_of
from falsifiable.evidence.keys import SigningError, SigningKey, generate_key, keyid_of, read_private_key, write_key_pair
from falsifiable.evidence.lock import exclusive
from falsifiable.evidence.problem import EvidenceProblem
from falsifiable.evidence.reviews import Review, ReviewError, SignedReview, read_reviews, reviews_of, write_review
from falsifiable.evidence.signatures import Signature, write_signature
from falsifiable.evidence.statement import Statement, StatementError, parse_statement, statement_of
from falsifiable.evidence.store import (
    Evidence,
    evidence_folder,
    heads,
    in_succession,
    matching,
    read_all_evidence,
    read_evidence,
    statement_path,
    write_statement,
)
from falsifiable.evidence.trust import SignatureCheck, Verification, verified

__all__ = [
    "DEEPEN", "JUDGING_TREES", "Audit", "AuditFinding", "CanonicalError", "Context", "Deletion", "Docket", "Envelope",
    "EnvelopeError", "Environment", "Evidence", "EvidenceProblem", "GitError", "History", "Membership", "Repository",
    "Review", "ReviewError", "Signature", "SignatureCheck", "SignedReview", "SigningError", "SigningKey", "Statement",
    "StatementError", "Verification", "audit", "authenticated", "canonical_json", "context_of", "deletions",
    "describe_environment", "entries_of", "envelope_of", "evidence_folder", "exclusive", "generate_key", "heads",
    "in_succession", "keyid_of", "matching", "parse_canonical", "parse_envelope", "parse_statement",
    "read_all_evidence", "read_evidence", "read_private_key", "read_reviews", "remove_abandoned", "remove_durably",
    "reviews_of", "sha256_of", "short", "statement_of", "statement_path", "verified", "write_atomically",
    "write_key_pair", "write_new", "write_review", "write_signature", "write_statement",
]  # fmt: skip
