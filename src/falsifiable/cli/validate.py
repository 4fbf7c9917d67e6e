"""``contract validate``: the main job."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

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
from falsifiable.cli.outputs import Outputs, report_options
from falsifiable.cli.pv import judge_pv, named_pv, summary, tell_pv
from falsifiable.contracts import Workspace
from falsifiable.report.text import counted


@click.command()
@click.option("--no-run", is_flag=True, help="Only check that contracts and amendments are valid.")
@click.option("--strict", is_flag=True, help="Exit 3 if anything stayed inconclusive.")
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

    CONTRACT is the name of a contract or its file. A file in the dialect of pv, or a folder of them, is checked as it
    stands, wherever it lies: by pv's own rules, and for what pv misses.

    Roles are bound by artifacts.yaml, by --run and by --artifact, the last winning. A verdict already reached on the
    same bytes with the same code is not computed again. Only the cache is written to, and what --output names.

    \b
    Examples:
        contract validate --run runs/reference
        contract validate --output junit=report.xml --output sarif=report.sarif
        contract validate --format markdown >> "$GITHUB_STEP_SUMMARY"

    \b
    Exit codes: 0 all held, 1 something is falsified, 2 something could not be run, 3 nothing was examined (with
    --strict: something stayed inconclusive), 4 wrong usage or invalid contract.
    """
    pv_code = ExitCode.HELD
    if asked.contracts:
        theirs, others = named_pv(asked.contracts)
        if theirs:
            pv_code = tell_pv(judge_pv(theirs, asked.root), form, strict=strict)
            if not others or pv_code == ExitCode.INVALID:
                return pv_code
        asked = replace(asked, contracts=others)
    # Only now: contracts of pv need none of it, and a check that runs on every save must not wait for it.
    from falsifiable.cli.standing import judging_code, record_results, recorded_and_local, recorder_of

    reports = Outputs(form, outputs, strict=strict)
    try:
        workspace, catalogue = open_workspace(asked.root)
    except InvalidContracts as error:
        reports.unrun(error.workspace, error.code)
        raise
    if workspace.pv and not asked.contracts:
        click.echo(summary(workspace.pv), err=True)
        if not workspace.contracts:
            return ExitCode.NOTHING_EXAMINED if strict else ExitCode.HELD
    if no_run:
        return _only_read(asked, workspace, reports, quiet=form != "text")
    where = Where(executor, resources)
    if many is not None:
        return validate_fleet(asked, many, where, workspace, catalogue, strict=strict, record=record, form=form)
    # Evidence speaks for bytes: what is to be recorded is read again.
    asked = replace(asked, rehash=asked.rehash or record)
    streaming = record and executor == "ray"
    listeners = [reports.listening(workspace)]
    if streaming:
        listeners.append(recorder_of(workspace, judging_code(catalogue)))
    results = run_validation(asked, workspace, catalogue, where=where, listeners=listeners)
    if form == "text":
        from falsifiable.report.console import print_results
        from falsifiable.report.scoreboard import print_scoreboard

        print_results(results, sys.stdout, verbose=verbose)
        print_scoreboard(*recorded_and_local(workspace, results, judging_code(catalogue)), sys.stdout)
    if record and not streaming:
        record_results(workspace, results, judging_code(catalogue), regions=False)
    return combined([pv_code, exit_code(results, strict=strict)])


def _only_read(asked: Asked, workspace: Workspace, reports: Outputs, *, quiet: bool) -> ExitCode:
    """Say whether contracts and amendments are valid; ``quiet`` where a report is printed in the place of the text."""
    from falsifiable.cli.specs import known_specs
    from falsifiable.spec import amendments_of

    contracts = chosen_contracts(workspace, asked.contracts)
    falsifiers = sum(len(contract.falsifiers) for contract in contracts)
    faults = [fault for spec in known_specs(workspace) for fault in amendments_of(workspace.root, spec).diagnostics]
    if not quiet:
        click.echo(f"{counted(len(contracts), 'contract')} with {counted(falsifiers, 'falsifier')}: valid")
    code = faults_told(faults)
    reports.unrun(workspace, code, faults)
    return code
