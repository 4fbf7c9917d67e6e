"""What ``record --check`` says of amendments: those that wait for a release, and what is wrong with any."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from falsifiable.contracts import AmendmentFile, Contract, Diagnostic, KnownNames, check_amendment, spec_of
from falsifiable.evidence import GitError, Repository
from falsifiable.spec.amendments import RELEASED, AmendmentLog
from falsifiable.spec.findings import Finding, Severity
from falsifiable.spec.ledger import Ledger
from falsifiable.spec.release_files import LastRelease, last_release


def check_amendments(ledger: Ledger, spec: str, repository: Repository) -> tuple[Finding, ...]:
    """Every fault of the amendments of ``spec`` as an error, and each pending one as a note."""
    log = ledger.amendments[spec]
    statements = {one.sha256 for one in ledger.evidence[spec].statements}
    known = known_names(log, ledger.contracts, _last_release(ledger, spec, repository), statements)
    faults = (_finding(one, "note" if one.severity == "warning" else "error") for one in _faults_of(log, known))
    return (*faults, *(_waiting(one) for one in log.pending))


def refusals_of(log: AmendmentLog, known: KnownNames) -> tuple[Finding, ...]:
    """Every fault of the amendments as an error, warnings among them: what is released is finished."""
    return tuple(_finding(one, "error") for one in _faults_of(log, known))


def released_faults(ledger: Ledger, spec: str) -> tuple[Finding, ...]:
    """What is wrong with released amendments: with any of it, regions written from them would lack something."""
    found = ledger.amendments[spec].diagnostics
    return tuple(_finding(one, "error") for one in found if f"/{RELEASED}/" in one.path and one.severity == "error")


def _faults_of(log: AmendmentLog, known: KnownNames) -> tuple[Diagnostic, ...]:
    """What is wrong with amendments: with each alone, and with what the pending ones name."""
    return (*log.diagnostics, *(fault for one in log.pending for fault in check_amendment(one, known)))


def known_names(
    log: AmendmentLog, contracts: Iterable[Contract], last: LastRelease | None, statements: Collection[str]
) -> KnownNames:
    """What pending amendments may name: contracts of the spec as it is, or as it was when it was last released."""
    known = {one.contract: spec_of(one) for one in contracts}
    earlier = last.contracts if last else ()
    known |= {one.contract: log.spec for one in earlier if spec_of(one) == log.spec}
    return KnownNames(log.spec, known, statements, log.last_section)


def _last_release(ledger: Ledger, spec: str, repository: Repository) -> LastRelease | None:
    """The contracts at the last release of ``spec``, where a pending amendment names one that it does not have now;
    None where none does, and where git cannot say."""
    own = {one.contract for one in ledger.contracts if spec_of(one) == spec}
    named = {name for one in ledger.amendments[spec].pending if one.amendment for name in one.amendment.contracts}
    try:
        return None if named <= own or repository.problem else last_release(repository, spec)
    except GitError:
        return None


def _finding(one: Diagnostic, severity: Severity) -> Finding:
    return Finding("amendment", severity, one.path, f"{one.rule}: {one.message}", one.line, one.hint)


def _waiting(file: AmendmentFile) -> Finding:
    said = file.amendment
    title = f"{said.amendment!r}, {said.bump}" if said else "it cannot be read"
    message = f"this amendment is pending: {title}"
    return Finding("pending", "note", file.path, message, hint="contract amend preview shows what a release would do")
