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
from falsifiable.status import NOT_THERE, JudgingCode
from falsifiable.validation.results import ContractResult, Judgement

MAIN_LINE = "main"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one contract's result.

    ``written`` is the path of the new statement, None where the evidence ``sha256`` already says all of it. ``absent``
    names the falsifiers that had nothing to judge here, and for which earlier evidence goes on to count.
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

    Recording the same twice writes nothing the second time. Absence refutes nothing: earlier evidence about something
    that is not here now is not superseded, and a result that has nothing else to say is not written. The regions are
    written on the main line, where there is no git, and with ``regions``. Raises OSError, and GitError where git fails.
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
    kept = [one for one in current if _counts(one, repository) and _not_here(statement, one)]
    replaced = [one for one in current if one not in kept]
    absent = tuple(sorted({name for one in kept for name in _not_here(statement, one)}))
    if current and _adds_nothing(statement, kept, replaced, repository):
        return Recorded(statement.contract, (replaced or kept)[0].sha256, None, absent)
    statement = statement.superseding(one.sha256 for one in replaced)
    return Recorded(statement.contract, statement.sha256, write_statement(folder, statement), absent)


def _counts(statement: Statement, repository: Repository) -> bool:
    commit = statement.context.commit
    return commit is None or repository.membership(commit, statement.context.trees).counts == "yes"


def _not_here(new: Statement, head: Statement) -> set[str]:
    """The falsifiers that ``head`` judged as they are today and that ``new`` had nothing to judge with."""
    if new.context.semantics != head.context.semantics:
        return set()
    pairs = ((one, head.judgement_of(one.falsifier)) for one in new.judgements)
    return {one.falsifier for one, then in pairs if then and _only_absent(one, then)}


def _only_absent(new: Judgement, then: Judgement) -> bool:
    if new.cause not in NOT_THERE or then.verdict.outcome == "inconclusive":
        return False
    return (new.claim_digest, new.source_digest) == (then.claim_digest, then.source_digest)


def _adds_nothing(
    new: Statement, kept: Sequence[Statement], replaced: Sequence[Statement], repository: Repository
) -> bool:
    """Whether every word of ``new`` stands in one head that it would replace, or speaks of nothing but absence."""
    if len(replaced) > 1 or not all(_still_good(new, one, repository) for one in replaced):
        return False
    absent = {name for one in kept for name in _not_here(new, one)}
    said = [judgement for one in (replaced or kept) for judgement in one.judgements]
    return all(one.falsifier in absent or one in said for one in new.judgements)


def _still_good(new: Statement, head: Statement, repository: Repository) -> bool:
    """Whether ``head`` could stand for ``new`` as far as everything but the judgements goes."""
    if not _counts(head, repository) or (_committed(new) and not _committed(head)):
        return False
    if new.claims_digest != head.claims_digest or new.context.semantics != head.context.semantics:
        return False
    judged = {one.falsifier for one in new.judgements}
    return new.observations == head.observations and all(one.falsifier in judged for one in head.judgements)


def _committed(statement: Statement) -> bool:
    return statement.context.commit is not None and not statement.context.dirty


def _relative(contract: Contract, root: Path) -> str:
    """The contract's path in the workspace; a shipped contract lies elsewhere and goes by its folder and name."""
    if contract.path is None:
        return contract.contract
    path, root = contract.path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else "/".join(path.parts[-2:])
