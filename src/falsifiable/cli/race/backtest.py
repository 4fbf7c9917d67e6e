"""``contract race backtest``: what predictors would have said of finished curves, beside what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import json_text

if TYPE_CHECKING:
    from falsifiable.race.predicting.backtest import Score

_HEAD = (
    "unit",
    "predictor",
    "curves",
    "median error",
    "p90",
    "bias",
    "intervals",
    "half-width",
    "coverage",
    "p",
    "regret",
)


@click.command()
@click.argument("curves", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.25, show_default=True,
              help="Of its points, how many a run is predicted from.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=12, show_default=True,
              help="How often the calibrated predictor is fitted; at most once per recipe.")  # fmt: skip
@format_option
@traceback_option
def command(curves: tuple[Path, ...], share: float, folds: int, form: str) -> None:
    """Test predictors on finished CURVES, each by what was learnt from other recipes: error, coverage, width, regret.

    An interval of 95 % should hold about 95 % of the last values; p is that of the exact binomial test of it. The
    delta-method interval is the one that the specification of the race asks for, and it is far too narrow.

    \b
    Examples:
        contract race backtest finished.jsonl
        contract race backtest runs/ --share 0.1 --folds 1000

    Exit codes: 0 the table was made, 2 the curves cannot be read, 3 no curve has points enough to be judged.
    """
    from falsifiable.cli.race.finished import read_finished
    from falsifiable.race.predicting.backtest import LEAST_POINTS, backtest

    scores = backtest(read_finished(curves), share, most_folds=folds)
    if form == "json":
        click.echo(json_text({"share": share, "folds": folds, "scores": [one.as_json() for one in scores]}), nl=False)
    elif scores:
        click.echo(_table(scores))
    if not scores:
        said = f"no curve has {LEAST_POINTS} points and no fault, so there is nothing to test a predictor on"
        raise Failure(said, ExitCode.NOTHING_EXAMINED)


def _table(scores: Sequence[Score]) -> str:
    rows = [_HEAD, *(_cells(one) for one in scores)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cells(one: Score) -> tuple[str, ...]:
    errors = (_number(number, ".4f") for number in (one.median_error, one.p90_error, one.bias))
    interval = (_number(one.half_width, ".4f"), _number(one.coverage, ".1%"), _number(one.p_value, ".2f"))
    regret = _number(one.regret, ".4f")
    return one.unit, one.predictor, str(one.curves), *errors, str(one.intervals), *interval, regret


def _number(value: float, form: str) -> str:
    return "-" if value != value else format(value, form)
