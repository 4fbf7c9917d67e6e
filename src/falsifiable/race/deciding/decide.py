"""Decide about a cohort at one rung: a pure function of what was recorded, whoever asks and in whatever order.

A cohort decides once, when every run that is still in the race has logged the rung's step or has ended; until then
nothing is decided about anybody. Values after the rung's step are not looked at, so that a decision made late is the
decision made in time. The command line, the local runner, the Optuna pruner and the Ray scheduler all call ``decide``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decision import Action, Decision
from falsifiable.race.deciding.plan import Keep, Promote, RacePlan, State
from falsifiable.race.deciding.seeds import replacement_seeds
from falsifiable.race.deciding.states import Standing, standing, state_of
from falsifiable.race.predicting.prediction import Prediction, Predictor


class NotReadyError(Exception):
    """The cohort has not reached the rung: ``missing`` names the runs that are still on their way."""

    def __init__(self, step: int, missing: tuple[str, ...]) -> None:
        super().__init__(
            f"{len(missing)} runs have not reached step {step}: {', '.join(missing)}; "
            "the cohort decides when they have, or have ended"
        )
        self.step = step
        self.missing = missing


@dataclass(frozen=True, slots=True)
class _Cohort:
    """Everything a decision rests on, by run."""

    plan: RacePlan
    rung: int
    step: int
    curves: Mapping[str, Curve]
    predictions: Mapping[str, Prediction]
    standings: Mapping[str, Standing]
    states: Mapping[str, State]
    leader: str
    ranked_by: str
    may_stop: bool


def cohort_ready(plan: RacePlan, curves: Sequence[Curve], rung: int, ended: Collection[str] = ()) -> bool:
    """Whether every run of ``curves`` has reached the rung or has ``ended``."""
    return not missing_runs(plan, curves, rung, ended)


def missing_runs(plan: RacePlan, curves: Sequence[Curve], rung: int, ended: Collection[str] = ()) -> tuple[str, ...]:
    """The runs that are still on their way to the rung, by name."""
    step = plan.rung_step(rung)
    return tuple(sorted(one.run for one in curves if one.run not in ended and not _reached(one, step)))


def decide(
    plan: RacePlan,
    curves: Sequence[Curve],
    predictor: Predictor,
    rung: int,
    *,
    ended: Collection[str] = (),
    existing: Mapping[str, Collection[int]] | None = None,
) -> tuple[Decision, ...]:
    """One decision for each run that reached the rung, best first.

    Args:
        plan: the race.
        curves: the runs still in the race, in any order; those stopped at an earlier rung are left out.
        predictor: what ranks. One that was not back-tested ranks and stops nobody: see ``without_calibration``.
        rung: the number of the rung, from 0.
        ended: runs that will log nothing more; the cohort does not wait for them.
        existing: by recipe, the seeds that have been started already; by default those of ``curves``.

    Raises:
        NotReadyError: a run has neither reached the rung nor ended.
        ValueError: two curves bear one name.
    """
    if missing := missing_runs(plan, curves, rung, ended):
        raise NotReadyError(plan.rung_step(rung), missing)
    cohort = _cohort(plan, curves, predictor, rung)
    order = sorted(cohort.curves, key=lambda run: _rank(cohort, run))
    through = _through(cohort, order)
    started = existing if existing is not None else seeds_of(curves)
    return tuple(_decision(cohort, run, place, run in through, started) for place, run in enumerate(order, start=1))


def _reached(curve: Curve, step: int) -> bool:
    return any(at >= step for at in curve.steps) or any(not math.isfinite(value) for value in curve.values)


def _cohort(plan: RacePlan, curves: Sequence[Curve], predictor: Predictor, rung: int) -> _Cohort:
    step = plan.rung_step(rung)
    seen = {one.run: one.until(step) for one in sorted(curves, key=lambda one: one.run) if _reached(one, step)}
    if len(seen) < len([one for one in curves if _reached(one, step)]):
        raise ValueError("two curves bear one name; runs of a race differ by name")
    predictable = [one for one in seen.values() if not one.fault and one.unit == plan.unit]
    predictions = {one.run: one for one in predictor.predict(predictable)} if predictable else {}
    may_stop = bool(predictions) and all(one.may_stop for one in predictions.values())
    by_value = not may_stop and plan.without_calibration == "current-value"
    ranked_by = "value" if by_value else "prediction"
    worths = {one.run: one.values[-1] if by_value else _expected(plan, predictions[one.run]) for one in predictable}
    leader = _leader(worths)
    measured = {run: _measured(plan, one, seen, leader, predictions, by_value) for run, one in seen.items()}
    states = {run: state_of(plan.states, one.words) for run, one in measured.items()}
    return _Cohort(plan, rung, step, seen, predictions, measured, states, leader, ranked_by, may_stop or by_value)


def _measured(
    plan: RacePlan,
    curve: Curve,
    seen: Mapping[str, Curve],
    leader: str,
    predictions: Mapping[str, Prediction],
    by_value: bool,
) -> Standing:
    """The run beside the leader; a cohort without a leader compares each run with itself, which finds its fault."""
    other = seen.get(leader, curve)
    predicted = (None, None) if by_value else (predictions.get(curve.run), predictions.get(leader))
    return standing(
        curve,
        other,
        plan.comparison,
        step=plan.rung_step(0) if not curve.steps else curve.steps[-1],
        predicted=predicted[0],
        leading=predicted[1],
    )


def _expected(plan: RacePlan, prediction: Prediction) -> float:
    return prediction.low if plan.ranked_by == "optimistic" else prediction.value


def _leader(worths: Mapping[str, float]) -> str:
    """The lowest worth, at equal ones the first name; "" where no run can be ranked."""
    ranked = sorted((worth, run) for run, worth in worths.items() if math.isfinite(worth))
    return ranked[0][1] if ranked else ""


def _worth(cohort: _Cohort, run: str) -> float:
    """What a run is ranked by; lower is better."""
    if cohort.ranked_by == "value":
        return cohort.curves[run].values[-1] if cohort.curves[run].values else math.nan
    predicted = cohort.predictions.get(run)
    return _expected(cohort.plan, predicted) if predicted is not None else math.nan


def _rank(cohort: _Cohort, run: str) -> tuple[bool, bool, float, str]:
    worth = _worth(cohort, run)
    known = math.isfinite(worth)
    return cohort.standings[run].evidence == "diverged", not known, worth if known else 0.0, run


def _through(cohort: _Cohort, order: Sequence[str]) -> frozenset[str]:
    """The runs that the rung's cut leaves: those it passes over come first, then the best ranked, and the leader."""
    keep = cohort.plan.rungs[cohort.rung].keep
    places = cohort.plan.rungs[cohort.rung].kept(len(order))
    passed = [run for run in order if cohort.states[run].action == "keep"]
    ranked = [run for run in order if cohort.states[run].action in ("rank", "promote")]
    left = max(places - len(passed), 1)
    if not isinstance(keep, Keep):
        return frozenset((*passed, *ranked))
    lowest = sorted(ranked, key=lambda run: (cohort.curves[run].values[-1], run))
    best = [run for run in ranked if run not in lowest[: keep.by_value]]
    wanted = [*best[: max(left - keep.by_value, 0)], *lowest[: keep.by_value], *best[max(left - keep.by_value, 0) :]]
    return frozenset((*passed, *_affordable(cohort, wanted, keep, passed)[:left]))


