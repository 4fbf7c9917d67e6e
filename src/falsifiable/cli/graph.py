"""``contract graph``: what leans on what."""

from __future__ import annotations

from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import root_option, traceback_option
from falsifiable.report.text import json_text


@click.command()
@click.option("--spec", metavar="SPEC", help="Show only this spec, and what it leans on.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid", "dot"]),
    default="text",
    show_default=True,
    help="For a person, a program, or a drawing by Mermaid or Graphviz.",
)
@root_option
@traceback_option
def command(spec: str | None, form: str, root: Path | None) -> None:
    """Show contracts with those they require, acceptance criteria with the contracts they rest on, and steps with what
    they require and earn, each with its status by the recorded evidence.

    \b
    Examples:
        contract graph
        contract graph --spec ship-two --format mermaid

    Exit codes: 0 it was shown, 4 no contract and no ship.yaml is of that spec.
    """
    from falsifiable.cli.roadmaps import open_roadmaps
    from falsifiable.contracts import suggestion
    from falsifiable.report.graph import graph_as_json, graph_dot, graph_mermaid, graph_text
    from falsifiable.status.graph import graph_of

    roadmaps = open_roadmaps(root)
    whole = graph_of(roadmaps.grounds, roadmaps.every)
    graph = whole if spec is None else whole.of_spec(spec)
    if spec is not None and not graph.nodes:
        raise Failure(f"nothing is of spec {spec!r}; {suggestion(spec, {one.spec for one in whole.nodes}, 'specs')}")
    if form == "json":
        click.echo(json_text(graph_as_json(graph)), nl=False)
    else:
        shown = {"text": graph_text, "mermaid": graph_mermaid, "dot": graph_dot}[form]
        click.echo(shown(graph), nl=False)
