"""Where every run of a race stands, by the race's ledger alone: what all reports of a race are made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.races.chain import canonical_text
from falsifiable.artifacts.races.race import Race
from falsifiable.artifacts.races.rows import LIVE, RaceRun
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.seed_hypothesis import SeedHypothesis
from falsifiable.race.judging.findings import expected_gains, seeds_compared
from falsifiable.race.judging.gains import GainRow
from falsifiable.race.ledger.stored_decisions import decision_from
from falsifiable.race.predicting.prediction import Prediction


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where one run stands.

    Attributes:
        run, recipe, seed: which run it is.
        status: claimed, running, done, stopped, failed or killed, as its ledger has it.
        step, value: the last that it logged, None before the first; ``value`` is in the unit of the race.
        steps: how many were asked for.
        decision: the last one about it, None before its first rung.
        reason: why it stands so: of the decision, or of its end where that came from elsewhere.
    """

    run: str
    recipe: str
    seed: int | None
    status: str
    step: int | None
    value: float | None
    steps: int | None
    decision: Decision | None
    reason: str

    @property
    def is_live(self) -> bool:
        """Whether it may still log something."""
        return self.status in LIVE

    @property
    def prediction(self) -> Prediction | None:
        """What was predicted of it when it was last decided about."""
        return None if self.decision is None else self.decision.prediction

    @property
    def action(self) -> str:
        """What was last decided about it; "" before its first rung."""
        return "" if self.decision is None else self.decision.action


@dataclass(frozen=True, slots=True)
class RaceStatus:
    """A race as it stands: its runs, best first, and everything that was decided, in order.

    Attributes:
        name, unit: of the race.
        runs: those that were given up last, the others by what is predicted of them; a run that is done, or of which
            nothing was predicted, by its last value.
        curves: of the runs that logged something.
        decisions: all of them, by rung and run.
        faults: where the ledger was tampered with; nothing here can be relied on then.
        gains: what was expected of recipes before they ran, beside what they gained.
        seeds: recipe -> whether its phi-anchored seeds did better than its others.
    """

    name: str
    unit: str
    runs: tuple[RunStatus, ...]
    curves: tuple[Curve, ...]
    decisions: tuple[Decision, ...]
    faults: tuple[str, ...] = ()
    gains: tuple[GainRow, ...] = ()
    seeds: Mapping[str, SeedHypothesis] = field(default_factory=dict)

    @property
    def rungs(self) -> Mapping[int, int]:
        """Rung -> its step, of every rung that was decided, in order."""
        return {one.rung: one.step for one in sorted(self.decisions, key=lambda one: one.rung)}

    @property
    def is_over(self) -> bool:
        """Whether no run is live any more."""
        return not any(one.is_live for one in self.runs)

    def counted(self) -> Mapping[str, int]:
        """How many runs are in each status, those that occur, in the order of a run's life."""
        order = ("claimed", "running", "done", "stopped", "failed", "killed")
        statuses = [one.status for one in self.runs]
        return {one: statuses.count(one) for one in order if one in statuses}


def status_of(race: Race) -> RaceStatus:
    """Where a race stands. Raises ArtifactError (unsound) for a decision that the ledger holds in no known form."""
    curves = {curve.run: curve for curve in race.curves}
    decisions = tuple(sorted(_decisions(race), key=lambda one: (one.rung, one.run)))
    last = {one.run: one for one in decisions}  # by rung: the last one stays
    runs = [_run(one, curves.get(one.name), last.get(one.name)) for one in race.runs]
    faults = (*race.trigger_faults, *race.chain_faults, *race.table_faults)
    return RaceStatus(
        name=race.name,
        unit=race.unit,
        runs=tuple(sorted(runs, key=_rank)),
        curves=tuple(curves.values()),
        decisions=decisions,
        faults=faults,
        gains=expected_gains(race.plan, race.curves).rows,
        seeds=seeds_compared(race.curves),
    )


