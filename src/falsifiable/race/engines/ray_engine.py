"""A race through Ray Tune: the same runs, ledger and decisions as on the local engine, on the nodes of a Ray cluster.

The folder of the race has to be one that every node sees. Without ``apply`` Ray starts the runs in their order and the
decisions are advice; with it, trials are paused at their rungs and stopped by the scheduler of the race.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.lane import Lane
from falsifiable.race.engines.local_race import Asked, probed, register
from falsifiable.race.engines.race_folder import RaceFolderError, opened, predictor_of
from falsifiable.race.engines.race_summary import RaceSummary, concluded
from falsifiable.race.engines.ray_scheduler import RaceScheduler, run_of
from falsifiable.race.engines.ray_trainable import RunTrainable, from_line
from falsifiable.race.engines.run_limits import run_limits
from falsifiable.race.engines.runner import command_for
from falsifiable.race.predicting.prediction import Predictor

TUNE_FOLDER = "ray"


class _Booked:
    """Hands what Ray's scheduler is told to the book, before anything is decided on it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._started = time.monotonic()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles schedulers to restore experiments, and a race is restored from its ledger instead."""
        return {}

    def result(self, trial: Any, result: Mapping[str, Any]) -> None:
        """An evaluation of a trial, with all lines that led to it."""
        lane = self._book.lane(run_of(trial))
        if lane.has_ended or "lines" not in result:
            return
        lane.base_seconds = max(float(result["seconds"]), lane.base_seconds)
        if (attempt := int(result["attempt"])) != lane.attempt or not lane.has_started:
            lane.attempt = attempt
            self._book.started(lane, trial.config["about"][lane.name]["command"], int(result["pid"]))
        self._book.said(lane, map(from_line, result["lines"]))
        if result.get("done"):
            self._end(lane, result)
        self._book.decide()

    def gone(self, trial: Any) -> None:
        """The trial was stopped or has failed, and reports nothing more."""
        lane = self._book.lane(run_of(trial))
        if not lane.has_ended:
            lane.end(_why_unfinished(self._book.plan, self._started), failed=True)
            self._book.ended(lane, 1)
            self._book.decide()

    def _end(self, lane: Lane, result: Mapping[str, Any]) -> None:
        if fault := result.get("fault"):
            lane.end(str(fault), failed=True)
        code = result.get("exit_code")
        self._book.ended(lane, 1 if code is None else int(code))


class AppliedScheduler(RaceScheduler):
    """The scheduler of the race, every result of which goes into the ledger first."""

    def __init__(self, book: Book, predictor: Predictor, cohort: int) -> None:
        super().__init__(book.plan, predictor, cohort=cohort)
        self._booked = _Booked(book)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Keep it, and answer."""
        self._booked.result(trial, result)
        return super().on_trial_result(tune_controller, trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Keep its end: its own, or the one that a rung told."""
        if result.get("done"):
            self._booked.result(trial, result)
        self._booked.gone(trial)
        super().on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Keep that it failed."""
        self._booked.gone(trial)
        super().on_trial_error(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Keep that it was stopped while it was paused."""
        self._booked.gone(trial)
        super().on_trial_remove(tune_controller, trial)


class AdvisingScheduler(FIFOScheduler):  # type: ignore[misc]
    """Ray's own order, in which every trial runs to its end; decisions are written down as advice."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._booked = _Booked(book)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Keep it, and go on."""
        self._booked.result(trial, result)
        return str(TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:  # noqa: ARG002
        """Keep its end."""
        self._booked.result(trial, result)
        self._booked.gone(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Keep that it failed."""
        self._booked.gone(trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Keep that it was taken away."""
        self._booked.gone(trial)


def run_on_ray(plan: RacePlan, asked: Asked) -> RaceSummary:
    """Run the race on the Ray cluster that this process is connected to, or on one that ``RAY_ADDRESS`` names.

    Raises:
        RaceFolderError, CommandError, RaceError, OSError: what keeps it from being run.
    """
    started = time.monotonic()
    predictor = predictor_of(plan)
    with opened(asked.folder, plan, asked.race_file) as ledger:
        book = Book(plan, asked.folder.absolute(), Conductor(plan, ledger, predictor), asked.worker, apply=asked.apply)
        book.claim_all()
        register(plan, ledger)
        probes = probed(plan, ledger) if asked.probe else ()
        going = [lane for lane in book.lanes if not lane.has_ended]
        if asked.apply and any(lane.recorded for lane in going):
            raise RaceFolderError(f"{asked.folder}: a race that has begun is not resumed on Ray with --apply")
        scheduler = AppliedScheduler(book, predictor, len(going)) if asked.apply else AdvisingScheduler(book)
        if going:
            _tune(plan, asked.folder.absolute(), going, scheduler)
        for lane in book.lanes:
            if not lane.has_ended:
                book.given_up(lane, _why_unfinished(plan, started))
        return concluded(ledger, plan.race, plan.unit, time.monotonic() - started, probes)


def _tune(plan: RacePlan, folder: Path, lanes: list[Lane], scheduler: TrialScheduler) -> None:
    # Ray's own loggers would write every result a second time, beside the ledger.
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    # A run that fails before its next evaluation ends without a value, and is no reason to end the race.
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    entries = {lane.name: lane.entrant.entry for lane in lanes}
    space = {
        "about": {lane.name: about_run(plan, lane) for lane in lanes},
        "run": tune.grid_search(list(entries)),
        "recipe": tune.sample_from(lambda config: entries[config["run"]].recipe),
        "seed": tune.sample_from(lambda config: entries[config["run"]].seed),
        "steps": plan.steps,
    }
    tune.Tuner(
        tune.with_resources(RunTrainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            scheduler=scheduler,
            metric="value",
            mode="min",
            time_budget_s=plan.limits.race_seconds if plan.limits else None,
        ),
        run_config=tune.RunConfig(name=TUNE_FOLDER, storage_path=str(folder), verbose=0),
    ).fit()


def _why_unfinished(plan: RacePlan, started: float) -> str:
    most = plan.limits.race_seconds if plan.limits else None
    if most is not None and time.monotonic() - started > most:
        return f"the race ran longer than {most:g} seconds"
    return "its trial failed; Ray's own log says why"


def about_run(plan: RacePlan, lane: Lane) -> dict[str, Any]:
    """What a trainable has to know of its run."""
    assert plan.log is not None  # noqa: S101 - asked for before anything is started
    return {
        "command": list(command_for(plan, lane)),
        "folder": str(lane.folder),
        "directory": str(Path.cwd()),
        "log": asdict(plan.log),
        "steps": plan.steps,
        "limits": run_limits(plan),
    }
