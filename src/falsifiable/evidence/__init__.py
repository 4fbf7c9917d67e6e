"""Evidence: what was judged, on which bytes, with which code, at which commit, as files that name themselves."""

from __future__ import annotations

from falsifiable.evidence.atomic import write_atomically
from falsifiable.evidence.canonical import CanonicalError, canonical_json, parse_canonical, sha256_of
from falsifiable.evidence.context import Context, Environment, context_of, describe_environment
from falsifiable.evidence.git import JUDGING_TREES, GitError, History, Membership, Repository, entries_of
from falsifiable.evidence.statement import Statement, StatementError, parse_statement, statement_of
from falsifiable.evidence.store import Evidence, EvidenceProblem, evidence_folder, heads, read_evidence, write_statement

__all__ = [
    "JUDGING_TREES", "CanonicalError", "Context", "Environment", "Evidence", "EvidenceProblem", "GitError", "History",
    "Membership", "Repository", "Statement", "StatementError", "canonical_json", "context_of", "describe_environment",
    "entries_of", "evidence_folder", "heads", "parse_canonical", "parse_statement", "read_evidence", "sha256_of",
    "statement_of", "write_atomically", "write_statement",
]  # fmt: skip
