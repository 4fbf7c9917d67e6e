"""What ``record --check`` says of amendments: those that wait for a release, and what is wrong with any."""

from __future__ import annotations

from falsifiable.contracts import AmendmentFile, Diagnostic, KnownNames, check_amendment, spec_of
from falsifiable.evidence import GitError, Repository
from falsifiable.spec.amendments import RELEASED
from falsifiable.spec.findings import Finding, Severity
from falsifiable.spec.ledger import Ledger
from falsifiable.spec.release_files import last_release


def check_amendments(ledger: Ledger, spec: str, repository: Repository) -> tuple[Finding, ...]:
    """Every fault of the amendments of ``spec`` as an error, and each pending one as a note."""
    log = ledger.amendments[spec]
    known = known_names(ledger, spec, repository)
    faults = (*log.diagnostics, *(fault for one in log.pending for fault in check_amendment(one, known)))
    return (*(_fault(one) for one in faults), *(_waiting(one) for one in log.pending))


def released_faults(ledger: Ledger, spec: str) -> tuple[Finding, ...]:
    """What is wrong with released amendments: with any of it, regions written from them would lack something."""
    found = ledger.amendments[spec].diagnostics
    return tuple(_fault(one) for one in found if f"/{RELEASED}/" in one.path and one.severity == "error")


def known_names(ledger: Ledger, spec: str, repository: Repository) -> KnownNames:
    """What the pending amendments of ``spec`` may name: a contract that was removed since the last release, too."""
    log = ledger.amendments[spec]
    contracts = {one.contract: spec_of(one) for one in ledger.contracts}
    named = {name for one in log.pending if one.amendment for name in one.amendment.contracts}
    if any(contracts.get(name) != spec for name in named):
        contracts |= _at_last_release(spec, repository)
    statements = {one.sha256 for one in ledger.evidence[spec].statements}
    return KnownNames(spec, contracts, statements, log.last_section)


def _at_last_release(spec: str, repository: Repository) -> dict[str, str]:
    """The contracts that ``spec`` had when it was last released, each with the spec; none where git cannot say."""
    try:
        last = None if repository.problem else last_release(repository, spec)
    except GitError:
        return {}
    return {one.contract: spec for one in last.contracts if spec_of(one) == spec} if last else {}


def _fault(one: Diagnostic) -> Finding:
    severity: Severity = "error" if one.severity == "error" else "note"
    return Finding("amendment", severity, one.path, f"{one.rule}: {one.message}", one.line, one.hint)


def _waiting(file: AmendmentFile) -> Finding:
    said = file.amendment
    title = f"{said.amendment!r}, {said.bump}" if said else "it cannot be read"
    message = f"this amendment is pending: {title}"
    return Finding("pending", "note", file.path, message, hint="contract amend preview shows what a release would do")