def _affordable(cohort: _Cohort, wanted: Sequence[str], keep: Keep, passed: Sequence[str]) -> list[str]:
    """The first run of ``wanted``, and each further one whose remaining steps the rung's ``compute`` still holds."""
    if keep.compute is None:
        return list(wanted)
    planned = {run: max(curve.last_step, cohort.step) for run, curve in cohort.curves.items()}
    spent = len(planned) * cohort.step + sum(planned[run] - cohort.step for run in passed)
    taken: list[str] = []
    for run in wanted:
        if not taken or spent + planned[run] - cohort.step <= keep.compute * sum(planned.values()):
            taken.append(run)
            spent += planned[run] - cohort.step
    return taken


def _decision(
    cohort: _Cohort, run: str, place: int, through: bool, existing: Mapping[str, Collection[int]]
) -> Decision:
    state = cohort.states[run]
    action, reason = _action(cohort, run, place, through)
    mirrors: tuple[int, ...] = ()
    asked = cohort.plan.rungs[cohort.rung].promote if action == "promote" else None
    if action == "stop" and state.action == "stop":
        asked = cohort.plan.replacement
    if asked is not None:
        mirrors = mirror_seeds(cohort.plan, cohort.curves[run], asked, existing)
    predicted = cohort.predictions.get(run)
    return Decision(run, cohort.rung, cohort.step, state.state, action, reason, cohort.leader, predicted, mirrors)


