"""Statements on disk: ``spec/<spec>/evidence/<sha256>.json``, each named by the sha256 of its bytes.

Nothing is ever rewritten, so recording needs no lock and two people recording at once cannot collide. An edited, torn
or renamed file no longer fits its name; it is reported and counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from falsifiable.evidence.atomic import write_atomically
from falsifiable.evidence.canonical import sha256_of
from falsifiable.evidence.layout import SHA256
from falsifiable.evidence.statement import Statement, StatementError, parse_statement

LARGEST_STATEMENT_BYTES = 16 * 1024 * 1024
SIGNATURE_SUFFIX = ".dsse.json"


@dataclass(frozen=True, slots=True)
class EvidenceProblem:
    """A file among the evidence that is not what its name says, and therefore counts for nothing."""

    path: Path
    message: str
    hint: str = "restore it from git (git checkout -- FILE), or delete it and record again"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All readable statements of one or more specs, in the order of their digests, and the files that are none."""

    statements: tuple[Statement, ...] = ()
    problems: tuple[EvidenceProblem, ...] = ()

    def of(self, contract: str) -> tuple[Statement, ...]:
        """The statements about ``contract``."""
        return tuple(one for one in self.statements if one.contract == contract)

    def __add__(self, other: Evidence) -> Evidence:
        """Both together; a statement found twice counts once."""
        merged = {one.sha256: one for one in (*self.statements, *other.statements)}
        return Evidence(tuple(merged[digest] for digest in sorted(merged)), self.problems + other.problems)


def evidence_folder(root: Path, spec: str) -> Path:
    """Where the evidence of ``spec`` lies in the workspace ``root``."""
    return root / "spec" / spec / "evidence"


def write_statement(folder: Path, statement: Statement) -> Path:
    """Write ``statement`` under its digest; where it is already there, nothing happens. Raises OSError."""
    path = folder / f"{statement.sha256}.json"
    if not (path.is_file() and path.read_bytes() == statement.data):
        write_atomically(path, statement.data)
    return path


def read_evidence(folder: Path) -> Evidence:
    """Every statement in ``folder``. A folder that is not there holds none."""
    statements, problems = [], []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        if path.name.endswith(SIGNATURE_SUFFIX) or path.name.startswith("."):
            continue
        read = _read(path)
        if isinstance(read, Statement):
            statements.append(read)
        else:
            problems.append(read)
    return Evidence(tuple(statements), tuple(problems))


def heads(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements that no other of the same contract supersedes, in the order of their digests.

    A function of the set: the order in which branches were merged does not enter.
    """
    known = {one.sha256: one for one in statements}
    replaced = {(one.contract, earlier) for one in known.values() for earlier in one.supersedes}
    return tuple(known[digest] for digest in sorted(known) if (known[digest].contract, digest) not in replaced)


def _read(path: Path) -> Statement | EvidenceProblem:
    try:
        size = path.stat().st_size
        if size > LARGEST_STATEMENT_BYTES:
            return EvidenceProblem(path, f"has {size} bytes; a statement has at most {LARGEST_STATEMENT_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        return EvidenceProblem(path, f"cannot be read: {error.strerror}", "make the file readable")
    named, found = path.name.removesuffix(".json"), sha256_of(data)
    if not re.fullmatch(SHA256, named):
        return EvidenceProblem(path, f"is not named by its sha256, which is {found}")
    if named != found:
        return EvidenceProblem(path, f"was edited or cut: its sha256 is {found[:12]}..., not the one it is named by")
    try:
        return parse_statement(data)
    except StatementError as error:
        return EvidenceProblem(path, f"is not a statement this version can read: {error}", "record again")
