"""What ``record --check`` says of amendments: those that wait for a release, and what is wrong with any."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable.contracts import AmendmentFile, Diagnostic, KnownNames, check_amendment, read_contract
from falsifiable.contracts.workspace import CONTRACTS_FOLDER
from falsifiable.evidence import GitError, Repository
from falsifiable.spec.amendments import RELEASED, amendments_folder
from falsifiable.spec.findings import Finding, Severity
from falsifiable.spec.ledger import Ledger, spec_of


def check_amendments(ledger: Ledger, spec: str, repository: Repository) -> tuple[Finding, ...]:
    """Every fault of the amendments of ``spec`` as an error, and each pending one as a note."""
    log = ledger.amendments.get(spec)
    if log is None:
        return ()
    known = known_names(ledger, spec, repository)
    faults = (*log.diagnostics, *(fault for one in log.pending for fault in check_amendment(one, known)))
    return (*(_fault(one) for one in faults), *(_waiting(one) for one in log.pending))


def known_names(ledger: Ledger, spec: str, repository: Repository) -> KnownNames:
    """What the pending amendments of ``spec`` may name: a contract that was removed since the last release, too."""
    log = ledger.amendments[spec]
    contracts = {one.contract: spec_of(one) for one in ledger.contracts}
    named = {name for one in log.pending if one.amendment for name in one.amendment.contracts}
    if not named <= contracts.keys():
        contracts = {**dict(_at_last_release(spec, repository)), **contracts}
    statements = {one.sha256 for one in ledger.evidence[spec].statements}
    return KnownNames(spec, contracts, statements, log.last_section)


def _at_last_release(spec: str, repository: Repository) -> Iterator[tuple[str, str]]:
    """The contracts there were when ``spec`` was last released, each with its spec; none where git cannot say."""
    try:
        commit = None if repository.problem else repository.last_change(f"{amendments_folder(spec)}/{RELEASED}")
        files = repository.files_at(commit, CONTRACTS_FOLDER, ".yaml") if commit else {}
    except GitError:
        return
    for path, data in files.items():
        contract = read_contract(data, shown=path).contract
        if contract is not None:
            yield contract.contract, spec_of(contract)


def _fault(one: Diagnostic) -> Finding:
    severity: Severity = "error" if one.severity == "error" else "note"
    return Finding("amendment", severity, one.path, f"{one.rule}: {one.message}", one.line, one.hint)


def _waiting(file: AmendmentFile) -> Finding:
    said = file.amendment
    title = f"{said.amendment!r}, {said.bump}" if said else "it cannot be read"
    message = f"this amendment is pending: {title}"
    return Finding("pending", "note", file.path, message, hint="contract amend preview shows what a release would do")
