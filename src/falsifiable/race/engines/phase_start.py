"""Starting one phase of a race: only when what it waits for is green, and within the budget that there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.errors import UnknownRequirement
from falsifiable.race.judging.phases import check_may_start, registration, within_budget

REGISTERED = "registered"
"""The kind of the event that holds, before a phase's first run, what is expected of its experiments."""


def phase_plan(
    plan: RacePlan,
    name: str,
    judged: Mapping[str, bool | None],
    *,
    finished: Collection[str] = (),
    removed: Collection[str] = (),
    runs: int | None = None,
) -> RacePlan:
    """The race with the experiments of one phase, and no other run.

    Args:
        plan: the race.
        name: the phase.
        judged: falsifiers with whether they held, see :func:`judged_in`.
        finished: phases that have ended.
        removed: blockers that no longer stand in the way.
        runs: how many runs there is a budget for; None for all.

    Raises:
        RaceError: UnknownRequirement (there is no such phase), PhaseUnfinished, NotGreen or BudgetTooSmall.
    """
    if name not in plan.phases:
        raise UnknownRequirement("the race", name, tuple(plan.phases))
    phase = plan.phases[name]
    check_may_start(name, phase, judged, finished=finished, blockers=plan.blockers, removed=removed)
    count = len(phase.experiments) if runs is None else runs
    return replace(plan, experiments=within_budget(name, phase, count))


def registered(plan: RacePlan) -> Mapping[str, Any]:
    """What the ledger keeps of the expectations before the first run, so that nobody can have known better later."""
    gains = [one for one in plan.experiments if one.gain is not None]
    return {
        "experiments": len(plan.experiments),
        "expected_gains": len(gains),
        "sha256": registration(plan.experiments),
    }


def judged_in(report: Mapping[str, Any]) -> dict[str, bool | None]:
    """Falsifier -> whether it held, from what ``contract validate --format json`` printed; None where inconclusive.

    Raises ValueError where ``report`` is something else.
    """
    outcomes = {"held": True, "falsified": False}
    try:
        return {
            one["falsifier"]: outcomes.get(one["verdict"]["outcome"])
            for contract in report["contracts"]
            for one in contract["judgements"]
        }
    except (KeyError, TypeError) as error:
        raise ValueError("it is not what `contract validate --format json` prints") from error
