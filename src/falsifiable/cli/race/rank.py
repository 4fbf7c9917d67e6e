"""``contract race rank``: the runs of a race, by what is predicted of their last step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.race.sources import as_json, decided_now, predictor_for, read_plan, read_recorded, source_options
from falsifiable.report.text import clean, json_text

if TYPE_CHECKING:
    from falsifiable.race.deciding.decision import Decision


@click.command()
@source_options
@format_option
@traceback_option
def command(
    race: Path, ledger: Path | None, curves: Path | None, predictor: Path | None, rung: int | None, form: str
) -> None:
    """Rank the runs of a race at a rung, best first, with the state of each and what the rung would do with it.

    RACE_YAML says where rungs are and what the states mean. Values after the rung's step are not looked at, and
    nothing is written.

    \b
    Examples:
        contract race rank race.yaml --ledger runs/smoke
        contract race rank race.yaml --curves runs/logs --rung 1 --predictor calibrated.json

    Exit codes: 0 ranked, 1 the ledger was tampered with, 2 the values cannot be read, 3 the cohort has not reached the
    rung, 4 the race is not valid, or the ledger is another race's.
    """
    plan = read_plan(race)
    now = decided_now(plan, read_recorded(plan, ledger, curves), predictor_for(plan, predictor), rung)
    if form == "json":
        document = {"rung": now.rung, "step": now.step, "stopped_earlier": list(now.earlier)}
        click.echo(json_text(document | {"runs": [as_json(one) for one in now.decisions]}), nl=False)
        return
    click.echo(f"{clean(plan.race)}: rung {now.rung} at step {now.step}, in {plan.unit}")
    for place, one in enumerate(now.decisions, start=1):
        click.echo(f"{place:>3}  {clean(one.run):<40}  {one.state:<15}  {_predicted(one):<34}  {one.action}")


def _predicted(decision: Decision) -> str:
    one = decision.prediction
    if one is None or not math.isfinite(one.value):
        return "no prediction"
    return f"{one.value:.5g} [{one.low:.5g}, {one.high:.5g}] at {one.last_step}"
