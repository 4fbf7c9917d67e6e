"""``contract race prune``: which runs a rung stops; with ``--apply`` they are stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.race.sources import as_json, decided_now, predictor_for, read_plan, read_recorded, source_options
from falsifiable.report.text import clean, counted, json_text

if TYPE_CHECKING:
    from falsifiable.race.deciding.cohort_now import CohortNow


@click.command()
@source_options
@click.option("--apply", is_flag=True, help="Write the decisions into the ledger, and stop those runs.")
@click.option("--account", help="With --apply: whose runs; those of another account are never stopped.")
@format_option
@traceback_option
def command(
    race: Path,
    ledger: Path | None,
    curves: Path | None,
    predictor: Path | None,
    rung: int | None,
    apply: bool,
    account: str | None,
    form: str,
) -> None:
    """Say which runs of a race a rung stops, and why. Nothing is stopped without --apply.

    With --apply every decision of the rung is written into the ledger first; then the processes are ended whose start
    the race's runner recorded. Doing it twice changes nothing.

    \b
    Examples:
        contract race prune race.yaml --ledger runs/smoke
        contract race prune race.yaml --ledger runs/smoke --apply --account acc1

    Exit codes: 0 done, 1 the ledger was tampered with, 2 the values cannot be read or a run belongs to another account,
    3 the cohort has not reached the rung, 4 the race is not valid, or the ledger is another race's.
    """
    if apply and (ledger is None or account is None):
        raise click.UsageError(
            "--apply needs --ledger and --account: whose runs are stopped, and where that is written"
        )
    plan = read_plan(race)
    now = decided_now(plan, read_recorded(plan, ledger, curves), predictor_for(plan, predictor), rung)
    done = _apply(ledger, now, account) if apply and ledger is not None and account is not None else {}
    stops = [one for one in now.decisions if one.action == "stop"]
    if form == "json":
        runs = [as_json(one) | {"applied": done.get(one.run)} for one in stops]
        click.echo(json_text({"rung": now.rung, "step": now.step, "applied": apply, "stop": runs}), nl=False)
        return
    click.echo(f"rung {now.rung} at step {now.step} stops {counted(len(stops), 'run')} of {len(now.decisions)}")
    for one in stops:
        click.echo(f"  {clean(one.run)}: {one.state}; {clean(one.reason)}")
        if one.run in done:
            click.echo(f"    {done[one.run]}")
    if stops and not apply:
        click.echo("nothing was stopped; add --apply --account NAME to stop them")


def _apply(ledger: Path, now: CohortNow, account: str) -> dict[str, str]:
    from falsifiable.race.engines.pruning import apply_decisions
    from falsifiable.race.errors import RaceError

    try:
        return apply_decisions(ledger, now.decisions, account)
    except RaceError as error:
        raise Failure(f"{ledger}: {error.name}: {error}", ExitCode.COULD_NOT_RUN) from error
