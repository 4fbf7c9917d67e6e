"""Releasing the pending amendments of a spec: numbered, moved, shown in the regions, the contracts' versions written.

What is written follows from the commit that is checked out, and from evidence. So a release that was cut short is
finished by running it again: every file is as it is committed, or as the release is going to leave it. The pending
files are taken away last, so that whoever looks in between sees that there is more to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from falsifiable.contracts import Contract, read_contract
from falsifiable.contracts.comparison import Signatures
from falsifiable.contracts.places import CONTRACTS_FOLDER, contract_paths
from falsifiable.evidence import DEEPEN, Repository, exclusive, remove_durably, write_atomically
from falsifiable.spec.amendments import amendments_on_disk, ship_path
from falsifiable.spec.findings import Finding
from falsifiable.spec.ledger import changelog_path, open_ledger
from falsifiable.spec.record import MAIN_LINE
from falsifiable.spec.release_files import SpecFiles, files_at, last_release
from falsifiable.spec.release_plan import ReleasePlan, plan_release
from falsifiable.spec.update import SpecUpdate, region_obstacles, update_regions
from falsifiable.status import JudgingCode

CHANGELOG = """\
# Changelog of {spec}

What each version of the specification brought, the newest first. `contract amend release` writes it from the released
amendments; nobody edits it by hand.

<!-- contract:changelog -->
<!-- /contract:changelog -->
"""
"""A changelog before its first entry."""


class ReleaseRefusedError(Exception):
    """A release that may not be; nothing was written. The message says why in one line, ``findings`` in detail."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class HistoryMissingError(ReleaseRefusedError):
    """A release that cannot be judged, because git does not hold what it would be compared with."""


@dataclass(frozen=True, slots=True)
class Released:
    """A release that was carried out, and the files whose regions were looked at."""

    plan: ReleasePlan
    specs: tuple[SpecUpdate, ...] = ()


def release(
    root: Path,
    spec: str,
    contracts: Sequence[Contract],
    *,
    code: JudgingCode,
    signatures: Signatures,
    main_line: str = MAIN_LINE,
    anywhere: bool = False,
) -> Released:
    """Release all pending amendments of ``spec``; with none pending, nothing happens.

    Args:
        root: the workspace.
        spec: whose amendments.
        contracts: all contracts of the workspace, sound ones.
        code: today's code, for the standings that the regions show.
        signatures: what each check accepts.
        main_line: the branch on which there are releases.
        anywhere: also on other branches.

    Raises:
        ReleaseRefusedError: it may not be, for the reasons given; HistoryMissingError where that cannot be seen.
        GitError: git failed.
        OSError: a file could not be written; run it again when it can.
    """
    with exclusive(root):
        repository = Repository(root)
        head = _released_commit(repository, main_line, anywhere=anywhere)
        ledger = open_ledger(root, contracts, code, repository)
        statements = {one.sha256 for one in ledger.evidence[spec].statements} if spec in ledger.evidence else set()
        files = files_at(repository, head, spec)
        plan = plan_release(files, last_release(repository, spec), statements, signatures)
        if uncommitted := tuple(_uncommitted(root, repository, files, plan)):
            raise ReleaseRefusedError("a release is made from what is committed", uncommitted)
        if plan.refusals:
            what = "the pending amendments cannot be released as they are"
            none = "contracts changed since the last release, and no amendment is pending"
            raise ReleaseRefusedError(what if plan.log.pending else none, plan.refusals)
        if not plan.moved:
            return Released(plan)
        if obstacles := region_obstacles(ledger, spec):
            raise ReleaseRefusedError("the regions cannot be written", obstacles)
        return Released(plan, _carry_out(root, files, plan, contracts, code, repository))


def _released_commit(repository: Repository, main_line: str, *, anywhere: bool) -> str:
    """The commit that is checked out, where a release may be made from it. Raises ReleaseRefusedError."""
    if repository.problem or repository.head is None:
        why = repository.problem or "there is no commit yet"
        raise HistoryMissingError(f"a release compares with git's history: {why}")
    if not (anywhere or repository.branch == main_line):
        here = f"on branch {repository.branch}" if repository.branch else "at no branch (a detached head)"
        hint = "merge your amendments there and release then; --regions releases here all the same"
        raise ReleaseRefusedError(f"releases are made on {main_line}, this is {here}; {hint}")
    if repository.shallow:
        raise HistoryMissingError(f"this is a shallow clone, in which the last release cannot be found; {DEEPEN}")
    return repository.head


def _uncommitted(root: Path, repository: Repository, files: SpecFiles, plan: ReleasePlan) -> Iterator[Finding]:
    """Every file of the release that is neither as it is committed nor as the release leaves it."""
    contracts = contract_paths(root / CONTRACTS_FOLDER)
    looked_at = {
        *files.amendments, *files.contracts, *amendments_on_disk(root, files.spec),
        *(one.relative_to(root).as_posix() for one in contracts),
    }  # fmt: skip
    ship = ship_path(files.spec)
    if (root / ship).exists() or repository.file_at("HEAD", ship) is not None:
        looked_at.add(ship)
    for path in sorted(repository.changed_paths(looked_at)):
        if not _is_as_released(root, path, files, plan):
            there = "is not committed" if (root / path).exists() else "was deleted, and that is not committed"
            yield Finding("amendment", "error", path, f"{there}; nobody could tell what was released", hint=_COMMIT)


_COMMIT = "commit it, or take the change back (git status)"


def _is_as_released(root: Path, path: str, files: SpecFiles, plan: ReleasePlan) -> bool:
    """Whether an earlier run of this very release has been here already."""
    place = root / path
    if path in plan.moved.values():
        there = next(new for new, old in plan.moved.items() if old == path)
        return not place.exists() and (root / there).is_file()
    target = plan.written.get(path) or files.amendments.get(plan.moved.get(path, ""))
    return isinstance(target, bytes) and place.is_file() and place.read_bytes() == target


def _carry_out(
    root: Path,
    files: SpecFiles,
    plan: ReleasePlan,
    contracts: Sequence[Contract],
    code: JudgingCode,
    repository: Repository,
) -> tuple[SpecUpdate, ...]:
    """Write everything, each file at once, and take away last what is pending. Raises OSError."""
    for path, data in _new_files(files, plan):
        _write(root / path, data)
    changelog = changelog_path(root, plan.spec)
    if not changelog.exists():
        write_atomically(changelog, CHANGELOG.format(spec=plan.spec).encode())
    ledger = open_ledger(root, _reread(root, contracts, plan), code, repository)
    updates = update_regions(ledger, plan.spec)
    for path in plan.moved.values():
        remove_durably(root / path)
    return updates


def _new_files(files: SpecFiles, plan: ReleasePlan) -> Iterator[tuple[str, bytes]]:
    for new, old in plan.moved.items():
        data = files.amendments[old]
        if isinstance(data, bytes):  # always, because they come from a commit
            yield new, data
    yield from plan.written.items()


def _write(path: Path, data: bytes) -> None:
    if not (path.is_file() and path.read_bytes() == data):
        write_atomically(path, data)


def _reread(root: Path, contracts: Sequence[Contract], plan: ReleasePlan) -> list[Contract]:
    """The contracts with the versions that were just written."""
    moved = {one.contract: one for one in plan.contracts}
    after = []
    for one in contracts:
        move = moved.get(one.contract)
        read = read_contract(root / move.path).contract if move else None
        after.append(replace(read or one, path=one.path))
    return after
