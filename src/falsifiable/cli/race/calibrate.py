"""``contract race calibrate``: finished curves turned into a predictor, saved as data."""

from __future__ import annotations

from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import json_text


@click.command()
@click.argument("curves", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the predictor is written; race.yaml names it under predictor.",
)
@format_option
@traceback_option
def command(curves: tuple[Path, ...], output: Path, form: str) -> None:
    """Make a calibrated predictor of finished CURVES, in any form that `contract race` reads.

    It is written as data, curves and settings, and fitted again when it is read. Its name holds its digest, and stands
    in every decision made on it.

    \b
    Examples:
        contract race calibrate finished.jsonl --output predictor.json
        contract race calibrate runs/ --output predictor.json

    Exit codes: 0 it was written, 2 the curves cannot be read or the file not be written, 4 there are too few curves, or
    they are in several units.
    """
    from falsifiable.cli.race.finished import read_finished
    from falsifiable.race.predicting.calibrated import CalibrationError, calibrate, save_predictor

    try:
        predictor = calibrate(read_finished(curves))
        save_predictor(predictor, output)
    except CalibrationError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename or output}: {error.strerror}", ExitCode.COULD_NOT_RUN) from error
    recipes = len({one.recipe for one in predictor.curves})
    if form == "json":
        said = {"predictor": predictor.name, "digest": predictor.digest, "unit": predictor.unit, "file": str(output)}
        click.echo(json_text({**said, "curves": len(predictor.curves), "recipes": recipes}), nl=False)
        return
    click.echo(f"wrote {output}: {predictor.name}, of {len(predictor.curves)} runs of {recipes} recipes")
