"""``contract schema``: JSON Schemas of the files that people write, for editors, and of the report that is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from falsifiable.cli.common import traceback_option, write_named


@click.command()
@click.option("--print", "to_stdout", is_flag=True, help="Print the schema with the checks installed here.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write that schema to a file.")
@click.option(
    "--of",
    "file",
    type=click.Choice(["contract", "artifacts", "ship", "race", "plan", "trust", "report"]),
    default="contract",
    show_default=True,
    help="What it describes: a contract, artifacts.yaml, ship.yaml, race.yaml, the plan of a run, trust.yaml, or the "
    "report of validate --format json.",
)
@traceback_option
def command(to_stdout: bool, write: Path | None, file: str) -> None:
    """Print the path of the JSON Schema (draft-07) for contract files, or with --print or --write that of --of.

    An editor that speaks yaml-language-server completes, explains and checks a file whose first line names its schema,
    by a URL or by a path, which may be relative to the file. init writes that line and the schema; write it again when
    other checks are installed:

    \b
        contract schema --write contracts/contract.schema.json
        # yaml-language-server: $schema=contract.schema.json
    """
    if not (to_stdout or write):
        if file != "contract":
            raise click.UsageError(f"the schema of --of {file} is printed with --print, or written with --write FILE")
        from falsifiable.contracts import shipped_schema

        click.echo(shipped_schema())
        return
    text = schema_text(file)
    if write:
        write_named(write, text, "--write")
        click.echo(write)
    else:
        click.echo(text, nl=False)


def schema_text(file: str) -> str:
    """The schema of one kind of file (a choice of --of) as it is written; that of contracts knows what is installed."""
    return json.dumps(_schema_of(file), indent=2) + "\n"


def _schema_of(file: str) -> dict[str, Any]:
    from falsifiable import contracts

    if file == "report":
        from falsifiable.report.report_schema import report_schema

        return report_schema()
    if file == "race":
        from falsifiable.race.deciding.plan import RacePlan

        said = "Many runs of one recipe: where losers are stopped, and what wins"
        return contracts.file_schema(RacePlan, "Falsifiable race", said)
    if file == "contract":
        from falsifiable.validation.catalogue import load_catalogue

        return contracts.contract_schema(load_catalogue().signatures)
    of_file = {
        "artifacts": contracts.artifacts_schema,
        "ship": contracts.ship_schema,
        "plan": contracts.plan_schema,
        "trust": contracts.trust_schema,
    }
    return of_file[file]()
