"""Statements for a reader: one whole, or all in the order in which they replaced each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from falsifiable.evidence import Statement, Verification, short
from falsifiable.falsifier import Verdict
from falsifiable.report.text import clean, counted, shortened

_FOUND_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """A statement, where it lies, what its signatures are worth, who reviewed it, and what replaced it."""

    spec: str
    path: str
    statement: Statement
    verification: Verification
    reviewers: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()


def counts_of(statement: Statement) -> Mapping[str, int]:
    """How many of its tests passed, warned and failed, as the in-toto predicate counts them."""
    predicate = statement.to_json()["predicate"]
    return {name: len(predicate[f"{name}Tests"]) for name in ("passed", "warned", "failed")}


def log_lines(entries: Sequence[StatementEntry]) -> Iterator[str]:
    """A paragraph per contract: its statements in the order of succession, the oldest first."""
    by_contract: dict[str, list[StatementEntry]] = {}
    for one in entries:
        by_contract.setdefault(one.statement.contract, []).append(one)
    for number, contract in enumerate(sorted(by_contract)):
        if number:
            yield ""
        specs = ", ".join(sorted({one.spec for one in by_contract[contract]}))
        yield clean(f"{contract} ({specs}), {counted(len(by_contract[contract]), 'statement')}")
        yield from (f"  {clean(_log_line(one))}" for one in by_contract[contract])


def _log_line(entry: StatementEntry) -> str:
    statement = entry.statement
    parts = [
        short(statement.sha256),
        _at(statement),
        f"run {shortened(statement.run_id, 40)}" if statement.run_id else "no run",
        _tally(statement),
        entry.verification.said if entry.verification.signers else entry.verification.outcome,
    ]
    if entry.reviewers:
        parts.append(f"reviewed by {', '.join(entry.reviewers)}")
    if not entry.superseded_by:
        parts.append("current")
    return "  ".join(parts)


def statement_lines(entry: StatementEntry) -> Iterator[str]:
    """One statement, whole: where it was judged, what of, with which outcome, by whom it is signed."""
    yield from (clean(line) for line in _statement_lines(entry))


def _statement_lines(entry: StatementEntry) -> Iterator[str]:
    statement = entry.statement
    yield f"statement     {statement.sha256}"
    yield f"file          {entry.path}"
    yield f"contract      {statement.contract} {statement.version} ({statement.contract_file})"
    yield f"judged at     {_at(statement)}"
    trained = f", trained at commit {statement.training_commit}" if statement.training_commit else ""
    yield f"run           {statement.run_id or 'none'}{trained}"
    yield f"outcome       {_tally(statement)}"
    yield f"supersedes    {_listed(statement.supersedes)}"
    yield f"superseded by {_listed(entry.superseded_by)}"
    yield f"signatures    {entry.verification.said}"
    yield from (f"              {one.said}" for one in entry.verification.checks if one.outcome != "signed")
    yield f"reviews       {', '.join(entry.reviewers) or 'none that counts'}"
    yield "about"
    for subject in statement.to_json()["subject"]:
        yield f"  {short(subject['digest']['sha256'])}  {subject['name']}"
    yield "verdicts"
    for one in statement.judgements:
        proven = "" if one.proven else " (not proven able to fall)"
        yield f"  {one.falsifier}: {one.verdict.outcome}{proven}{_because(one.verdict)}"


def statement_as_json(entry: StatementEntry) -> dict[str, Any]:
    """One statement for a program: the in-toto JSON itself, and what lies around it."""
    return {**_summary(entry), "statement": entry.statement.to_json()}


def log_as_json(entries: Sequence[StatementEntry]) -> list[dict[str, Any]]:
    """The statements for a program, in the order given."""
    return [_summary(one) for one in entries]


def _summary(entry: StatementEntry) -> dict[str, Any]:
    statement, verification = entry.statement, entry.verification
    return {
        "sha256": statement.sha256,
        "spec": entry.spec,
        "path": entry.path,
        "contract": statement.contract,
        "version": statement.version,
        "commit": statement.context.commit,
        "dirty": statement.context.dirty,
        "run": statement.run_id,
        "counts": dict(counts_of(statement)),
        "supersedes": list(statement.supersedes),
        "superseded_by": list(entry.superseded_by),
        "verification": verification.outcome,
        "signers": list(verification.signers),
        "signatures": [
            {"keyid": one.keyid, "outcome": one.outcome, "signer": one.signer, "said": one.said}
            for one in verification.checks
        ],
        "reviewers": list(entry.reviewers),
    }


def _at(statement: Statement) -> str:
    context = statement.context
    if context.commit is None:
        return "no commit"
    return context.marked(f"commit {short(context.commit)}")


def _tally(statement: Statement) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts_of(statement).items())


def _listed(digests: Sequence[str]) -> str:
    return ", ".join(short(one) for one in digests) or "nothing"


def _because(verdict: Verdict) -> str:
    said = verdict.found if verdict.outcome != "held" else ", ".join(str(one) for one in verdict.measurements)
    return f": {shortened(said, _FOUND_CHARACTERS)}" if said else ""
