"""What a release of a spec does, worked out from its files before anything is written.

A plan is a function of the amendments, of the contracts, and of the contracts at the last release: neither the clock
nor the order in which branches were merged enters, and whoever makes it twice from the same commit makes it alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from falsifiable.contracts import AmendmentFile, Contract, read_contract, spec_of
from falsifiable.contracts.changes import Change, change_of
from falsifiable.contracts.comparison import ContractComparison, Signatures, compare_sets
from falsifiable.contracts.version_line import VersionLineError, with_version
from falsifiable.contracts.versions import Bump, bumped
from falsifiable.spec.amendment_check import known_names, refusals_of
from falsifiable.spec.amendments import (
    RELEASED,
    AmendmentLog,
    amendments_folder,
    highest_bumps,
    read_amendments,
)
from falsifiable.spec.findings import Finding
from falsifiable.spec.release_files import LastRelease, SpecFiles

CHANGES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ContractMove:
    """A contract that pending amendments name: its file, and how far its version moves."""

    contract: str
    path: str
    before: str
    after: str
    bump: Bump


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """What releasing all pending amendments of a spec comes to.

    ``log`` is what is released before, ``after`` with them. ``moved`` maps the path that each amendment gets to the one
    it has, ``contracts`` says whose version is written, ``written`` maps their paths to their new bytes, and
    ``comparisons`` how contracts changed since the last release. With any ``refusals`` nothing may be written.
    """

    spec: str
    log: AmendmentLog
    after: AmendmentLog
    version: str
    moved: Mapping[str, str]
    contracts: tuple[ContractMove, ...]
    written: Mapping[str, bytes]
    comparisons: tuple[ContractComparison, ...]
    refusals: tuple[Finding, ...]


def plan_release(
    files: SpecFiles, last: LastRelease | None, statements: Collection[str], signatures: Signatures
) -> ReleasePlan:
    """What a release of ``files`` would do, and every reason against it.

    Args:
        files: the amendments and contracts to release.
        last: the contracts at the last release; None before the first, when nothing is compared.
        statements: the sha256 of the evidence recorded for the spec.
        signatures: what each check accepts, for the defaults of its parameters.
    """
    log = read_amendments(files.spec, files.amendments, files.baseline)
    contracts = _contracts(files)
    bumps = highest_bumps(one.amendment for one in log.pending if one.amendment)
    version = bumped(log.version, max((one.amendment.moves for one in log.pending if one.amendment), default=Bump.NONE))
    moved = _moved(log, version)
    renamed = {**files.amendments, **{new: files.amendments[old] for new, old in moved.items()}}
    after = {path: source for path, source in renamed.items() if path not in moved.values()}
    moves, written, unwritable = _moves(files, contracts, bumps)
    comparisons = _comparisons(files.spec, contracts, last, signatures)
    refusals = (
        *refusals_of(log, known_names(log, contracts.values(), last, statements)),
        *unwritable,
        *(finding for one in comparisons for finding in _demands(one, bumps, log, contracts)),
    )
    return ReleasePlan(
        spec=files.spec,
        log=log,
        after=read_amendments(files.spec, after, files.baseline),
        version=version,
        moved=moved,
        contracts=moves,
        written=written,
        comparisons=comparisons,
        refusals=refusals,
    )


def _contracts(files: SpecFiles) -> dict[str, Contract]:
    """Path -> contract of every file that is one; the others are faults of the workspace, and told as such."""
    read = {path: read_contract(data, shown=path).contract for path, data in files.contracts.items()}
    return {path: replace(one, path=Path(path)) for path, one in read.items() if one is not None}


def _moved(log: AmendmentLog, version: str) -> dict[str, str]:
    folder = f"{amendments_folder(log.spec)}/{RELEASED}/{version}"
    names = [(one.path.rpartition("/")[2], one.path) for one in log.pending if one.amendment]
    numbered = enumerate(names, start=log.last_section + 1)
    return {f"{folder}/{number:04d}-{name}": path for number, (name, path) in numbered}


def _moves(
    files: SpecFiles, contracts: Mapping[str, Contract], bumps: Mapping[str, Bump]
) -> tuple[tuple[ContractMove, ...], dict[str, bytes], list[Finding]]:
    """Every contract that ``bumps`` name, the new bytes of its file, and what keeps a version from being written."""
    moves, written, unwritable = [], {}, []
    for path, one in sorted(contracts.items(), key=lambda item: item[1].contract):
        if one.contract not in bumps or spec_of(one) != files.spec:
            continue
        bump = bumps[one.contract]
        after = bumped(one.version, bump)
        try:
            written[path] = with_version(files.contracts[path], after)
        except VersionLineError as error:
            unwritable.append(Finding("amendment", "error", path, str(error)))
        moves.append(ContractMove(one.contract, path, one.version, after, bump))
    return tuple(moves), written, unwritable


def _comparisons(
    spec: str, contracts: Mapping[str, Contract], last: LastRelease | None, signatures: Signatures
) -> tuple[ContractComparison, ...]:
    """How the contracts of ``spec``, as it is and as it was, changed since the last release."""
    if last is None:
        return ()
    compared = {one.contract: one for one in compare_sets(last.contracts, contracts.values(), signatures)}
    for path, fault in last.unreadable.items():
        if path in contracts:
            name = contracts[path].contract
            why = f"the file as it was at the last release cannot be read by this version: {fault.message}"
            change = change_of(name, "contract", "changed", "", contracts[path].title, why)
            compared[name] = ContractComparison(name, None, contracts[path].version, (change,))
    of_spec = {one.contract for one in (*last.contracts, *contracts.values()) if spec_of(one) == spec}
    return tuple(one for name, one in sorted(compared.items()) if name in of_spec)


def _demands(
    compared: ContractComparison, bumps: Mapping[str, Bump], log: AmendmentLog, contracts: Mapping[str, Contract]
) -> Iterator[Finding]:
    """Why the bump that pending amendments name for a contract does not cover what changed in it."""
    name, demanded = compared.contract, compared.demands
    named = bumps.get(name, Bump.NONE)
    if demanded <= named:
        return
    changes = _listed(compared.changes)
    if named is Bump.NONE:
        path = next((path for path, one in contracts.items() if one.contract == name), f"contracts (without {name})")
        message = f"contract {name} changed since the last release, and no pending amendment names it: {changes}"
        yield Finding("amendment", "error", path, message, hint=_where_to_name(name, demanded, log))
        return
    file = _naming(name, log)
    message = f"contracts: {name} moves by {named.word}, but its changes since the last release demand {demanded.word}"
    line = file.position("contracts", name).line
    hint = f"write '{name}: {demanded.word}'"
    yield Finding("amendment", "error", file.path, f"{message}: {changes}", line, hint)


def _listed(changes: Iterable[Change]) -> str:
    """The changes that demand a bump, in words."""
    said = [f"{one.subject} {one.kind} ({one.demands.word}: {one.why})" for one in changes if one.demands]
    more = len(said) - CHANGES_SHOWN
    return "; ".join([*said[:CHANGES_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _where_to_name(name: str, demanded: Bump, log: AmendmentLog) -> str:
    """Which file to edit; the pending ones are named where there are any, because one of them is likely meant."""
    line = f"'{name}: {demanded.word}' under contracts"
    if log.pending:
        paths = " or ".join(one.path for one in log.pending)
        return f"write {line} of {paths}, and raise its bump to at least {demanded.word}"
    return f"contract amend new TITLE --spec {log.spec} --contract {name}={demanded.word}"


def _naming(name: str, log: AmendmentLog) -> AmendmentFile:
    """The pending amendment that moves contract ``name`` farthest."""
    moving = [(one.amendment.moves_contracts.get(name, Bump.NONE), one) for one in log.pending if one.amendment]
    return max(moving, key=lambda one: one[0])[1]
