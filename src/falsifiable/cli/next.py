"""``contract next``: what can be dispatched now, and what everything else waits for."""

from __future__ import annotations

import datetime
import re
from fractions import Fraction
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts import Device
from falsifiable.report.text import json_text


class Hours(click.ParamType[Fraction]):
    """A time such as 10h or 90m."""

    name = "HOURS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """The hours, or a usage error that says how they are written."""
        if isinstance(value, Fraction):
            return value
        found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(h|m)", str(value))
        if not found:
            return self.fail(f"{value!r} is no time; write hours or minutes, such as 10h or 90m", param, ctx)
        return Fraction(found[1]) / (60 if found[2] == "m" else 1)


@click.command()
@click.option("--spec", metavar="SPEC", help="The spec whose ship.yaml is meant; by default all that have one.")
@click.option("--within", type=Hours(), help="Say what percentage can be reached in this time, such as 10h or 90m.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), help="The device at hand; a machine with cuda has a CPU as well."
)
@format_option
@root_option
@traceback_option
def command(spec: str | None, within: Fraction | None, device: Device | None, form: str, root: Path | None) -> None:
    """Show what can be dispatched now, by points per hour, and what everything else waits for.

    It follows from spec/<spec>/ship.yaml and from the recorded evidence: what somebody declared done while its evidence
    is missing is reported as such, and nothing can build on it. Nothing is run.

    \b
    Examples:
        contract next
        contract next --spec ship-two --within 10h --device cuda

    Exit codes: 0 it was said, 2 --within needs scipy, 3 no spec has a ship.yaml, 4 a ship.yaml or a contract is not
    valid.
    """
    from falsifiable.cli.roadmaps import open_roadmaps
    from falsifiable.report.outlook import Outlook, outlook_as_json, outlook_text
    from falsifiable.status import ReachError, reachable, stage_standings, tiers

    roadmaps = open_roadmaps(root, device)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    outlooks = []
    for roadmap in roadmaps.chosen(spec):
        try:
            reach = None if within is None else reachable(roadmap, within=within, device=device)
        except ReachError as error:
            raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
        stages = stage_standings(roadmap.ship.ship, roadmaps.grounds)
        outlooks.append(Outlook(roadmap, stages, tiers(roadmap), reach))
    if form == "json":
        click.echo(json_text([outlook_as_json(one, today) for one in outlooks]), nl=False)
    else:
        click.echo("\n".join(outlook_text(one, today) for one in outlooks), nl=False)
