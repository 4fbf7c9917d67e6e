"""What a release is made from: the amendments and contracts of a spec, as committed or as they lie on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts import Baseline, Contract, Diagnostic, read_contract
from falsifiable.contracts.places import CONTRACT_SUFFIX, CONTRACTS_FOLDER, contract_paths
from falsifiable.evidence import Repository
from falsifiable.spec.amendments import (
    RELEASED,
    Source,
    amendments_folder,
    amendments_on_disk,
    baseline_of,
    ship_path,
)


@dataclass(frozen=True, slots=True)
class SpecFiles:
    """The files that a release of ``spec`` reads, by their paths: its amendments, and all contracts."""

    spec: str
    amendments: Mapping[str, Source]
    contracts: Mapping[str, bytes]
    baseline: Baseline


@dataclass(frozen=True, slots=True)
class LastRelease:
    """All contracts as they were at the commit of a spec's last release.

    ``unreadable`` holds, by path, why a file of then is no contract to this version of the reader.
    """

    commit: str
    contracts: tuple[Contract, ...]
    unreadable: Mapping[str, Diagnostic]


def files_on_disk(root: Path, spec: str) -> SpecFiles:
    """The files of ``spec`` as they lie in the workspace ``root``. Raises OSError."""
    found = (one for one in contract_paths(root / CONTRACTS_FOLDER) if one.is_file())
    contracts = {one.relative_to(root).as_posix(): one.read_bytes() for one in found}
    ship = root / ship_path(spec)
    baseline = baseline_of(ship.read_bytes() if ship.is_file() else None, spec)
    return SpecFiles(spec, amendments_on_disk(root, spec), contracts, baseline)


def files_at(repository: Repository, revision: str, spec: str) -> SpecFiles:
    """The files of ``spec`` as they are committed at ``revision``. Raises GitError."""
    amendments: dict[str, Source] = dict(repository.files_at(revision, amendments_folder(spec)))
    visible = {path: data for path, data in amendments.items() if not any(one[0] == "." for one in path.split("/"))}
    contracts = repository.files_at(revision, CONTRACTS_FOLDER, CONTRACT_SUFFIX)
    return SpecFiles(spec, visible, contracts, baseline_of(repository.file_at(revision, ship_path(spec)), spec))


def last_release(repository: Repository, spec: str) -> LastRelease | None:
    """The state at the last release of ``spec``: the newest commit that touched what is released; None before any.

    Raises GitError.
    """
    touched = repository.commits_changing(f"{amendments_folder(spec)}/{RELEASED}")
    if not touched:
        return None
    commit = touched[-1]
    read = {
        path: read_contract(data, shown=path)
        for path, data in repository.files_at(commit, CONTRACTS_FOLDER, CONTRACT_SUFFIX).items()
    }
    contracts = tuple(one.contract for one in read.values() if one.contract is not None)
    unreadable = {path: one.diagnostics[0] for path, one in read.items() if one.diagnostics}
    return LastRelease(commit, contracts, unreadable)
