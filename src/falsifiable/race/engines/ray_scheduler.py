"""The race as a scheduler of Ray Tune: ``TuneConfig(scheduler=RaceScheduler(plan, predictor, cohort=21))``.

A trial that reaches a rung before the others is paused, its resources free for those still on their way; when the last
of the cohort has arrived, or has ended, the rung is decided: whom it stops is stopped, everybody else goes on. Pausing
needs checkpoints: a trainable reports one with its value at each rung, or starts again from its first step (values that
it repeats are counted once).

What a trial is stands in its ``config``: ``run`` (its name; by default the trial's id), ``recipe``, ``seed`` and
``steps`` (its own last step; by default that of the race). ``cohort`` is the number of trials of the whole experiment.
"""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import TrialScheduler

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.told_cohort import Entered, ToldCohort
from falsifiable.race.predicting.prediction import Predictor


class RaceScheduler(TrialScheduler):  # type: ignore[misc]
    """Pauses at rungs, and stops whom the cohort's decision stops.

    Attributes:
        told: the decisions so far.
    """

    _supports_buffered_results = False

    def __init__(
        self, plan: RacePlan, predictor: Predictor, *, cohort: int, step: str = "step", value: str = "value"
    ) -> None:
        """Args:
        plan: the race.
        predictor: what ranks.
        cohort: how many trials the experiment has.
        step: the name under which a trial reports its optimizer step.
        value: the name under which it reports what is raced for, in ``plan.unit``.
        """
        super().__init__()
        self.told = ToldCohort(plan, predictor, cohort)
        self._step, self._value = step, value
        self._trials: dict[str, Any] = {}

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002 - Ray's signature
        """The trial joins the cohort."""
        if run_of(trial) not in self._trials:
            self._trials[run_of(trial)] = trial
            self.told.enter(_entered(trial, self.told.plan))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Go on, wait at the rung, or stop."""
        run = run_of(trial)
        self._tell(run, result)
        self._advance(tune_controller, but=run)
        if run in self.told.stopped:
            return str(TrialScheduler.STOP)
        return str(TrialScheduler.PAUSE if self.told.waits(run) else TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The trial has ended by itself; its last value counts."""
        self._tell(run_of(trial), result)
        self._end(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """The trial has failed; the cohort does not wait for it."""
        self._end(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """The trial was taken away; the cohort does not wait for it."""
        self._end(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """A trial that has not started, else one that waits for nothing."""
        trials = tune_controller.get_live_trials()
        pending = [one for one in trials if one.status == "PENDING"]
        free = [one for one in trials if one.status == "PAUSED" and not self.told.waits(run_of(one))]
        return next(iter([*pending, *free]), None)

    def debug_string(self) -> str:
        """One line for Ray's own display."""
        return f"race {self.told.plan.race}: {len(self.told.rungs)} rungs decided, {len(self.told.stopped)} stopped"

    def _tell(self, run: str, result: dict[str, Any]) -> None:
        if self._step in result and self._value in result:
            self.told.tell(run, int(result[self._step]), float(result[self._value]))

    def _end(self, tune_controller: Any, trial: Any) -> None:
        self.told.end(run_of(trial))
        self._advance(tune_controller, but=run_of(trial))

    def _advance(self, tune_controller: Any, *, but: str) -> None:
        """Decide where the cohort is ready, and stop the paused trials that lost; ``but`` is answered itself."""
        for one in self.told.advance():
            if one.action == "stop" and one.run != but:
                tune_controller.stop_trial(self._trials[one.run])


def run_of(trial: Any) -> str:
    """The name of a trial's run."""
    return str(trial.config.get("run", trial.trial_id))


def _entered(trial: Any, plan: RacePlan) -> Entered:
    about = trial.config
    seed = about.get("seed")
    return Entered(run_of(trial), str(about.get("recipe", "trial")), seed, int(about.get("steps", plan.steps)))
