"""``contract race claim``: the next id for a run, given once however often it is asked for."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import clean

if TYPE_CHECKING:
    from falsifiable.race.errors import RaceError
    from falsifiable.race.ledger.claims import Claim, Entry
    from falsifiable.race.ledger.ledger import Ledger

_ASKED_WRONGLY = (
    "AccountRequired", "IdempotencyKeyRequired", "UnknownAccount", "UnknownIdSpace", "ProjectNotWhitelisted",
    "NameContradicts",
)  # fmt: skip
_UNREADABLE = ("IoError", "NotALedger", "LedgerDamaged")


@click.command()
@click.argument("ledger", type=click.Path(exists=True, path_type=Path))
@click.option("--recipe", required=True, help="What the run trains: a recipe of race.yaml.")
@click.option("--seed", required=True, type=click.IntRange(0, 2**53 - 1), help="Its seed.")
@click.option("--account", default="", help="Who will own the run, and alone may stop it. Must be given.")
@click.option("--idempotency-key", "key", default="", help="A text of your own: the same again gives the same run.")
@click.option("--worker", default=None, help="Which worker asks.  [default: HOST:PID]")
@click.option("--space", default=None, help="The space of ids, such as smoke.  [default: that of the race]")
@click.option("--name", default=None, help="The run's name; {exp_id} in it becomes the id.  [default: the canon name]")
@click.option("--slot", default="", help="Where it runs; one live run per slot.  [default: recipe and seed]")
@click.option("--project", default="", help="The project it is charged to, where the race lists projects.")
@click.option("--force-replace", is_flag=True, help="Stop the live runs of the same account in the slot.")
@format_option
@traceback_option
def command(
    ledger: Path,
    recipe: str,
    seed: int,
    account: str,
    key: str,
    worker: str | None,
    space: str | None,
    name: str | None,
    slot: str,
    project: str,
    force_replace: bool,
    form: str,
) -> ExitCode:
    """Claim the next experiment id for a run: safe among any number of workers, and once per idempotency key.

    LEDGER is a ledger, or the folder of a race that holds one. Configuration, steps and corpus come from the race.yaml
    that the ledger was made with. What is refused is written into the ledger too, with the rule that refused it.

    \b
    contract race claim runs/race --recipe wsd --seed 200 --account acc1 --idempotency-key wsd-200

    Exit codes: 0 claimed, now or earlier under this key; 2 the ledger cannot be opened, or is damaged; 4 asked wrongly
    (no or an unknown account, key, recipe, space or project, or a name that follows no grammar or is another run's); 5
    a guard refused (an id that is taken, locked or not rising, a reserved seed, an occupied slot, an embargo, a key
    used for something else).
    """
    from falsifiable.race.errors import RaceError
    from falsifiable.race.ledger.asking import NotInPlan, entry_from_plan
    from falsifiable.race.ledger.ledger import Ledger

    try:
        with Ledger.open(ledger) as opened:
            plan = opened.document
            try:
                entry = entry_from_plan(plan, recipe, seed, space=space, name=name, slot=slot, project=project)
            except RaceError as error:
                opened.refused("claim", name, error)
                raise Failure(_said(error), ExitCode.INVALID) from error
            claim = _claimed(opened, entry, account, worker, key, replace=force_replace)
    except NotInPlan as error:
        raise Failure(f"{ledger}: {error}") from error
    except RaceError as error:
        raise Failure(_said(error), _code(error)) from error
    _show(claim, form)
    return ExitCode.HELD


def _claimed(ledger: Ledger, entry: Entry, account: str, worker: str | None, key: str, *, replace: bool) -> Claim:
    by = worker or f"{socket.gethostname()}:{os.getpid()}"
    return ledger.claim(entry, account=account, worker=by, idempotency_key=key, replace=replace)


def _said(error: RaceError) -> str:
    return f"{error.name}: {error}"


def _code(error: RaceError) -> ExitCode:
    if error.name in _UNREADABLE:
        return ExitCode.COULD_NOT_RUN
    return ExitCode.INVALID if error.name in _ASKED_WRONGLY else ExitCode.GATE_REFUSED


def _show(claim: Claim, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(asdict(claim), indent=2))
        return
    when = "claimed earlier under this key" if claim.replayed else "claimed"
    by = f"{clean(claim.account)} ({clean(claim.worker)})"
    click.echo(f"{clean(claim.run)}\n  E{claim.exp_id:04d} in {clean(claim.space)}, {when}, by {by}")
