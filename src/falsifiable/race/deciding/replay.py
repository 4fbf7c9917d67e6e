"""Replay a race over finished runs: what would have been stopped, what that would have cost, and what was lost.

A race is replayed step by step through the same ``decide`` that a live race calls. What it is compared with are the
pruners of Optuna and the scheduler of Ray themselves, asked in the order in which workers side by side would ask.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decide import decide
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.predicting.prediction import Prediction, Predictor
from falsifiable.race.predicting.same_grid import Fitted, comparable, features, fitted

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Race:
    """What became of one replayed race.

    Attributes:
        finished: the runs that were let run to their own last step.
        survived: whether the run with the lowest final value is among them.
        regret: the lowest final value of those less the lowest of all, in the unit of the curves; 0 where it survived.
        compute: steps run over the steps of running everything to its end.
    """

    finished: tuple[str, ...]
    survived: bool
    regret: float
    compute: float


def replay(plan: RacePlan, curves: Sequence[Curve], predictor: Predictor) -> Race:
    """Replay ``plan`` over finished ``curves``; a run that ends before a rung has finished and is compared no more."""
    racing = {one.run: one for one in curves}
    stopped: dict[str, int] = {}
    for rung in range(len(plan.rungs)):
        step = plan.rung_step(rung)
        live = [one for one in racing.values() if one.run not in stopped and one.steps[-1] > step]
        if live:
            decisions = decide(plan, live, predictor, rung)
            stopped |= {one.run: one.step for one in decisions if one.action == "stop"}
    return outcome(curves, stopped)


def outcome(curves: Sequence[Curve], stopped: Mapping[str, int]) -> Race:
    """What is left of finished ``curves`` where some were stopped at a step."""
    finished = tuple(one.run for one in curves if one.run not in stopped)
    best = min(one.final for one in curves)
    kept = min((one.final for one in curves if one.run not in stopped), default=math.inf)
    spent = sum(stopped.get(one.run, one.steps[-1]) for one in curves)
    return Race(finished, kept <= best, kept - best, spent / sum(one.steps[-1] for one in curves))


def draws(names: Sequence[str], runs: int, races: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Races of ``runs`` different names each, the same for the same ``seed`` whatever the order of ``names``."""
    ordered = sorted(names)
    generator = random.Random(seed)  # noqa: S311 - draws are to be repeatable, not secret
    for _ in range(races):
        yield tuple(generator.sample(ordered, runs))


@dataclass(frozen=True)
class CrossFitted:
    """Predictions of a race's runs by fits that saw no run of the race, and no run of the predicted run's recipe.

    Attributes:
        finished: runs that ended, those that will be raced among them.
    """

    finished: tuple[Curve, ...]
    _rows: dict[int, tuple[Array, Array, Array, dict[str, int]]] = field(default_factory=dict, repr=False)

    def without(self, names: Sequence[str]) -> Predictor:
        """The predictor of a race of the runs ``names``."""
        return _Without(self, frozenset(names))

    def fit(self, step: int, names: frozenset[str], recipe: str) -> Fitted:
        """A fit at ``step`` without the runs ``names`` and without ``recipe``."""
        rows, finals, recipes, places = self._at(step)
        kept = recipes != recipe
        kept[[places[name] for name in names if name in places]] = False
        return fitted(rows[kept], finals[kept])

    def _at(self, step: int) -> tuple[Array, Array, Any, dict[str, int]]:
        import numpy as np

        if step not in self._rows:
            usable = [one for one in self.finished if comparable(one, step)]
            self._rows[step] = (
                np.array([features(one, step) for one in usable]),
                np.array([one.final for one in usable]),
                np.array([one.recipe for one in usable], dtype=object),
                {one.run: place for place, one in enumerate(usable)},
            )
        return self._rows[step]


