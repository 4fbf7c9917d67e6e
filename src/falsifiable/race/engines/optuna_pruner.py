"""The race as an Optuna pruner: ``create_study(pruner=RacePruner(plan, predictor, cohort=21))``.

Optuna's pruners judge a trial by those that happened to be there before it. A race decides about a whole cohort, once
every trial of it has reached the rung, or has ended. So the trials must run side by side: ``cohort`` workers, or
``study.ask`` and ``study.tell`` in turns. Until the rung is decided the pruner says "go on"; a trial that a rung stops
is told so at its next report. Trials run one after another finish before there is a cohort, and none is pruned.

What a trial is stands in its user attributes: ``run`` (its name; by default ``trial-NUMBER``), ``recipe``, ``seed`` and
``steps`` (its own last step; by default that of the race).

The pruner keeps nothing: decisions follow from the study's trials alone, so that workers in several processes, each
with a pruner of its own, come to the same ones.
"""

from __future__ import annotations

from typing import Any

from optuna.pruners import BasePruner

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.told_cohort import decided
from falsifiable.race.predicting.prediction import Predictor


class RacePruner(BasePruner):  # type: ignore[misc]
    """Prunes the trials that a rung of the race stops, for a study of ``cohort`` trials that minimises."""

    def __init__(self, plan: RacePlan, predictor: Predictor, *, cohort: int) -> None:
        self._plan, self._predictor, self._cohort = plan, predictor, cohort

    def prune(self, study: Any, trial: Any) -> bool:
        """Whether a rung that the cohort has reached stops ``trial``."""
        rungs = decisions_of(study, self._plan, self._predictor, cohort=self._cohort)
        return any(one.action == "stop" and one.run == run_of(trial) for rung in rungs for one in rung)


def decisions_of(study: Any, plan: RacePlan, predictor: Predictor, *, cohort: int) -> tuple[tuple[Decision, ...], ...]:
    """The decisions of every rung that the first ``cohort`` trials of ``study`` have reached, in order.

    Raises ValueError for a study that maximises: the values of a race are losses.
    """
    if study.direction.name != "MINIMIZE":
        raise ValueError("a race is run for the lowest value; create the study with direction='minimize'")
    trials = sorted(study.get_trials(deepcopy=False), key=lambda one: one.number)[:cohort]
    curves = [_curve(one, plan) for one in trials]
    ended = {run_of(one) for one in trials if one.state.is_finished()}
    return decided(plan, curves, predictor, ended=ended, cohort=cohort)


def run_of(trial: Any) -> str:
    """The name of a trial's run."""
    return str(trial.user_attrs.get("run", f"trial-{trial.number}"))


def _curve(trial: Any, plan: RacePlan) -> Curve:
    told = sorted(trial.intermediate_values.items())
    steps, values = tuple(int(step) for step, _ in told), tuple(float(value) for _, value in told)
    about = trial.user_attrs
    recipe = str(about.get("recipe", "trial"))
    return Curve(
        run_of(trial), recipe, about.get("seed"), plan.unit, steps, values, int(about.get("steps", plan.steps))
    )
