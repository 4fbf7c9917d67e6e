"""``contract race mirror``: which seeds start beside a leader; with ``--apply`` they are claimed."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.race.sources import decided_now, predictor_for, read_plan, read_recorded, source_options
from falsifiable.report.text import clean, json_text

if TYPE_CHECKING:
    from falsifiable.artifacts.curves.curve import Curve
    from falsifiable.cli.race.sources import Recorded
    from falsifiable.race.deciding.plan import RacePlan


@click.command()
@source_options
@click.option("--leader", metavar="RUN", help="Beside which run [default: the leader of the rung].")
@click.option("--count", type=click.IntRange(min=1), default=3, show_default=True, help="Mirrors of it in all.")
@click.option(
    "--strategy", type=click.Choice(["phi-anchored", "sibling", "random"]), default="phi-anchored", show_default=True
)
@click.option("--apply", is_flag=True, help="Claim an id for each of them in the ledger.")
@click.option("--account", help="With --apply: who will own them.")
@format_option
@traceback_option
def command(
    race: Path,
    ledger: Path | None,
    curves: Path | None,
    predictor: Path | None,
    rung: int | None,
    leader: str | None,
    count: int,
    strategy: str,
    apply: bool,
    account: str | None,
    form: str,
) -> None:
    """Say which seeds to start beside a leader. Nothing is claimed without --apply.

    Every run of the race owns the seeds at its own place in the strategy's list, and seeds that are there already are
    left out: asking twice, or at every rung, starts nothing twice. A mirror is never mirrored.

    \b
    Examples:
        contract race mirror race.yaml --ledger runs/smoke
        contract race mirror race.yaml --ledger runs/smoke --leader NAME --count 3 --strategy sibling
        contract race mirror race.yaml --ledger runs/smoke --apply --account acc1

    Exit codes: 0 done, 1 the ledger was tampered with, 2 the values cannot be read or a claim was refused, 3 the cohort
    has not reached the rung, 4 the race is not valid, or the ledger is another race's.
    """
    if apply and (ledger is None or account is None):
        raise click.UsageError("--apply needs --ledger and --account: where the ids are claimed, and for whom")
    plan = read_plan(race)
    recorded = read_recorded(plan, ledger, curves)
    name = leader or _leader(plan, recorded, predictor, rung)
    curve = next((one for one in recorded.curves if one.run == name), None)
    if curve is None:
        raise Failure(f"there is no run {clean(name)!r} in this race; see contract race rank")
    seeds = _seeds(plan, recorded, curve, count, strategy)
    claimed = _claimed(ledger, plan, curve, seeds, account) if apply and ledger is not None and account else {}
    if form == "json":
        document = {"leader": name, "recipe": curve.recipe, "seeds": list(seeds), "claimed": claimed}
        click.echo(json_text(document), nl=False)
        return
    for seed in seeds:
        click.echo(f"{clean(curve.recipe)} seed {seed}" + (f": claimed as {clean(claimed[seed])}" if claimed else ""))
    if not seeds:
        click.echo(f"{clean(name)} has its mirrors already, is one itself, or has no seed on record")
    elif not apply:
        click.echo("nothing was claimed; add --apply --account NAME to claim them")


def _leader(plan: RacePlan, recorded: Recorded, predictor: Path | None, rung: int | None) -> str:
    now = decided_now(plan, recorded, predictor_for(plan, predictor), rung)
    leader = next((one.leader for one in now.decisions if one.leader), "")
    if not leader:
        raise Failure("no run leads: none of the cohort can be compared", ExitCode.NOTHING_EXAMINED)
    return leader


def _seeds(plan: RacePlan, recorded: Recorded, curve: Curve, count: int, strategy: str) -> tuple[int, ...]:
    from falsifiable.race.deciding.decide import mirror_seeds, seeds_of
    from falsifiable.race.deciding.plan import Promote

    asked = Promote(count=count, strategy=strategy)  # type: ignore[arg-type]
    return mirror_seeds(plan, curve, asked, seeds_of(recorded.curves))


def _claimed(ledger: Path, plan: RacePlan, curve: Curve, seeds: tuple[int, ...], account: str) -> dict[int, str]:
    from falsifiable.race.errors import RaceError
    from falsifiable.race.ledger.entrants import UnclaimableError, mirrors_of
    from falsifiable.race.ledger.ledger import Ledger

    worker = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with Ledger.open(ledger) as opened:
            return {
                one.entry.seed: opened.claim(one.entry, account=account, worker=worker, idempotency_key=one.key).run
                for one in mirrors_of(plan, curve.recipe, seeds, account)
            }
    except UnclaimableError as error:
        raise Failure(str(error)) from error
    except RaceError as error:
        raise Failure(f"{ledger}: {error.name}: {error}", ExitCode.COULD_NOT_RUN) from error
