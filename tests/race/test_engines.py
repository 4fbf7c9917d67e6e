"""The engines of others come to the decisions of ``decide``: a real Optuna study, a real experiment of Ray Tune."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest

from falsifiable.race.deciding.told_cohort import Entered, ToldCohort, decided
from tests.race.cohorts import Known, cohort, curve, plan_of

optuna = pytest.importorskip("optuna")

RUNS = 6
SPARSE = (50, 100, 150, 200, 250, 300, 350, 400, 450, 500)


def sparse_cohort() -> list[Any]:
    return [curve(f"run-{number}", 2 + number / 20, seed=500 + number, steps=SPARSE) for number in range(RUNS)]


def stopped_at(rungs: Any) -> dict[str, int]:
    return {one.run: one.step for rung in rungs for one in rung if one.action == "stop"}


def test_a_study_side_by_side_prunes_what_decide_stops() -> None:
    from falsifiable.race.engines.optuna_pruner import RacePruner, decisions_of

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    curves = cohort(RUNS)
    study = optuna.create_study(pruner=RacePruner(plan_of(), Known(), cohort=RUNS))
    trials = {one.run: study.ask() for one in curves}
    for one in curves:
        for key, value in (("run", one.run), ("recipe", one.recipe), ("seed", one.seed)):
            trials[one.run].set_user_attr(key, value)
    pruned: dict[str, int] = {}
    for place, step in enumerate(curves[0].steps):
        for one in reversed(curves):
            if one.run not in pruned:
                trials[one.run].report(one.values[place], step)
                if trials[one.run].should_prune():
                    pruned[one.run] = step
                    study.tell(trials[one.run], state=optuna.trial.TrialState.PRUNED)
    wanted = stopped_at(decided(plan_of(), curves, Known(), cohort=RUNS))
    assert stopped_at(decisions_of(study, plan_of(), Known(), cohort=RUNS)) == wanted
    assert {run for run, step in wanted.items() if step < 500} == {"run-3", "run-4", "run-5"}
    # The first run to report at a rung completes nothing: it learns at its next report, ten steps later, and where the
    # rung is its last step it has finished.
    assert pruned.keys() == {run for run, step in wanted.items() if step < 500}
    assert all(wanted[run] <= step <= wanted[run] + 10 for run, step in pruned.items())


def test_a_study_one_after_another_stops_nobody_too_early() -> None:
    from falsifiable.race.engines.optuna_pruner import RacePruner

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    curves = iter(sparse_cohort())

    def objective(trial: Any) -> float:
        one = next(curves)
        trial.set_user_attr("run", one.run)
        for step, value in zip(one.steps, one.values, strict=True):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(one.final)

    study = optuna.create_study(pruner=RacePruner(plan_of(), Known(), cohort=RUNS))
    study.optimize(objective, n_trials=RUNS)
    states = [one.state.name for one in study.trials]
    assert states[:-1] == ["COMPLETE"] * (RUNS - 1)
    assert states[-1] == "PRUNED"


def test_a_study_that_maximises_is_refused() -> None:
    from falsifiable.race.engines.optuna_pruner import decisions_of

    with pytest.raises(ValueError, match="direction='minimize'"):
        decisions_of(optuna.create_study(direction="maximize"), plan_of(), Known(), cohort=1)


def test_told_in_any_order_the_decisions_are_those_of_the_recorded_curves() -> None:
    curves = cohort(RUNS)
    told = ToldCohort(plan_of(), Known(), RUNS)
    for one in reversed(curves):
        told.enter(Entered(one.run, one.recipe, one.seed, 500))
    for _ in plan_of().rungs:
        for one in curves[::2] + curves[1::2]:
            for step, value in zip(one.steps, one.values, strict=True):
                if one.run not in told.stopped and not told.waits(one.run):
                    told.tell(one.run, step, value)
                    told.advance()
    assert tuple(told.rungs) == decided(plan_of(), curves, Known(), cohort=RUNS)


def test_a_run_too_many_is_refused() -> None:
    told = ToldCohort(plan_of(), Known(), 1)
    told.enter(Entered("a", "wsd", 1, 500))
    with pytest.raises(ValueError, match="in the race already"):
        told.enter(Entered("a", "wsd", 1, 500))
    with pytest.raises(ValueError, match="one more than the 1 runs"):
        told.enter(Entered("b", "wsd", 1, 500))


def _trainable(table: dict[str, list[tuple[int, float]]]) -> Any:
    def train(config: dict[str, Any]) -> None:
        from ray import tune

        there = tune.get_checkpoint()
        done = 0
        if there:
            with there.as_directory() as folder:
                done = int(json.loads((Path(folder) / "step.json").read_text()))
        for step, value in table[config["run"]]:
            if step > done:
                with tempfile.TemporaryDirectory() as folder:
                    (Path(folder) / "step.json").write_text(json.dumps(step))
                    kept = tune.Checkpoint.from_directory(folder) if step in (100, 250) else None
                    tune.report({"step": step, "value": value}, checkpoint=kept)

    return train


@pytest.mark.slow
def test_ray_tune_stops_what_decide_stops(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray import tune

    from falsifiable.race.engines.ray_scheduler import RaceScheduler

    curves = sparse_cohort()
    scheduler = RaceScheduler(plan_of(), Known(), cohort=RUNS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            table = {one.run: list(zip(one.steps, one.values, strict=True)) for one in curves}
            results = tune.Tuner(
                _trainable(table),
                param_space={"run": tune.grid_search(list(table)), "recipe": "wsd"},
                tune_config=tune.TuneConfig(scheduler=scheduler, metric="value", mode="min"),
                run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
            ).fit()
        finally:
            ray.shutdown()
    wanted = decided(plan_of(), curves, Known(), cohort=RUNS)
    seeds_aside = [[(one.run, one.state, one.action) for one in rung] for rung in scheduler.told.rungs]
    assert seeds_aside == [[(one.run, one.state, one.action) for one in rung] for rung in wanted]
    ended = {one.config["run"]: one.metrics["step"] for one in results}
    assert ended == {one.run: 500 for one in curves} | stopped_at(wanted)
