"""Recording: results become statements, and on the main line the regions of their specs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts.model import Contract, spec_of
from falsifiable.evidence import (
    Context,
    Repository,
    Statement,
    context_of,
    evidence_folder,
    exclusive,
    heads,
    parse_statement,
    statement_of,
    write_statement,
)
from falsifiable.spec.ledger import open_ledger
from falsifiable.spec.update import SpecUpdate, update_regions
from falsifiable.status import NOT_THERE, JudgingCode, speaking
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

    Recording the same twice writes nothing the second time. Absence refutes nothing: for what is not here now the
    evidence beneath goes on to speak, and a result that has nothing else to say is not written. The regions are written
    on the main line, where there is no git, and with ``regions``. Raises OSError, and GitError where git fails.

    Many processes may record at once: statements need no lock, and whoever writes the regions reads, under one, all
    evidence that is there by then, so that the last regions written rest on all of it.
    """
    context = context or context_of(repository, semantics=code.semantics)
    ledger = open_ledger(root, contracts, code, repository)
    known = ledger.statements
    by_name = {one.contract: one for one in contracts}
    recorded = []
    for result in results:
        contract = by_name[result.contract]
        spec = spec_of(contract)
        statement = statement_of(result, context, contract_file=path_in_workspace(contract, root))
        # Wherever they lie: a contract that moved to another spec replaces what it left with the old one.
        earlier = [one for one in known if one.contract == result.contract]
        recorded.append(_write(evidence_folder(root, spec), statement, earlier, repository))
    if not (regions or repository.problem or repository.branch == main_line):
        return Recording(tuple(recorded))
    with exclusive(root):
        after = open_ledger(root, contracts, code, repository)
        specs = sorted({spec_of(one) for one in contracts})
        updates = [one for spec in specs for one in update_regions(after, spec, discard_edits=discard_edits)]
    return Recording(tuple(recorded), tuple(updates))


def _write(folder: Path, statement: Statement, earlier: Sequence[Statement], repository: Repository) -> Recorded:
    statement = parse_statement(statement.data)  # compared as it will be read: 1.0 and 1 are one number in JSON
    current = heads(earlier)
    goes_on = {one.falsifier for one in statement.judgements if _goes_on(statement, one, earlier, repository)}
    absent = tuple(sorted(goes_on))
    if len(current) == 1 and _adds_nothing(statement, current[0], goes_on, repository):
        return Recorded(statement.contract, current[0].sha256, None, absent)
    statement = statement.superseding(one.sha256 for one in current)
    return Recorded(statement.contract, statement.sha256, write_statement(folder, statement), absent)


def _counts(statement: Statement, repository: Repository) -> bool:
    commit = statement.context.commit
    return commit is None or repository.membership(commit, statement.context.trees).counts == "yes"


def _goes_on(new: Statement, judgement: Judgement, earlier: Sequence[Statement], repository: Repository) -> bool:
    """Whether there was nothing to judge here, and earlier evidence of the same claim by the same code goes on."""
    if judgement.cause not in NOT_THERE:
        return False
    spoken = ((one, one.judgement_of(judgement.falsifier)) for one in speaking(earlier, judgement.falsifier))
    return any(
        then is not None
        and then.verdict.outcome != "inconclusive"
        and (then.claim_digest, then.source_digest) == (judgement.claim_digest, judgement.source_digest)
        and one.context.semantics == new.context.semantics
        and _counts(one, repository)
        for one, then in spoken
    )


def _adds_nothing(new: Statement, head: Statement, goes_on: Collection[str], repository: Repository) -> bool:
    """Whether every word of ``new`` stands in ``head``, or speaks of nothing but absence."""
    if not _counts(head, repository) or (_committed(new) and not _committed(head)):
        return False
    if new.claims_digest != head.claims_digest or new.context.semantics != head.context.semantics:
        return False
    judged = {one.falsifier for one in new.judgements}
    return (
        all(one in head.observations or (goes_on and one.source == "absent") for one in new.observations)
        and (goes_on or len(new.observations) == len(head.observations))
        and all(one.falsifier in judged for one in head.judgements)
        and all(one.falsifier in goes_on or one in head.judgements for one in new.judgements)
    )


def _committed(statement: Statement) -> bool:
    return statement.context.commit is not None and not statement.context.dirty


def path_in_workspace(contract: Contract, root: Path) -> str:
    """The contract's path in the workspace; a shipped contract lies elsewhere and goes by its folder and name."""
    if contract.path is None:
        return contract.contract
    path, root = contract.path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else "/".join(path.parts[-2:])
