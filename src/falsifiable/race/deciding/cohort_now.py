"""Where a race stands: which runs are still in it, and which rung they have reached, from recorded values alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decide import decide, missing_runs
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.predicting.prediction import Predictor


@dataclass(frozen=True, slots=True)
class CohortNow:
    """The last rung that a race's cohort has reached.

    Attributes:
        rung: its number.
        step: its step.
        decisions: of that rung, best first.
        earlier: the runs that earlier rungs stopped.
    """

    rung: int
    step: int
    decisions: tuple[Decision, ...]
    earlier: tuple[str, ...]


class TooEarlyError(Exception):
    """No rung can be decided yet: a sentence that says whom the cohort waits for."""


def cohort_now(
    plan: RacePlan,
    curves: Sequence[Curve],
    predictor: Predictor,
    *,
    ended: Collection[str] = (),
    rung: int | None = None,
) -> CohortNow:
    """Follow the rungs up to ``rung``, by default as far as the cohort has come; each rung leaves out whom it stops.

    Raises:
        TooEarlyError: the cohort has not reached the first rung, or the one that is asked for.
    """
    stopped: dict[str, None] = {}
    reached: list[CohortNow] = []
    last = len(plan.rungs) - 1 if rung is None else rung
    for number in range(last + 1):
        live = [one for one in curves if one.run not in stopped]
        missing = missing_runs(plan, live, number, ended)
        if missing or not live:
            if rung is not None or not reached:
                raise TooEarlyError(_waiting(plan, number, missing))
            break
        decisions = decide(plan, live, predictor, number, ended=ended)
        reached.append(CohortNow(number, plan.rung_step(number), decisions, tuple(stopped)))
        stopped |= dict.fromkeys(one.run for one in decisions if one.action == "stop")
    return reached[-1]


def _waiting(plan: RacePlan, rung: int, missing: tuple[str, ...]) -> str:
    shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return f"rung {rung} (step {plan.rung_step(rung)}) is not reached: " + (
        f"still on their way are {shown}" if missing else "no run is in the race"
    )