@dataclass(frozen=True, slots=True)
class _Without:
    """The predictor of one race: ``names`` take no part in any fit."""

    source: CrossFitted
    names: frozenset[str]
    made: dict[tuple[str, int], Prediction] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """It is made anew for every race and every recipe, and so named by what it is."""
        return "same-grid:cross-fitted"

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        """One prediction per curve, in their order."""
        fits: dict[tuple[int, str], Fitted] = {}
        for curve in curves:
            key = (curve.steps[-1], curve.recipe)
            if (curve.run, curve.steps[-1]) in self.made:
                continue
            if key not in fits:
                fits[key] = self.source.fit(key[0], self.names, curve.recipe)
            self.made[curve.run, curve.steps[-1]] = self._one(fits[key], curve)
        return tuple(self.made[one.run, one.steps[-1]] for one in curves)

    def _one(self, fit: Fitted, curve: Curve) -> Prediction:
        import numpy as np

        value, error = (float(one[0]) for one in fit.apply(np.array([features(curve, curve.steps[-1])])))
        half = 1.96 * error
        nothing = math.nan
        ends = (value, value - half, value + half, nothing, nothing, nothing)
        return Prediction(curve.run, curve.steps[-1], curve.last_step, *ends, self.name, may_stop=True)


Ask = Callable[[str, int, float], bool]
"""Tells an engine the value of a run at a step; whether the engine wants the run stopped."""


def replay_engine(curves: Sequence[Curve], ask: Ask, tell: Callable[[str, float], None] | None = None) -> Race:
    """Replay finished curves side by side through an engine that decides when it is told a value.

    At each step every run that is still going tells its value, in the order of ``curves``, as workers of equal speed
    would. A run at its own last step has finished and is not asked about.
    """
    values = {one.run: dict(zip(one.steps, one.values, strict=True)) for one in curves}
    last = {one.run: one.steps[-1] for one in curves}
    stopped: dict[str, int] = {}
    for step in sorted({at for one in curves for at in one.steps if at > 0}):
        for run in [one.run for one in curves if one.run not in stopped and step in values[one.run]]:
            if step == last[run]:
                if tell:
                    tell(run, values[run][step])
            elif ask(run, step, values[run][step]):
                stopped[run] = step
    return outcome(curves, stopped)


def optuna_engine(runs: Sequence[str], pruner: Any) -> tuple[Ask, Callable[[str, float], None]]:
    """A real Optuna study with one trial for each of ``runs``."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Hyperband picks a trial's bracket by the study's name, which would otherwise be another one every time.
    name = hashlib.sha256(" ".join(runs).encode()).hexdigest()
    study = optuna.create_study(study_name=name, pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    trials = {run: study.ask() for run in runs}

    def ask(run: str, step: int, value: float) -> bool:
        trials[run].report(value, step)
        if not trials[run].should_prune():
            return False
        study.tell(trials[run], state=optuna.trial.TrialState.PRUNED)
        return True

    return ask, lambda run, value: (study.tell(trials[run], value), None)[1]


@dataclass(frozen=True, slots=True)
class _RayTrial:
    """What Ray's schedulers look at of a trial that they do not have to start."""

    trial_id: str


def ray_engine(runs: Sequence[str], scheduler: Any) -> tuple[Ask, Callable[[str, float], None] | None]:
    """A real scheduler of Ray Tune, told results as its controller would tell them."""
    scheduler.set_search_properties("value", "min")
    trials = {run: _RayTrial(run) for run in runs}
    for one in trials.values():
        scheduler.on_trial_add(None, one)

    def ask(run: str, step: int, value: float) -> bool:
        return bool(scheduler.on_trial_result(None, trials[run], {"step": step, "value": value}) == "STOP")

    return ask, None


class CurrentValue:
    """The predictor that carries the current value forward: what halving by today's value ranks by."""

    name = "current-value"

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        """The last value of each curve, with an interval of no width."""
        nothing = math.nan
        return tuple(
            Prediction(
                one.run,
                one.steps[-1],
                one.last_step,
                one.values[-1],
                one.values[-1],
                one.values[-1],
                nothing,
                nothing,
                nothing,
                self.name,
                may_stop=True,
            )
            for one in curves
        )