def _decisions(race: Race) -> Iterator[Decision]:
    for stored in race.decisions:
        try:
            yield _checked(decision_from(canonical_text(stored)))
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            said = f"a decision about {stored.get('run')!r:.80} is in no known form: {fault!r:.120}"
            raise ArtifactError(race.path, said, expected="what contract race wrote", kind="unsound") from fault


def _checked(decision: Decision) -> Decision:
    """The decision, whose fields a hostile ledger could hold as anything. Raises TypeError."""
    texts = (decision.run, decision.state, decision.action, decision.reason, decision.leader)
    numbers = (decision.rung, decision.step, *decision.mirrors)
    if not all(isinstance(one, str) for one in texts) or not all(type(one) is int for one in numbers):
        raise TypeError("a name is no text, or a count no whole number")
    predicted = decision.prediction
    if predicted is not None and not (type(predicted.step) is int and type(predicted.last_step) is int):
        raise TypeError("a step of the prediction is no whole number")
    return decision


def _run(run: RaceRun, curve: Curve | None, decision: Decision | None) -> RunStatus:
    logged = curve is not None and bool(curve.steps)
    decided = "" if decision is None else decision.reason
    of_decision = run.status in (*LIVE, "stopped")
    return RunStatus(
        run=run.name,
        recipe=run.recipe,
        seed=run.seed,
        status=run.status,
        step=curve.steps[-1] if curve is not None and logged else None,
        value=curve.values[-1] if curve is not None and logged else None,
        steps=run.steps,
        decision=decision,
        reason=decided if decided and of_decision else run.reason or decided,
    )


def _rank(one: RunStatus) -> tuple[bool, int, bool, float, str]:
    """Runs that were given up come last, the later the better: values at different steps are not compared."""
    worth = one.value if one.status == "done" or one.prediction is None else one.prediction.value
    known = worth is not None and math.isfinite(worth)
    given_up = one.status in ("stopped", "failed", "killed") or (one.is_live and one.action == "stop")
    decided_at = -one.decision.step if given_up and one.decision is not None else 0
    return given_up, decided_at, not known, worth if worth is not None and known else 0.0, one.run


def status_as_json(status: RaceStatus) -> dict[str, Any]:
    """The race as JSON data; a number that is not finite is a text."""
    return {
        "race": status.name,
        "unit": status.unit,
        "runs_by_status": dict(status.counted()),
        "rungs": [{"rung": rung, "step": step} for rung, step in status.rungs.items()],
        "ledger_faults": list(status.faults),
        "runs": [_run_as_json(one) for one in status.runs],
        "gains": [_finite(asdict(one)) for one in status.gains],
        "phi_anchored_seeds": {recipe: _finite(asdict(one)) for recipe, one in status.seeds.items()},
    }


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(value) if isinstance(value, float) else value for name, value in record.items()}


def _run_as_json(one: RunStatus) -> dict[str, Any]:
    decision = one.decision
    return {
        "run": one.run,
        "recipe": one.recipe,
        "seed": one.seed,
        "status": one.status,
        "step": one.step,
        "steps": one.steps,
        "value": _number(one.value),
        "predicted": None if one.prediction is None else prediction_as_json(one.prediction),
        "rung": None if decision is None else decision.rung,
        "state": None if decision is None else decision.state,
        "action": None if decision is None else decision.action,
        "mirrors": [] if decision is None else list(decision.mirrors),
        "reason": one.reason,
    }


def prediction_as_json(predicted: Prediction) -> dict[str, Any]:
    """A prediction as JSON data; a number that is not finite is a text."""
    return {
        "step": predicted.step,
        "last_step": predicted.last_step,
        "value": _number(predicted.value),
        "low": _number(predicted.low),
        "high": _number(predicted.high),
        "predictor": predicted.predictor,
        "may_stop": predicted.may_stop,
    }


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
