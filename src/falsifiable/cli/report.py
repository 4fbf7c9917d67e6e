"""``contract report``: what is known of a run, as a document for others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import open_workspace, root_option, traceback_option, write_named
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import json_text

if TYPE_CHECKING:
    from falsifiable.report.packet import Knowledge


@click.command()
@click.option(
    "--packet",
    "run",
    metavar="RUN",
    type=click.Path(exists=True, path_type=Path),
    help="The run folder, or its run.yaml, whose promotion packet is wanted.",
)
@click.option("--ship", "spec", metavar="SPEC", help="The spec whose ship percentage by version is wanted.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json", "html"]),
    default="markdown",
    show_default=True,
    help="For whom to write: a person, a program, or a browser (the whole workspace on one page).",
)
@click.option(
    "--race",
    "races",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="For html: a race whose curves are shown; may be repeated. By default those that artifacts.yaml binds.",
)
@click.option(
    "--mutations",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For html: what contract challenge --matrix --format json printed.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else it is printed."
)
@root_option
@traceback_option
def command(
    run: Path | None,
    spec: str | None,
    form: str,
    races: tuple[Path, ...],
    mutations: Path | None,
    output: Path | None,
    root: Path | None,
) -> None:
    """Write the promotion packet of a run (--packet), the ship percentage of a spec by version (--ship), or all that is
    known of a workspace as one HTML page (--format html).

    The packet is what somebody needs who decides whether the result of a run may be used: run id, data sets, metrics,
    the commands that do it again, the source, references, figures, files, the evidence that names these bytes, the
    statuses it earned, what is missing, and every question that stayed open. Names of machines and people, and folders
    of theirs, are left out.

    The ship percentage comes with a plot, and with the points that each step was to earn and earned; what earlier
    versions of the spec had reached is read from git. Nothing is validated: `contract record` writes the evidence.

    The page stands alone and loads nothing: scoreboard, verdicts, loss curves, ship percentage, dependencies, mutations
    and evidence. With --ship it is about that spec alone, with --packet it shows the curves of that run.

    \b
    Examples:
        contract report --packet runs/reference --output packet.md
        contract report --packet runs/reference --format json
        contract report --ship ship-two --output ship.md
        contract report --format html --output report.html

    Exit codes: 0 it was written (whether a run is promotable stands in its packet), 2 the run or the history cannot be
    read, or the file not be written, 3 no spec has a ship.yaml.
    """
    if form == "html":
        from falsifiable.cli.html_report import Wanted, html_of

        text = html_of(Wanted(root, spec, run, races, mutations))
    else:
        text = _as_document(run, spec, form, root, of_html={"--race": races, "--mutations": mutations})
    if output is None:
        click.echo(text, nl=False)
    else:
        write_named(output, text, "--output")


def _as_document(
    run: Path | None, spec: str | None, form: str, root: Path | None, of_html: Mapping[str, object]
) -> str:
    for option, given in of_html.items():
        if given:
            raise click.UsageError(f"{option} belongs to --format html")
    if (run is None) == (spec is None):
        raise click.UsageError(
            "name either a run after --packet or a spec after --ship; --format html shows the whole workspace"
        )
    return _of_ship(spec, form, root) if run is None else _of_run(run, form, root)


def _of_run(run: Path, form: str, root: Path | None) -> str:
    from falsifiable.artifacts import ArtifactError, open_run
    from falsifiable.report.packet import packet_of
    from falsifiable.report.packet_markdown import as_markdown
    from falsifiable.report.redaction import Redaction

    known = _known(root)
    try:
        record = open_run(run)
        packet = packet_of(record, known, Redaction.of_this_machine(record.folder, *([root] if root else [])))
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    return as_markdown(packet) if form == "markdown" else json.dumps(packet, indent=2, allow_nan=False) + "\n"


def _of_ship(spec: str | None, form: str, root: Path | None) -> str:
    from falsifiable.cli.roadmaps import open_roadmaps
    from falsifiable.evidence import GitError, Repository
    from falsifiable.report.ship import ShipReport, ship_as_json, ship_markdown
    from falsifiable.spec import ship_history

    roadmaps = open_roadmaps(root)
    (roadmap,) = roadmaps.chosen(spec)
    try:
        history = ship_history(Repository(roadmaps.root), roadmap.spec)
    except GitError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    report = ShipReport(roadmap, history)
    return ship_markdown(report) if form == "markdown" else json_text(ship_as_json(report))


def _known(root: Path | None) -> Knowledge:
    """The evidence of the workspace, and where its contracts stand by it."""
    from falsifiable.cli.standing import judging_code, ledger_of
    from falsifiable.report.packet import Knowledge

    workspace, catalogue = open_workspace(root)
    ledger = ledger_of(workspace, judging_code(catalogue))
    return Knowledge(ledger.statements, ledger.standings(), tuple(workspace.contracts))