def _action(cohort: _Cohort, run: str, place: int, through: bool) -> tuple[Action, str]:
    state, measured = cohort.states[run], cohort.standings[run]
    said = f"{_ranked(cohort, run, place)}; {_described(measured)}"
    if measured.evidence == "diverged" and state.action == "stop":
        return "stop", f"{measured.why}: no later value can mend it"
    if held := _too_good(cohort, run):
        return "hold", f"{held}; {said}"
    if state.action == "keep":
        return "keep", measured.why or said
    if through and state.action != "stop":
        promoted = state.action == "promote" and cohort.plan.rungs[cohort.rung].promote is not None
        return ("promote" if promoted else "keep"), said
    if shelter := _shelter(cohort, run):
        return "keep", f"{shelter}; {said}"
    return "stop", said


def _too_good(cohort: _Cohort, run: str) -> str:
    """Why a person has to look before anything follows; "" where nobody has to."""
    curve, plan = cohort.curves[run], cohort.plan
    recipe = plan.recipes.get(curve.recipe)
    floor = plan.tripwires.floor_of(recipe.model if recipe is not None else "")
    if floor is None or not curve.values or not min(curve.values) < floor:
        return ""
    return f"{min(curve.values):.6g} is below the floor {floor:g}: a record or a corruption, and a person says which"


def _shelter(cohort: _Cohort, run: str) -> str:
    """What forbids to stop it, in words; "" where nothing does."""
    plan, curve = cohort.plan, cohort.curves[run]
    if cohort.step < plan.blind_steps:
        return f"no run is stopped before step {plan.blind_steps}"
    if not cohort.may_stop:
        name = cohort.predictions[run].predictor if run in cohort.predictions else "the predictor"
        return f"{name} was not back-tested on comparable runs: it ranks and stops nobody"
    rule = plan.anti_cull
    if rule is None or curve.values[-1] <= rule.floor:
        return ""
    last = curve.values[-rule.evaluations :]
    flat = len(last) == rule.evaluations and max(last) - min(last) <= rule.within
    if flat and curve.steps[-1] >= rule.from_step:
        return ""
    return f"{curve.values[-1]:.6g} is above the anti-cull floor {rule.floor:g} and not flat yet"


def _ranked(cohort: _Cohort, run: str, place: int) -> str:
    worth = _worth(cohort, run)
    what = "predicted at best" if cohort.plan.ranked_by == "optimistic" else "predicted"
    if cohort.ranked_by == "value":
        what = "measured, for want of a back-tested predictor,"
    kept = cohort.plan.rungs[cohort.rung].kept(len(cohort.curves))
    return f"rank {place} of {len(cohort.curves)} by what is {what} ({worth:.6g}), {kept} go on"


def _described(measured: Standing) -> str:
    if measured.gap == "leader":
        return "it leads"
    gap = f"{measured.predicted_gap:+.4g} behind the leader"
    error = f" (standard error {measured.error:.2g})" if measured.error else ""
    return f"{gap}{error}, the gap {measured.words['gap_slope']}, its own values {measured.words['own_slope']}"


def mirror_seeds(
    plan: RacePlan, curve: Curve, asked: Promote, existing: Mapping[str, Collection[int]]
) -> tuple[int, ...]:
    """The seeds of ``asked`` that are still to be started beside ``curve``; nothing for a run that is itself a mirror.

    Every run of the plan owns the seeds at its own place in the strategy's list, so that what is asked for does not
    depend on when, how often or in which order it is asked.
    """
    if curve.seed is None or curve.seed not in plan.seeds:
        return ()
    stride = max(one.count for one in (asked, plan.replacement, *(rung.promote for rung in plan.rungs)) if one)
    sibling = asked.strategy == "sibling"
    first = 0 if sibling else plan.seeds.index(curve.seed) * stride
    listed = replacement_seeds(
        asked.strategy,
        first + asked.count,
        leader=curve.seed,
        taken=plan.seeds,
        generator_seed=int.from_bytes(hashlib.sha256(f"{plan.race}/{curve.recipe}".encode()).digest()[:8]),
    )
    started = existing.get(curve.recipe, ())
    return tuple(seed for seed in listed[first:] if seed not in started)


def seeds_of(curves: Sequence[Curve]) -> dict[str, set[int]]:
    """The seeds of each recipe among ``curves``."""
    found: dict[str, set[int]] = {}
    for one in curves:
        if one.seed is not None:
            found.setdefault(one.recipe, set()).add(one.seed)
    return found
