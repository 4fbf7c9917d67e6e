"""``contract diagnose``: what a training run suffers from, before anyone tunes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Place, debug_option, format_option
from falsifiable.cli.exit_codes import ExitCode


@click.command()
@click.argument("path", type=Place(exists=True))
@click.option(
    "--pattern", help="How a line of a plain log is read: an expression with the groups step, loss and others."
)
@click.option(
    "--tokens-per-parameter",
    type=click.FloatRange(0, min_open=True),
    help="Tokens that a parameter must have read; by default what the check run.data-budget declares.",
)
@format_option
@debug_option
def command(path: Path, pattern: str | None, tokens_per_parameter: float | None, form: str, debug: bool) -> int:
    """Say which cause binds a training run: data starvation, an optimisation defect, or infrastructure masking.

    They are asked in this order, and the first with evidence binds. What is read is the record and the log alone: a run
    folder, a trainer_state.json, or with --pattern a plain log. What they do not state is said to be not judged.
    Nothing is read off a curve that is shown to be none, such as a placeholder logged at every step.

    \b
    Examples:
        contract diagnose runs/reference
        contract diagnose checkpoint-500/trainer_state.json --format json
        contract diagnose train.log --pattern 'step (?P<step>\\d+) loss (?P<loss>[0-9.]+)'

    \b
    Exit codes: 0 none of the three is shown, 1 one of them binds, 2 PATH holds no run that can be read, 3 nothing could
    be judged.
    """
    from falsifiable.artifacts import ArtifactError, open_run
    from falsifiable.report.diagnosis import diagnosis_as_json, print_diagnosis
    from falsifiable.validation import Options
    from falsifiable.validation.catalogue import load_catalogue
    from falsifiable.validation.diagnosis import diagnose

    try:
        open_run(path, pattern=pattern)
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    budget = {} if tokens_per_parameter is None else {"tokens_per_parameter": {"at_least": tokens_per_parameter}}
    found = diagnose(
        path, load_catalogue(), pattern=pattern, parameters={"run.data-budget": budget}, options=Options(debug=debug)
    )
    if form == "json":
        json.dump(diagnosis_as_json(found), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        print_diagnosis(found, sys.stdout)
    if found.binds:
        return ExitCode.FALSIFIED
    return ExitCode.HELD if found.examined else ExitCode.NOTHING_EXAMINED
