"""``contract race gate``: whether a race has reached a gate, by quorum over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from falsifiable.artifacts.races.race import Race
    from falsifiable.race.judging.gated_race import GatePlan
    from falsifiable.race.judging.gates import GateReport


@click.command()
@click.argument("race", type=click.Path(exists=True, path_type=Path), metavar="RACE_FOLDER|LEDGER")
@click.argument("gate")
@click.option("--sign", "reviewer", metavar="NAME", help="You reviewed what is held, and stand by it; needs --reason.")
@click.option("--reason", metavar="TEXT", help="With --sign: why it is to be believed.")
@format_option
@traceback_option
def command(race: Path, gate: str, reviewer: str | None, reason: str | None, form: str) -> ExitCode:
    """Judge GATE, one of those in the plan that the ledger was made with, by the runs of the race.

    A run counts with its final value at the last step it was asked for, once per seed; the quorum is of one recipe. A
    pass below a floor of the tripwires is held for review: somebody looks at the runs and signs, which the ledger keeps
    beside the results that were looked at. Nothing is written without --sign.

    \b
    Examples:
        contract race gate runs/race gate-2
        contract race gate runs/race gate-2 --sign alice --reason "evaluated all three checkpoints again"

    Exit codes: 0 passed, 5 refused or held for review, 2 the ledger cannot be read, 3 no run has logged anything, 4
    there is no such gate.
    """
    import json

    from falsifiable.report.race.gate import gate_as_json, gate_as_text

    if (reviewer is None) != (reason is None):
        raise Failure("a review has a name and a reason: give both --sign and --reason")
    report = _judged(race, gate)
    if reviewer is not None and reason is not None:
        _sign(race, report, reviewer, reason)
        report = _judged(race, gate)
    click.echo(json.dumps(gate_as_json(report), indent=2) if form == "json" else gate_as_text(report).rstrip("\n"))
    if not report.judgements:
        raise Failure(f"{race}: no run has logged anything, so there is nothing to judge", ExitCode.NOTHING_EXAMINED)
    return ExitCode.HELD if report.answer == "pass" else ExitCode.GATE_REFUSED


def _judged(path: Path, gate: str) -> GateReport:
    """The gate's report. Raises Failure where there is no such gate, or the ledger cannot be relied on."""
    from falsifiable.artifacts.errors import ArtifactError
    from falsifiable.artifacts.races.race import open_race
    from falsifiable.race.judging.gated_race import judge_race

    try:
        race = open_race(path)
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    plan = _plan(path, race, gate)
    faults = (*race.chain_faults, *race.table_faults, *race.trigger_faults)
    if faults:
        said = f"{path}: {gate} is refused, because the ledger was changed afterwards: {faults[0]}; go back to a copy"
        raise Failure(said, ExitCode.GATE_REFUSED)
    return judge_race(race, gate, plan.gates[gate], plan.tripwires)


def _plan(path: Path, race: Race, gate: str) -> GatePlan:
    from falsifiable.contracts import suggestion
    from falsifiable.race.judging.gated_race import GateDeclarationError, gates_of

    try:
        plan = gates_of(race.plan)
    except GateDeclarationError as error:
        raise Failure(f"{path}: {error}") from error
    if gate not in plan.gates:
        raise Failure(f"{path}: the race has no gate {gate!r}; {suggestion(gate, plan.gates, 'gates of its plan')}")
    return plan


def _sign(path: Path, report: GateReport, reviewer: str, reason: str) -> None:
    """Keep a review of everything that is held in the ledger. Raises Failure where nothing is, or it says nothing."""
    from falsifiable.race.errors import RaceError
    from falsifiable.race.judging.gated_race import REVIEWED
    from falsifiable.race.ledger.ledger import Ledger

    held = [one for one in report.judgements if one.answer == "held-for-review"]
    if not held:
        raise Failure(
            f"{path}: {report.gate} is {report.answer}, and nothing of it waits for a review", ExitCode.INVALID
        )
    if not reviewer.strip() or not reason.strip():
        raise Failure("a review has a name and a reason: neither --sign nor --reason may be empty")
    try:
        with Ledger.open(path) as ledger:
            for one in held:
                review = {"digest": one.digest, "reviewer": reviewer.strip(), "reason": reason.strip()}
                ledger.note(REVIEWED, None, {"gate": report.gate, "recipe": one.recipe, **review})
    except RaceError as error:
        raise Failure(f"{path}: {error}", ExitCode.COULD_NOT_RUN) from error
