"""``contract validate``: the main job."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli.common import (
    Asked,
    InvalidContracts,
    chosen_contracts,
    exit_code,
    faults_told,
    open_workspace,
    run_validation,
    validation_options,
)
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.cli.fleet import Where, executor_options, many_option, validate_fleet
from falsifiable.cli.outputs import Outputs
from falsifiable.cli.pv import Named, code_of_pv, named_pv, only_pv, summary, tell_passed_over, tell_pv, with_named
from falsifiable.cli.report_options import report_options

if TYPE_CHECKING:
    from falsifiable.contracts import Workspace
    from falsifiable.contracts.pv.file import PvFile
    from falsifiable.validation import ContractResult
    from falsifiable.validation.catalogue import Catalogue

NO_CLAIM = "no contract here judges an artifact: those of pv are only read (contract import pv FILE makes them claims)"


@click.command()
@click.option("--no-run", is_flag=True, help="Only check that contracts and amendments are valid.")
@click.option("--strict", is_flag=True, help="Exit 3 if anything stayed inconclusive, or was only read.")
@click.option("--record", is_flag=True, help="Also write the evidence, as contract record does.")
@click.option("--verbose", "-v", is_flag=True, help="Show the measurements behind every verdict.")
@many_option
@executor_options
@report_options
@validation_options
def command(
    asked: Asked,
    no_run: bool,
    strict: bool,
    record: bool,
    verbose: bool,
    many: str | None,
    executor: str,
    resources: dict[str, dict[str, float]],
    form: str,
    outputs: Mapping[Path, str],
) -> int:
    """Check all contracts (or those named), and run every falsifier whose artifacts are bound.

    CONTRACT is a name, a file, or a folder, which stands for all below it that are not hidden; links to folders are not
    followed. A file in the dialect of pv (.yaml or .yml) is checked as it stands, wherever it lies: by pv's own rules,
    and for what pv misses.

    Roles are bound by artifacts.yaml, by --run and by --artifact, the last winning. A verdict already reached on the
    same bytes with the same code is not computed again. Only the cache is written to, and what --output names: a
    report that lies there from before is removed before anything else is done, and no other file is replaced.

    \b
    Examples:
        contract validate --run runs/reference
        contract validate --output junit=report.xml --output sarif=report.sarif
        contract validate --format markdown >> "$GITHUB_STEP_SUMMARY"

    \b
    Exit codes: 0 all held, 1 something is falsified, 2 something could not be run, 3 nothing was examined (with
    --strict: something stayed inconclusive, or is of pv and only read), 4 wrong usage or invalid contract.
    """
    strict = strict and not no_run  # what nobody asked to run has not stayed open
    reports = Outputs(form, outputs, strict=strict)
    where = Where(executor, resources)
    judging = _options_that_judge(asked, many, where, record=record)
    if no_run:
        _refuse(judging, "--no-run runs nothing")
    named = named_pv(asked.contracts, asked.root)
    theirs, others = named.theirs, named.others
    tell_passed_over(named)
    if theirs and not (others and all(one.valid for one in theirs)):
        if not others:
            _refuse(judging, NO_CLAIM)
        if reports.for_a_person:
            tell_pv(theirs)
        return reports.unrun(with_named(only_pv(), named), pv=theirs)
    asked = replace(asked, contracts=others)
    workspace, catalogue = _opened(asked, reports, named)
    if theirs and reports.for_a_person:
        tell_pv(theirs, told=workspace.pv)
    workspace = with_named(workspace, named)
    pv = theirs if others else workspace.pv
    if pv and not others:
        click.echo(summary(pv), err=True)
        if not workspace.contracts:
            _refuse(judging, NO_CLAIM)
            return reports.unrun(workspace, pv=pv)
    where.check(catalogue)
    if no_run:
        return _only_read(asked, workspace, reports)
    if many is not None:
        fleet_code = validate_fleet(
            asked, many, where, workspace, catalogue, strict=strict, record=record, form=form, outputs=outputs
        )
        return combined([code_of_pv(pv, strict=strict), fleet_code])
    results = _run(asked, workspace, catalogue, where, reports, strict=strict, record=record, verbose=verbose, pv=pv)
    return combined([code_of_pv(pv, strict=strict), exit_code(results, strict=strict), reports.written])


def _options_that_judge(asked: Asked, many: str | None, where: Where, *, record: bool) -> list[str]:
    """The options that were given and mean nothing where no artifact is judged."""
    given = {
        "--many": many is not None,
        "--run": asked.run is not None,
        "--artifact": bool(asked.artifacts),
        "--record": record,
        "--executor ray": where.on_cluster,
    }
    return [option for option, is_given in given.items() if is_given]


def _refuse(options: Sequence[str], why: str) -> None:
    """Raise UsageError where any of ``options`` was given, which would be passed over in silence."""
    if options:
        raise click.UsageError(f"{why}; leave out {', '.join(options)}")


def _opened(asked: Asked, reports: Outputs, named: Named) -> tuple[Workspace, Catalogue]:
    """The workspace and the checks; where the contracts cannot be used, every report says why."""
    try:
        return open_workspace(asked.root)
    except InvalidContracts as error:
        reports.unrun(with_named(error.workspace, named))
        raise


def _only_read(asked: Asked, workspace: Workspace, reports: Outputs) -> ExitCode:
    """Say whether contracts and amendments are valid, and run nothing."""
    from falsifiable.cli.specs import known_specs
    from falsifiable.report.text import counted
    from falsifiable.spec import amendments_of

    contracts = chosen_contracts(workspace, asked.contracts)
    falsifiers = sum(len(contract.falsifiers) for contract in contracts)
    faults = [fault for spec in known_specs(workspace) for fault in amendments_of(workspace.root, spec).diagnostics]
    if reports.for_a_person:
        click.echo(f"{counted(len(contracts), 'contract')} with {counted(falsifiers, 'falsifier')}: valid")
    return combined([faults_told(faults), reports.unrun(workspace, faults)])


def _run(
    asked: Asked,
    workspace: Workspace,
    catalogue: Catalogue,
    where: Where,
    reports: Outputs,
    *,
    strict: bool,
    record: bool,
    verbose: bool,
    pv: Sequence[PvFile],
) -> tuple[ContractResult, ...]:
    """Run the falsifiers, tell what came of them and, where asked, record it."""
    from falsifiable.cli.standing import judging_code, record_results, recorded_and_local, recorder_of

    # Evidence speaks for bytes: what is to be recorded is read again.
    asked = replace(asked, rehash=asked.rehash or record)
    listeners = [reports.listening(workspace, pv)]
    streaming = record and where.on_cluster
    if streaming:
        listeners.append(recorder_of(workspace, judging_code(catalogue)))
    results = run_validation(asked, workspace, catalogue, where=where, listeners=listeners)
    if reports.for_a_person:
        from falsifiable.report.console import print_results
        from falsifiable.report.scoreboard import print_scoreboard

        print_results(results, sys.stdout, verbose=verbose, only_faults=asked.quiet, strict=strict)
        if not asked.quiet:
            print_scoreboard(*recorded_and_local(workspace, results, judging_code(catalogue)), sys.stdout)
    if record and not streaming:
        record_results(workspace, results, judging_code(catalogue), regions=False)
    return results
