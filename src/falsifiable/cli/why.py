"""``contract why``: a status walked back to the bytes it rests on."""

from __future__ import annotations

from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option
from falsifiable.report.text import json_text


@click.command()
@click.argument("name", metavar="ID")
@format_option
@root_option
@traceback_option
def command(name: str, form: str, root: Path | None) -> None:
    """Walk ID back: from the ship percentage to a criterion, its falsifiers, their claims and checks, the statement
    that was recorded, what it measured, and the bytes it was measured on.

    ID is a criterion or a step of a ship.yaml, a falsifier, a contract, or a spec that has a ship.yaml. Where the walk
    ends before the bytes it says what is missing. Nothing is run.

    \b
    Examples:
        contract why AC-SHIP1-004
        contract why packaging --format json

    Exit codes: 0 it was said, 4 nothing has this id.
    """
    from falsifiable.cli.roadmaps import open_roadmaps
    from falsifiable.contracts import suggestion
    from falsifiable.report.walk import walk_as_json, walk_text
    from falsifiable.status.why import because, known_ids

    roadmaps = open_roadmaps(root)
    ids = known_ids(roadmaps.grounds, roadmaps.every)
    by_folded = {one.casefold(): one for one in reversed(ids)}
    found = because(by_folded.get(name.casefold(), name), roadmaps.grounds, roadmaps.every)
    if found is None:
        raise Failure(f"nothing here is called {name!r}; {suggestion(name, ids, 'ids')}")
    click.echo(json_text(walk_as_json(found)) if form == "json" else walk_text(found), nl=False)
