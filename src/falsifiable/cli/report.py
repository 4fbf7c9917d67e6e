"""``contract report``: what is known of a run, as a document for others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import open_workspace, root_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from falsifiable.report.packet import Knowledge


@click.command()
@click.option(
    "--packet",
    "run",
    required=True,
    metavar="RUN",
    type=click.Path(exists=True, path_type=Path),
    help="The run folder, or its run.yaml, whose promotion packet is wanted.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="For whom to write: a person or a program.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else it is printed."
)
@root_option
@traceback_option
def command(run: Path, form: str, output: Path | None, root: Path | None) -> None:
    """Write the promotion packet of a run: what somebody needs who decides whether its result may be used.

    Run id, data sets, metrics, the commands that do it again, the source, references, figures, files, the evidence that
    names these bytes, the statuses it earned, what is missing, and every question that stayed open. Names of machines
    and people, and folders of theirs, are left out. Nothing is validated: `contract record` writes the evidence.

    \b
    Examples:
        contract report --packet runs/reference --output packet.md
        contract report --packet runs/reference --format json

    Exit codes: 0 the packet was written (whether it is promotable stands in it), 2 the run cannot be read.
    """
    from falsifiable.artifacts import ArtifactError, open_run
    from falsifiable.evidence import write_atomically
    from falsifiable.report.packet import packet_of
    from falsifiable.report.packet_markdown import as_markdown
    from falsifiable.report.redaction import Redaction

    known = _known(root)
    try:
        record = open_run(run)
        packet = packet_of(record, known, Redaction.of_this_machine(record.folder, *([root] if root else [])))
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    text = as_markdown(packet) if form == "markdown" else json.dumps(packet, indent=2, allow_nan=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically(output, text.encode())


def _known(root: Path | None) -> Knowledge:
    """The evidence of the workspace, and where its contracts stand by it."""
    from falsifiable.cli.standing import judging_code, ledger_of
    from falsifiable.report.packet import Knowledge

    workspace, catalogue = open_workspace(root)
    ledger = ledger_of(workspace, judging_code(catalogue))
    return Knowledge(ledger.statements, ledger.standings(), tuple(workspace.contracts))
