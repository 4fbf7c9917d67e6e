"""``contract status``: what each claim has earned."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import click

from falsifiable.cli.common import Asked, format_option, open_workspace, run_validation, validation_options
from falsifiable.cli.standing import judging_code, recorded_and_local
from falsifiable.report.scoreboard import print_status, status_as_json


@click.command()
@format_option
@validation_options
def command(asked: Asked, form: str) -> None:
    """Show where each claim stands: as recorded, and as the bytes bound on this machine would earn.

    Nothing is run: what has not been validated here yet is said to be so. Stale evidence is shown with what changed.
    """
    workspace, catalogue = open_workspace(asked.root)
    results = run_validation(replace(asked, only_known=True), workspace, catalogue, quiet=True)
    recorded, local = recorded_and_local(workspace, results, judging_code(catalogue))
    if form == "json":
        json.dump(status_as_json(recorded, local), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        print_status(recorded, local, sys.stdout)
