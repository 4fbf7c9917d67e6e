"""``contract schema``: JSON Schemas of the files that people write, for editors, and of the report that is written."""

from __future__ import annotations

import json
from pathlib import Path

import click

from falsifiable.cli.common import traceback_option, write_named


@click.command()
@click.option("--print", "to_stdout", is_flag=True, help="Print the schema with the checks installed here.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write that schema to a file.")
@click.option(
    "--of",
    "file",
    type=click.Choice(["contract", "artifacts", "ship", "report"]),
    default="contract",
    show_default=True,
    help="What it describes: a contract, artifacts.yaml, ship.yaml, or the report of validate --format json.",
)
@traceback_option
def command(to_stdout: bool, write: Path | None, file: str) -> None:
    """Print the path of the JSON Schema (draft-07) for contract files, or with --print or --write that of --of.

    Put it in the first line of a contract, and an editor that speaks yaml-language-server completes it:

    \b
        # yaml-language-server: $schema=PATH
    """
    if not (to_stdout or write):
        if file != "contract":
            shown = "the report" if file == "report" else f"{file}.yaml"
            raise click.UsageError(f"the schema of {shown} is printed with --print, or written with --write FILE")
        from falsifiable.contracts import shipped_schema

        click.echo(shipped_schema())
        return
    text = json.dumps(_schema_of(file), indent=2) + "\n"
    if write:
        write_named(write, text, "--write")
        click.echo(write)
    else:
        click.echo(text, nl=False)


def _schema_of(file: str) -> dict[str, object]:
    from falsifiable.contracts import artifacts_schema, contract_schema, ship_schema

    if file == "report":
        from falsifiable.report.report_schema import report_schema

        return report_schema()
    if file != "contract":
        return {"artifacts": artifacts_schema, "ship": ship_schema}[file]()
    from falsifiable.validation.catalogue import load_catalogue

    return contract_schema(load_catalogue().signatures)
