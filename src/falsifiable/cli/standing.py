"""What ``validate``, ``record`` and ``status`` share: the standings of a workspace, and recording."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace

import click

from falsifiable.contracts import ARTIFACTS_FILE, Workspace
from falsifiable.evidence import Repository, context_of
from falsifiable.falsifier import SEMANTICS
from falsifiable.spec import Ledger, open_ledger, record
from falsifiable.status import ContractStanding, JudgingCode, local_standings
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.events import ContractJudged, Event, Listener
from falsifiable.validation.results import BoundArtifact, ContractResult


def judging_code(catalogue: Catalogue) -> JudgingCode:
    """Today's code, as evidence is compared with it."""
    return JudgingCode.of(catalogue, SEMANTICS)


def ledger_of(workspace: Workspace, code: JudgingCode) -> Ledger:
    """All contracts of the workspace with the evidence recorded for them."""
    contracts, repository = tuple(workspace.contracts), Repository(workspace.root)
    return open_ledger(workspace.root, contracts, code, repository, ships=workspace.ships)


def recorded_and_local(
    workspace: Workspace, results: Sequence[ContractResult], code: JudgingCode
) -> tuple[tuple[ContractStanding, ...], tuple[ContractStanding, ...]]:
    """Where the contracts of ``results`` stand by the evidence, and where these results would put them."""
    named = {result.contract for result in results}
    recorded = tuple(one for one in ledger_of(workspace, code).standings() if one.contract in named)
    repository = Repository(workspace.root)
    # Where only some contracts were asked for, those that they require were not looked at here and cap nothing.
    contracts = tuple(
        replace(one, requires=tuple(name for name in one.requires if name in named))
        for one in workspace.contracts
        if one.contract in named
    )
    context = context_of(repository, semantics=SEMANTICS)
    return recorded, local_standings(contracts, with_known_commands(results, repository), code, context)


def with_known_commands(results: Sequence[ContractResult], repository: Repository) -> tuple[ContractResult, ...]:
    """The same results, in which a command counts as known only while git knows all it is made of.

    A command whose sources, or the ``artifacts.yaml`` that names it, are not committed as they are could be anything.
    """
    files = {file for result in results for one in result.judgements for bound in one.artifacts for file in bound.files}
    changed = repository.changed_paths([ARTIFACTS_FILE, *sorted(files)])

    def known(bound: BoundArtifact) -> BoundArtifact:
        uncommitted = bound.kind == "command" and not changed.isdisjoint({ARTIFACTS_FILE, *bound.files})
        return replace(bound, provenance="orphan") if uncommitted else bound

    return tuple(
        replace(
            result,
            judgements=tuple(
                replace(one, artifacts=tuple(known(bound) for bound in one.artifacts)) for one in result.judgements
            ),
        )
        for result in results
    )


def recorder_of(workspace: Workspace, code: JudgingCode) -> Listener:
    """A listener that writes the evidence of each contract as soon as it has been judged, and says so on stderr.

    A validation on a cluster may take hours, and what was judged must not wait for the last of it.
    """

    def listen(event: Event) -> None:
        if isinstance(event, ContractJudged):
            with redirect_stdout(sys.stderr):
                record_results(workspace, (event.result,), code, regions=False)

    return listen


def record_results(
    workspace: Workspace,
    results: Sequence[ContractResult],
    code: JudgingCode,
    *,
    regions: bool,
    discard_edits: bool = False,
) -> bool:
    """Write the evidence of ``results`` and say what was written; whether every region could be brought up to date."""
    repository = Repository(workspace.root)
    recording = record(
        workspace.root,
        tuple(workspace.contracts),
        with_known_commands(results, repository),
        code=code,
        repository=repository,
        regions=regions,
        discard_edits=discard_edits,
    )
    for one in recording.statements:
        if one.written is not None:
            click.echo(f"recorded {one.contract}: {one.written.relative_to(workspace.root)}")
        elif one.absent:
            click.echo(f"kept the evidence of {one.contract}: not judged here were {', '.join(one.absent)}")
        else:
            click.echo(f"nothing new to record for {one.contract}")
    findings = [finding for spec in recording.specs for finding in spec.findings]
    for spec in recording.specs:
        if spec.written:
            click.echo(f"wrote {', '.join(spec.written)} in {spec.path.relative_to(workspace.root)}")
    for finding in findings:
        click.echo(str(finding), err=True)
    return not findings
