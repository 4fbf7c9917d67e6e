"""``contract evidence verify``: whether all evidence is what it claims to be, whole, signed, and of this history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from falsifiable.contracts import EVERY_OTHER_SPEC, TRUST_FILE, TrustPolicy
from falsifiable.evidence.atomic import unfinished_files
from falsifiable.evidence.canonical import short
from falsifiable.evidence.git import History
from falsifiable.evidence.problem import EvidenceProblem
from falsifiable.evidence.reviews import read_reviews, reviews_folder
from falsifiable.evidence.statement import Statement
from falsifiable.evidence.store import Evidence, evidence_folder, statement_path
from falsifiable.evidence.trust import Verification, verified

AuditKind = Literal["broken", "signature", "unsigned", "history", "gap", "misplaced", "review", "unfinished", "policy"]
Severity = Literal["error", "inconclusive", "note"]


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing found about a file of evidence, at a path relative to the workspace.

    An ``error`` is evidence that is not what it claims to be (exit code 1), what is ``inconclusive`` cannot be seen
    from here (2), and a ``note`` counts for nothing and harms nothing.
    """

    kind: AuditKind
    severity: Severity
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, and how much was looked at: ``statements``, those ``signed`` by someone trusted, ``reviews``."""

    findings: tuple[AuditFinding, ...]
    statements: int
    signed: int
    reviews: int


@dataclass(frozen=True, slots=True)
class Docket:
    """What evidence is held to.

    ``homes`` maps each contract to the spec it belongs to: who may sign its evidence is decided there, wherever a
    statement lies. ``current`` are the statements (their sha256) that speak for a contract today: what is wrong with
    others was mended by recording again, and is only worth a note.
    """

    root: Path
    evidence: Mapping[str, Evidence]
    policy: TrustPolicy
    history: History
    homes: Mapping[str, str]
    current: Collection[str]

    def shown(self, path: Path) -> str:
        """``path`` as a person standing in the workspace would write it."""
        return path.relative_to(self.root).as_posix()

    def place(self, spec: str, statement: Statement) -> str:
        """Where ``statement`` lies, relative to the workspace."""
        return statement_path(spec, statement.sha256)

    def verification(self, spec: str, statement: Statement) -> Verification:
        """Who of those that the policy allows for its contract has signed a statement that lies in ``spec``."""
        home = self.homes.get(statement.contract, spec)
        return verified(statement, self.evidence[spec].signatures_of(statement), self.policy, home)


def audit(docket: Docket, *, require_signed: bool = False) -> Audit:
    """Everything that is wrong with the evidence, its signatures and its reviews, spec by spec.

    With ``require_signed`` every current statement must be signed by someone whom the policy allows. Raises
    SigningError where the library for signatures is not installed and there is a signature to verify.
    """
    findings = list(_of_policy(docket))
    statements = signed = reviews = 0
    for spec, evidence in sorted(docket.evidence.items()):
        findings += [_broken(docket, one) for one in evidence.problems]
        for statement in evidence.statements:
            verification = docket.verification(spec, statement)
            statements += 1
            signed += verification.outcome == "signed"
            findings += _of_signatures(docket, spec, statement, verification, require_signed=require_signed)
            findings += _of_place(docket, spec, statement)
            findings += _of_history(docket, spec, statement)
        found, count = _of_reviews(docket, spec)
        findings += [*found, *_unfinished(docket, spec)]
        reviews += count
    return Audit(tuple(findings), statements, signed, reviews)


def _broken(docket: Docket, problem: EvidenceProblem) -> AuditFinding:
    return AuditFinding("broken", "error", docket.shown(problem.path), problem.message, problem.hint)


def _of_signatures(
    docket: Docket, spec: str, statement: Statement, verification: Verification, *, require_signed: bool
) -> Iterator[AuditFinding]:
    for one in verification.checks:
        path = f"{docket.place(spec, statement).removesuffix('.json')}.{one.keyid}.dsse.json"
        if one.outcome == "invalid":
            yield AuditFinding("signature", "error", path, one.said, "restore it from git, or delete it and sign again")
        elif one.outcome != "signed":
            yield AuditFinding("signature", "note", path, one.said, "it counts for nothing")
    if require_signed and statement.sha256 in docket.current and verification.outcome != "signed":
        message = f"is evidence of {statement.contract} without a signature that counts: {verification.said}"
        yield AuditFinding("unsigned", "error", docket.place(spec, statement), message)


def _of_place(docket: Docket, spec: str, statement: Statement) -> Iterator[AuditFinding]:
    """Statements lie with the spec of their contract, and what they replace is there."""
    home = docket.homes.get(statement.contract, spec)
    if home != spec and statement.sha256 in docket.current:
        message = f"lies among the evidence of {spec}, and {statement.contract} belongs to {home}"
        yield AuditFinding("misplaced", "error", docket.place(spec, statement), message, "record again")
    there = {one.sha256 for evidence in docket.evidence.values() for one in evidence.of(statement.contract)}
    for earlier in statement.supersedes:
        if earlier not in there:
            message = f"supersedes {short(earlier)}, which is no statement about {statement.contract} here"
            hint = "evidence is only ever added to: restore it from git"
            yield AuditFinding("gap", "error", docket.place(spec, statement), message, hint)


def _of_history(docket: Docket, spec: str, statement: Statement) -> Iterator[AuditFinding]:
    if statement.context.commit is None:
        return
    member = docket.history.membership(statement.context.commit, statement.context.trees)
    if member.counts == "yes":
        return
    current = statement.sha256 in docket.current
    severity: Severity = "note" if not current else "error" if member.counts == "no" else "inconclusive"
    hint = "record again, or merge the branch it was recorded on" if current else "it was replaced, and does not count"
    yield AuditFinding("history", severity, docket.place(spec, statement), member.why, hint)


def _of_reviews(docket: Docket, spec: str) -> tuple[list[AuditFinding], int]:
    reviews, problems = read_reviews(docket.root, spec)
    findings = [AuditFinding("review", "error", docket.shown(one.path), one.message, one.hint) for one in problems]
    there = {one.sha256 for one in docket.evidence[spec].statements}
    for one in reviews:
        path, check = docket.shown(one.signature.path), one.check(docket.policy)
        if one.review.statement not in there:
            message = f"reviews the statement {short(one.review.statement)}, which is not here"
            findings.append(AuditFinding("review", "error", path, message, "restore the statement from git"))
        if check.outcome == "invalid":
            findings.append(AuditFinding("review", "error", path, check.said, "restore it from git, or review again"))
        elif check.outcome != "signed":
            findings.append(AuditFinding("review", "note", path, check.said, "it counts for nothing"))
    return findings, len(reviews)


def _unfinished(docket: Docket, spec: str) -> Iterator[AuditFinding]:
    for folder in (evidence_folder(docket.root, spec), reviews_folder(docket.root, spec)):
        for path in unfinished_files(folder):
            message = "is a temporary file of a writer that was killed, or that is writing now"
            hint = "nothing reads it; recording removes it once it is an hour old"
            yield AuditFinding("unfinished", "note", docket.shown(path), message, hint)


def _of_policy(docket: Docket) -> Iterator[AuditFinding]:
    for spec in docket.policy.specs:
        if spec != EVERY_OTHER_SPEC and spec not in docket.evidence:
            message = f"names the spec {spec}, which is not in this workspace; there are {', '.join(docket.evidence)}"
            yield AuditFinding("policy", "note", TRUST_FILE, message, "is it misspelt? Its entry protects nothing")
