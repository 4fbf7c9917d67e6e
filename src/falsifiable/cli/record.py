"""``contract record``: write evidence, and the statuses it earned into the spec."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Asked, exit_code, format_option, open_workspace, run_validation, validation_options
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.cli.standing import judging_code, ledger_of, record_results
from falsifiable.contracts import Workspace
from falsifiable.status import JudgingCode


@click.command()
@click.option("--check", is_flag=True, help="Only ask whether the spec says what the committed evidence implies.")
@click.option("--base", metavar="REF", help="With --check: regions as they are at REF are accepted too.")
@click.option("--regions", is_flag=True, help="Write the spec's regions on any branch, not only on main.")
@click.option("--discard-edits", is_flag=True, help="Overwrite regions that were edited by hand.")
@format_option
@validation_options
def command(asked: Asked, check: bool, base: str | None, regions: bool, discard_edits: bool, form: str) -> int:
    """Validate, write one evidence statement per contract, and bring the regions of the spec up to date.

    With --check nothing is run or written and no artifact is needed: exit code 1 says that a region, an evidence file,
    a falsifier's source or a contract is not what the committed evidence rests on, and names each with what it demotes.
    """
    if base and not check:
        raise click.UsageError("--base goes with --check")
    workspace, catalogue = open_workspace(asked.root)
    code = judging_code(catalogue)
    if check:
        if asked.contracts:
            raise click.UsageError("--check looks at all contracts; it takes no names")
        return _check(workspace, code, base, form)
    results = run_validation(replace(asked, rehash=True), workspace, catalogue)
    in_step = record_results(workspace, results, code, regions=regions, discard_edits=discard_edits)
    return combined([exit_code(results), ExitCode.HELD if in_step else ExitCode.FALSIFIED])


def _check(workspace: Workspace, code: JudgingCode, base: str | None, form: str) -> ExitCode:
    from falsifiable.evidence import GitError, Repository
    from falsifiable.spec import check_specs

    try:
        findings = check_specs(ledger_of(workspace, code), Repository(workspace.root), base=base)
    except GitError as error:
        raise Failure(f"--base {base}: {error}") from error
    if form == "json":
        json.dump([asdict(one) for one in findings], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for one in findings:
            click.echo(str(one))
        errors = sum(one.severity == "error" for one in findings)
        click.echo(f"{errors} out of date" if errors else "every region is what the committed evidence implies")
    codes = {"error": ExitCode.FALSIFIED, "inconclusive": ExitCode.COULD_NOT_RUN}
    return combined(codes.get(one.severity, ExitCode.HELD) for one in findings)
