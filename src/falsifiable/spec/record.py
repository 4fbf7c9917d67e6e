"""Recording: results become statements, and on the main line the regions of their specs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts.model import Contract
from falsifiable.evidence import (
    Context,
    Repository,
    Statement,
    context_of,
    evidence_folder,
    heads,
    parse_statement,
    statement_of,
    write_statement,
)
from falsifiable.spec.ledger import open_ledger, spec_of
from falsifiable.spec.update import SpecUpdate, update_spec
from falsifiable.status import JudgingCode
from falsifiable.validation.results import Cause, ContractResult, Judgement, Observation

MAIN_LINE = "main"

_NOT_THERE: frozenset[Cause] = frozenset({"unbound", "absent", "library", "commands"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one contract's result.

    ``written`` is the path of the new statement, None where the evidence ``sha256`` already says all of it; ``absent``
    then names the falsifiers that could not be judged here while that evidence judges them.
    """

    contract: str
    sha256: str
    written: Path | None
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """What one ``record`` did: a statement per contract, and the specs whose regions were looked at."""

    statements: tuple[Recorded, ...]
    specs: tuple[SpecUpdate, ...] = ()


def record(
    root: Path,
    contracts: Sequence[Contract],
    results: Sequence[ContractResult],
    *,
    code: JudgingCode,
    repository: Repository,
    context: Context | None = None,
    regions: bool = False,
    main_line: str = MAIN_LINE,
    discard_edits: bool = False,
) -> Recording:
    """Write one statement per result, superseding the earlier evidence of its contract.

    Recording the same twice writes nothing the second time. Evidence that would say less, because something that was
    judged before is not here now, is not written either: absence refutes nothing. The regions are written on the main
    line, where there is no git, and with ``regions``. Raises OSError, and GitError where git fails.
    """
    context = context or context_of(repository, semantics=code.semantics)
    ledger = open_ledger(root, contracts, code, repository)
    by_name = {one.contract: one for one in contracts}
    recorded = []
    for result in results:
        contract = by_name[result.contract]
        spec = spec_of(contract)
        statement = statement_of(result, context, contract_file=_relative(contract, root))
        current = heads(ledger.evidence[spec].of(result.contract))
        recorded.append(_write(evidence_folder(root, spec), statement, current, repository))
    if not (regions or repository.problem or repository.branch == main_line):
        return Recording(tuple(recorded))
    after = open_ledger(root, contracts, code, repository)
    specs = sorted({spec_of(one) for one in contracts})
    return Recording(tuple(recorded), tuple(update_spec(after, spec, discard_edits=discard_edits) for spec in specs))


def _write(folder: Path, statement: Statement, current: Sequence[Statement], repository: Repository) -> Recorded:
    statement = parse_statement(statement.data)  # compared as it will be read: 1.0 and 1 are one number in JSON
    if len(current) == 1 and _counts(current[0], repository):
        absent = _absent_here(statement, current[0])
        if absent is not None:
            return Recorded(statement.contract, current[0].sha256, None, absent)
    statement = statement.superseding(one.sha256 for one in current)
    return Recorded(statement.contract, statement.sha256, write_statement(folder, statement))


def _counts(statement: Statement, repository: Repository) -> bool:
    commit = statement.context.commit
    return commit is None or repository.membership(commit, statement.context.trees).counts == "yes"


def _absent_here(new: Statement, current: Statement) -> tuple[str, ...] | None:
    """The falsifiers that ``new`` could not judge and ``current`` could, or None where ``new`` has something to add."""
    if new.claims_digest != current.claims_digest or new.context.semantics != current.context.semantics:
        return None
    if _committed(new) and not _committed(current):
        return None
    pairs = [(one, current.judgement_of(one.falsifier)) for one in new.judgements]
    absent = tuple(one.falsifier for one, then in pairs if _only_absent(one, then))
    if any(one != then and one.falsifier not in absent for one, then in pairs):
        return None
    if {one.falsifier for one in current.judgements} - {one.falsifier for one in new.judgements}:
        return None
    return absent if _observes_nothing_new(new, current) else None


def _committed(statement: Statement) -> bool:
    return statement.context.commit is not None and not statement.context.dirty


def _only_absent(new: Judgement, current: Judgement | None) -> bool:
    if current is None or new.cause not in _NOT_THERE or current.verdict.outcome == "inconclusive":
        return False
    return (new.claim_digest, new.source_digest) == (current.claim_digest, current.source_digest)


def _observes_nothing_new(new: Statement, current: Statement) -> bool:
    then = {(one.role, one.name): one for one in current.observations}
    return all(_same_or_absent(one, then.get((one.role, one.name))) for one in new.observations)


def _same_or_absent(new: Observation, then: Observation | None) -> bool:
    if then is None:
        return False
    return new == then or (new.criterion == then.criterion and new.source == "absent")


def _relative(contract: Contract, root: Path) -> str:
    """The contract's path in the workspace; a shipped contract lies elsewhere and goes by its folder and name."""
    if contract.path is None:
        return contract.contract
    path, root = contract.path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else "/".join(path.parts[-2:])
