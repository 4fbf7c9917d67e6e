"""Statements on disk: ``spec/<spec>/evidence/<sha256>.json``, each named by the sha256 of its bytes.

Nothing is ever rewritten, so recording needs no lock and two people recording at once cannot collide. An edited, torn
or renamed file no longer fits its name; it is reported and counts for nothing. A writer that is killed leaves at most a
temporary file, which is read by nobody and removed by a later writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falsifiable.evidence.atomic import remove_abandoned, write_atomically
from falsifiable.evidence.canonical import sha256_of, short
from falsifiable.evidence.dsse import LARGEST_PAYLOAD_BYTES
from falsifiable.evidence.layout import SHA256
from falsifiable.evidence.problem import EvidenceProblem, read_bounded
from falsifiable.evidence.signatures import SIGNATURE_SUFFIX, Signature, read_signatures
from falsifiable.evidence.statement import Statement, StatementError, parse_statement

LARGEST_STATEMENT_BYTES = LARGEST_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class Evidence:
    """All readable statements of one or more specs, in the order of their digests, and the files that are none.

    ``signatures`` maps the sha256 of a statement to what lies beside it; none of them has been verified yet.
    """

    statements: tuple[Statement, ...] = ()
    problems: tuple[EvidenceProblem, ...] = ()
    signatures: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)

    def of(self, contract: str) -> tuple[Statement, ...]:
        """The statements about ``contract``."""
        return tuple(one for one in self.statements if one.contract == contract)

    def signatures_of(self, statement: Statement) -> tuple[Signature, ...]:
        """The signatures that lie beside ``statement``."""
        return self.signatures.get(statement.sha256, ())

    def __add__(self, other: Evidence) -> Evidence:
        """Both together; a statement or signature found twice counts once."""
        merged = {one.sha256: one for one in (*self.statements, *other.statements)}
        beside = dict(self.signatures)
        for digest, signatures in other.signatures.items():
            beside[digest] = tuple(dict.fromkeys((*beside.get(digest, ()), *signatures)))
        statements = tuple(merged[digest] for digest in sorted(merged))
        return Evidence(statements, self.problems + other.problems, beside)


def evidence_folder(root: Path, spec: str) -> Path:
    """Where the evidence of ``spec`` lies in the workspace ``root``."""
    return root / "spec" / spec / "evidence"


def statement_path(spec: str, digest: str) -> str:
    """Where the statement with this sha256 lies among the evidence of ``spec``, relative to the workspace."""
    return evidence_folder(Path(), spec).joinpath(f"{digest}.json").as_posix()


def write_statement(folder: Path, statement: Statement) -> Path:
    """Write ``statement`` under its digest; where it is already there, nothing happens. Raises OSError.

    What killed writers left in the folder long ago goes with it.
    """
    path = folder / f"{statement.sha256}.json"
    if not (path.is_file() and path.read_bytes() == statement.data):
        write_atomically(path, statement.data)
    remove_abandoned(folder)
    return path


def read_evidence(folder: Path) -> Evidence:
    """Every statement in ``folder``, with its signatures. A folder that is not there holds none."""
    statements, problems = [], []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        if path.name.endswith(SIGNATURE_SUFFIX) or path.name.startswith("."):
            continue
        read = _read(path)
        if isinstance(read, Statement):
            statements.append(read)
        else:
            problems.append(read)
    signatures, unsigned = read_signatures(folder, {one.sha256 for one in statements})
    return Evidence(tuple(statements), (*problems, *unsigned), signatures)


def read_all_evidence(root: Path, specs: Iterable[str] = ()) -> dict[str, Evidence]:
    """The evidence of every spec in the workspace ``root`` that has any, and of ``specs``, by spec."""
    recorded = (folder.parent.name for folder in root.glob("spec/*/evidence") if folder.is_dir())
    return {spec: read_evidence(evidence_folder(root, spec)) for spec in sorted({*recorded, *specs})}


def matching(evidence: Mapping[str, Evidence], prefix: str) -> tuple[tuple[str, Statement], ...]:
    """The statements whose sha256 begins with ``prefix`` (in either case), each with its spec, by their digests."""
    found = {
        one.sha256: (spec, one)
        for spec in evidence
        for one in evidence[spec].statements
        if one.sha256.startswith(prefix.lower())
    }
    return tuple(found[digest] for digest in sorted(found))


def heads(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements that no other of the same contract supersedes, in the order of their digests.

    A function of the set: the order in which branches were merged does not enter.
    """
    known = {one.sha256: one for one in statements}
    replaced = {(one.contract, earlier) for one in known.values() for earlier in one.supersedes}
    return tuple(known[digest] for digest in sorted(known) if (known[digest].contract, digest) not in replaced)


def in_succession(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements, each after all that it supersedes; those that are as far from a first one by their digests.

    A function of the set, like :func:`heads`: nothing says when a statement was made, and nothing needs to.
    """
    known = {one.sha256: one for one in statements}
    followers: dict[str, list[str]] = {digest: [] for digest in known}
    waits_for = dict.fromkeys(known, 0)
    for digest, one in known.items():
        for earlier in one.supersedes:
            if earlier in known:
                followers[earlier].append(digest)
                waits_for[digest] += 1
    order: list[Statement] = []
    generation = sorted(digest for digest, count in waits_for.items() if count == 0)
    while generation:
        order += [known[digest] for digest in generation]
        freed = [follower for digest in generation for follower in followers[digest]]
        for follower in freed:
            waits_for[follower] -= 1
        generation = sorted({follower for follower in freed if waits_for[follower] == 0})
    return tuple(order)


def _read(path: Path) -> Statement | EvidenceProblem:
    data = read_bounded(path, LARGEST_STATEMENT_BYTES, "a statement")
    if isinstance(data, EvidenceProblem):
        return data
    named, found = path.name.removesuffix(".json"), sha256_of(data)
    if not re.fullmatch(SHA256, named):
        return EvidenceProblem(path, f"is not named by its sha256, which is {found}")
    if named != found:
        return EvidenceProblem(path, f"was edited or cut: its sha256 is {short(found)}..., not the one it is named by")
    try:
        return parse_statement(data)
    except StatementError as error:
        return EvidenceProblem(path, f"is not a statement this version can read: {error}", "record again")
