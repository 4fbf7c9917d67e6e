"""``contract race status``: every run of a race, its state and what is predicted of it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import SECONDS, format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import counted, json_text

if TYPE_CHECKING:
    from falsifiable.report.race.status import RaceStatus

PLAIN_WIDTH = 160


@click.command()
@click.argument("race", type=click.Path(exists=True, path_type=Path), metavar="RACE_FOLDER|LEDGER")
@click.option("--follow", is_flag=True, help="Go on showing the race until no run is live any more.")
@click.option(
    "--every", type=SECONDS, default=2.0, show_default=True, metavar="SECONDS", help="With --follow: how often to look."
)
@click.option(
    "--width",
    type=click.IntRange(60, 10_000),
    help=f"Columns of plain text; by default {PLAIN_WIDTH}, and on a terminal what it has.",
)
@format_option
@traceback_option
def command(race: Path, follow: bool, every: float, width: int | None, form: str) -> None:
    """Show every run of a race: step, value, what is predicted of its last step, its state, and what was decided.

    RACE_FOLDER is the folder of a race, which holds its ledger. Nothing is decided and nothing written: the ledger is
    read as it stands, also while the race runs. Predictions are those that the decisions rested on.

    \b
    Examples:
        contract race status runs/smoke
        contract race status runs/smoke --follow
        contract race status runs/smoke/ledger.sqlite --format json

    Exit codes: 0 it was shown, 1 the ledger was tampered with, 2 there is no ledger or it cannot be read, 3 no run was
    claimed yet.
    """
    if follow and form == "json":
        raise click.UsageError("--follow shows a race to a person; leave it out with --format json")
    columns = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH)
    status = _followed(race, columns, every) if follow else _shown(race, columns, form)
    refuse_unusable(status, race)


def _shown(race: Path, columns: int, form: str) -> RaceStatus:
    from falsifiable.report.race.status import status_as_json
    from falsifiable.report.race.table import print_status

    status = read_status(race)
    if form == "json":
        click.echo(json_text(status_as_json(status)), nl=False)
    else:
        print_status(status, sys.stdout, columns)
    return status


def _followed(race: Path, columns: int, every: float) -> RaceStatus:
    from falsifiable.report.race.table import follow

    return follow(lambda: read_status(race), sys.stdout, columns, seconds=every)


def read_status(race: Path) -> RaceStatus:
    """Where the race at a path stands. Raises Failure where there is no ledger, or it cannot be read."""
    from falsifiable.artifacts.errors import ArtifactError
    from falsifiable.artifacts.races.race import open_race
    from falsifiable.report.race.status import status_of

    try:
        return status_of(open_race(race))
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error


def refuse_unusable(status: RaceStatus, race: Path) -> None:
    """Raise Failure where the ledger was tampered with, or no run was claimed; nothing where it can be relied on."""
    if status.faults:
        faults = counted(len(status.faults), "fault")
        raise Failure(
            f"{race}: the ledger is not what its own events and rules make of it ({faults}, the first: "
            f"{status.faults[0]}); rely on nothing in it, and go back to a copy",
            ExitCode.FALSIFIED,
        )
    if not status.runs:
        said = f"{race}: no run was claimed yet; start the race with contract race run"
        raise Failure(said, ExitCode.NOTHING_EXAMINED)
