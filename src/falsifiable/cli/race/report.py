"""``contract race report``: curves with their prediction bands, the decisions and the regret, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.race.status import read_status, refuse_unusable
from falsifiable.report.text import json_text

if TYPE_CHECKING:
    from falsifiable.report.race.plots import ImageFormat
    from falsifiable.report.race.status import RaceStatus


@click.command()
@click.argument("race", type=click.Path(exists=True, path_type=Path), metavar="RACE_FOLDER|LEDGER")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write to; files of the same names in it are replaced.",
)
@click.option(
    "--image", type=click.Choice(["svg", "png"]), default="svg", show_default=True, help="How plots are drawn."
)
@format_option
@traceback_option
def command(race: Path, output: Path, image: ImageFormat, form: str) -> None:
    """Write the report of a race to a folder: what was predicted, decided and spent, with plots.

    report.html stands alone, images included; report.md lies beside its images; report.json is for programs, and
    curves.jsonl holds the curves in the tidy form that every verb of a race reads. The same race gives the same bytes.

    \b
    Examples:
        contract race report runs/smoke --output report
        contract race report runs/smoke/ledger.sqlite --output report --image png

    Exit codes: 0 it was written, 1 it was written, and the ledger was tampered with, 2 the ledger cannot be read, the
    report not be written, or matplotlib is missing, 3 no run was claimed yet.
    """
    status = read_status(race)
    if not status.runs:
        refuse_unusable(status, race)
    written = _write(status, output, image)
    if form == "json":
        click.echo(json_text({"race": status.name, "files": [str(one) for one in written]}), nl=False)
    else:
        click.echo("\n".join(f"wrote {one}" for one in written))
    refuse_unusable(status, race)


def _write(status: RaceStatus, folder: Path, image: ImageFormat) -> list[Path]:
    from falsifiable.evidence import write_atomically

    written = []
    for name, content in _files(status, image).items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            said = f"{error.filename or path} cannot be written: {error.strerror}; name another folder after --output"
            raise Failure(said, ExitCode.COULD_NOT_RUN) from error
        written.append(path)
    return written


def _files(status: RaceStatus, image: ImageFormat) -> dict[str, bytes]:
    from falsifiable.artifacts.curves.tidy import tidy_text
    from falsifiable.report.race.page import report_as_json, report_html, report_markdown
    from falsifiable.report.race.plots import PlotsUnavailable, draw

    try:
        images = draw(status, image)
    except PlotsUnavailable as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    names = {name: f"{name}.{image}" for name in images}
    return {
        "report.html": report_html(status, images, image).encode(),
        "report.md": report_markdown(status, names).encode(),
        "report.json": json_text(report_as_json(status)).encode(),
        "curves.jsonl": tidy_text(status.curves).encode(),
        **{names[name]: content for name, content in images.items()},
    }
