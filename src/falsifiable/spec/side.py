"""One of the two commits that a gate compares: everything it says, read from a folder that it was exported to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from falsifiable.contracts import (
    NOBODY,
    TRUST_FILE,
    Contract,
    Diagnostic,
    Ship,
    TrustPolicy,
    Workspace,
    load_workspace,
    spec_of,
    workspace_trust,
)
from falsifiable.contracts.versions import Bump
from falsifiable.evidence import Repository, Statement
from falsifiable.spec.amendments import Release, Section, highest_bumps
from falsifiable.spec.ledger import Ledger, open_ledger
from falsifiable.status import JudgingCode
from falsifiable.validation.code_at import Code


@dataclass(frozen=True)
class Side:
    """A commit as the gate sees it.

    ``repository`` answers for the history of this commit, ``code`` for what judges at it, and ``files`` holds the bytes
    of everything under ``spec/`` and of ``trust.yaml``, by path. What is ``left_out`` was not exported: links.
    """

    repository: Repository
    ledger: Ledger
    code: Code
    workspace: Workspace
    contracts: Mapping[str, Contract]
    policy: TrustPolicy
    diagnostics: tuple[Diagnostic, ...]
    files: Mapping[str, bytes]
    left_out: tuple[str, ...] = ()

    @property
    def commit(self) -> str:
        """The commit's id."""
        return self.repository.head or ""

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """What is wrong with its contracts, ship files and trust policy; amendments are told with the regions."""
        every = dict.fromkeys((*self.diagnostics, *self.ledger.ships.diagnostics))  # a workspace tells of ships, too
        return tuple(one for one in every if one.severity == "error")

    @cached_property
    def ship_files(self) -> dict[str, Ship]:
        """The sound ship files, by spec."""
        return {one.ship: one for one in self.ledger.ships.sound}

    @cached_property
    def statements(self) -> dict[str, tuple[str, Statement]]:
        """Every statement by its sha256, with the spec among whose evidence it lies."""
        return {
            one.sha256: (spec, one) for spec, evidence in self.ledger.evidence.items() for one in evidence.statements
        }

    def home_of(self, statement: Statement, folder: str) -> str:
        """The spec whose signers count for ``statement``: its contract's, whichever ``folder`` it lies in."""
        contract = self.contracts.get(statement.contract)
        return folder if contract is None else spec_of(contract)

    def sections(self, spec: str) -> tuple[Section, ...]:
        """The released amendments of ``spec``."""
        log = self.ledger.amendments.get(spec)
        return log.sections if log else ()


def read_side(folder: Path, repository: Repository, code: Code, left_out: tuple[str, ...] = ()) -> Side:
    """The commit that ``repository`` asks about, exported to ``folder`` and judged by ``code``. Raises OSError."""
    workspace = load_workspace(folder, code.catalogue.signatures)
    judging = JudgingCode.of(code.catalogue, code.semantics)
    policy, of_policy = workspace_trust(folder)
    contracts = tuple(workspace.contracts) if not workspace.shipped else ()
    return Side(
        repository=repository,
        ledger=open_ledger(folder, contracts, judging, repository),
        code=code,
        workspace=workspace,
        contracts={one.contract: one for one in contracts},
        policy=policy or NOBODY,
        diagnostics=(*(() if workspace.shipped else workspace.diagnostics), *of_policy),
        files=_files_of(folder),
        left_out=left_out,
    )


def amended_since(base: Side, head: Side) -> tuple[dict[str, Bump], dict[str, Bump]]:
    """What the amendments of ``head`` that ``base`` had not, answer for.

    One that was pending at ``base`` already answered for what came with it, and not for whatever comes next; one that
    was put into a release of ``base`` answers for nothing.

    Returns: contract -> highest bump named for it, and spec -> highest bump of the spec itself.
    """
    contracts: dict[str, Bump] = {}
    specs: dict[str, Bump] = {}
    known = {data for path, data in base.files.items() if "/amendments/" in path}
    for spec, log in head.ledger.amendments.items():
        released = (one for release in releases_since(base, head, spec) for one in release.sections)
        found = {one.path: one.amendment for one in released} | {one.path: one.amendment for one in log.pending}
        new = [said for path, said in found.items() if said is not None and head.files.get(path) not in known]
        for name, bump in highest_bumps(new).items():
            contracts[name] = max(bump, contracts.get(name, Bump.NONE))
        specs[spec] = max((one.moves for one in new), default=Bump.NONE)
    return contracts, specs


def releases_since(base: Side, head: Side, spec: str) -> tuple[Release, ...]:
    """The releases of ``spec`` that ``base`` had not made, by version."""
    made = {one.version for one in base.sections(spec)}
    log = head.ledger.amendments.get(spec)
    return tuple(one for one in (log.releases if log else ()) if one.version not in made)


def contract_bumps(base: Side, head: Side) -> dict[str, tuple[Bump, ...]]:
    """Contract -> the bumps that the releases between the two commits made of its version, in their order."""
    found: dict[str, tuple[Bump, ...]] = {}
    for spec in head.ledger.amendments:
        for release in releases_since(base, head, spec):
            for name, bump in release.contracts.items():
                found[name] = (*found.get(name, ()), bump)
    return found


def _files_of(folder: Path) -> dict[str, bytes]:
    places = [folder / TRUST_FILE, *(folder / "spec").rglob("*")]
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in places if one.is_file()}
