"""What ``rank``, ``prune`` and ``mirror`` share: their options, reading the race and its values, and the decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from falsifiable.artifacts.curves.curve import Curve
    from falsifiable.race.deciding.cohort_now import CohortNow
    from falsifiable.race.deciding.decision import Decision
    from falsifiable.race.deciding.plan import RacePlan
    from falsifiable.race.predicting.prediction import Predictor


@dataclass(frozen=True, slots=True)
class Recorded:
    """The values of a race: its curves, and the runs that will log nothing more."""

    curves: tuple[Curve, ...]
    ended: frozenset[str]


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The race and where its values are: a ledger or curve files."""
    for option in (
        click.option("--rung", type=click.IntRange(min=0), help="Which rung [default: the last one that is reached]."),
        click.option(
            "--predictor",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="What ranks, as contract race calibrate saved it [default: the one that race.yaml names].",
        ),
        click.option(
            "--curves",
            type=click.Path(exists=True, path_type=Path),
            help="A file or folder of curves, where the race has no ledger.",
        ),
        click.option(
            "--ledger", type=click.Path(exists=True, path_type=Path), help="The race's ledger, or the folder it is in."
        ),
        click.argument("race", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RACE_YAML"),
    ):
        function = option(function)
    return function


def read_plan(race: Path) -> RacePlan:
    """The race, or a Failure after every fault of its file was printed."""
    from falsifiable.race.deciding.read_race import read_race

    read = read_race(race, shown=str(race))
    for fault in read.diagnostics:
        click.echo(str(fault), err=True)
    if read.plan is None:
        raise Failure(f"{race} is no valid race; nothing was done. See contract explain RULE")
    return read.plan


def read_recorded(plan: RacePlan, ledger: Path | None, curves: Path | None) -> Recorded:
    """The values in the ledger of the plan's race or in curve files; exactly one of them is given."""
    if (ledger is None) == (curves is None):
        raise click.UsageError("give exactly one of --ledger and --curves: where the race's values are")
    return _from_ledger(plan, ledger) if ledger is not None else _from_files(curves or Path())


def _from_ledger(plan: RacePlan, path: Path) -> Recorded:
    from falsifiable.artifacts.errors import ArtifactError
    from falsifiable.artifacts.races.race import open_race
    from falsifiable.artifacts.races.rows import LIVE

    try:
        race = open_race(path)
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    if (race.name, race.unit) != (plan.race, plan.unit):
        said = f"{path} is the ledger of {race.name} in {race.unit}, and race.yaml says {plan.race} in {plan.unit}"
        raise Failure(f"{said}; name the race.yaml that the ledger was made with")
    if faults := (*race.chain_faults, *race.table_faults, *race.trigger_faults):
        said = f"{path}: nothing is decided, because the ledger was changed afterwards: {faults[0]}; go back to a copy"
        raise Failure(said, ExitCode.FALSIFIED)
    return Recorded(race.curves, frozenset(one.name for one in race.runs if one.status not in LIVE))


def _from_files(path: Path) -> Recorded:
    from falsifiable.artifacts.curves.curves import open_curves
    from falsifiable.artifacts.errors import ArtifactError

    try:
        return Recorded(tuple(open_curves(path).curves), frozenset())
    except ArtifactError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error


def predictor_for(plan: RacePlan, asked: Path | None) -> Predictor:
    """The predictor that was asked for, or that the race names, or the power law that may rank and not stop."""
    from falsifiable.race.engines.race_folder import predictor_of

    try:
        return predictor_of(plan if asked is None else replace(plan, predictor=str(asked.absolute())))
    except (OSError, ValueError) as error:
        raise Failure(f"{asked or plan.predictor}: {error}", ExitCode.COULD_NOT_RUN) from error


def decided_now(plan: RacePlan, recorded: Recorded, predictor: Predictor, rung: int | None) -> CohortNow:
    """The decisions of the rung, or a Failure that says whom the cohort waits for."""
    from falsifiable.race.deciding.cohort_now import TooEarlyError, cohort_now

    if rung is not None and rung >= len(plan.rungs):
        raise click.BadParameter(f"the race has rungs 0 to {len(plan.rungs) - 1}", param_hint="--rung")
    try:
        return cohort_now(plan, recorded.curves, predictor, ended=recorded.ended, rung=rung)
    except TooEarlyError as error:
        raise Failure(str(error), ExitCode.NOTHING_EXAMINED) from error


def as_json(decision: Decision) -> dict[str, Any]:
    """A decision for a program; numbers that are not finite are texts."""
    import json

    from falsifiable.race.ledger.stored_decisions import decision_text

    data: dict[str, Any] = json.loads(decision_text(decision))
    return {key: data[key] for key in asdict(decision)}
