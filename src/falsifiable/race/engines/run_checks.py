"""What has to be true of a run that ended by itself, before it counts as done: done is not the same as plausible.

Each check answers a way in which runs of real races were counted that had not been run as asked: fewer steps than
requested, one evaluation repeated, values worse than a uniform model's, no wall clock, another corpus or configuration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from falsifiable.race.deciding.plan import RacePlan


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run as its process left it.

    Attributes:
        code: the exit code of its process.
        seconds: wall clock that it computed.
        steps, values, evaluations: what it logged, in order.
        requested: the settings that it was started with.
        effective: the settings that it said took effect, None where it said nothing.
        corpus: the name and digests of what it said it trained on, None where it said nothing.
    """

    code: int
    seconds: float
    steps: Sequence[int]
    values: Sequence[float]
    evaluations: Sequence[str]
    requested: Mapping[str, Any]
    effective: Mapping[str, Any] | None
    corpus: Mapping[str, str] | None


def ceiling(plan: RacePlan) -> float:
    """What a model scores that gives every token the same probability, in the plan's unit."""
    nats = math.log(plan.vocabulary_size)
    return nats if plan.unit == "nats_per_token" else nats / math.log(2)


def faults_of(plan: RacePlan, run: EndedRun) -> tuple[str, ...]:
    """Everything that keeps a run from counting as done, in words with the numbers; empty for a sound run."""
    return tuple(fault for check in (_ended, _evaluations, _values, _settings, _corpus) for fault in check(plan, run))


def _ended(plan: RacePlan, run: EndedRun) -> Iterator[str]:
    if run.code != 0:
        how = f"signal {-run.code} ended it" if run.code < 0 else f"it ended with exit code {run.code}"
        yield f"{how}; expected 0"
    if not run.seconds > 0:
        yield f"it took {run.seconds} seconds; expected more than 0"
    last = run.steps[-1] if run.steps else 0
    if last != plan.steps:
        yield f"its last value is of step {last}; {plan.steps} steps were asked for"


def _evaluations(plan: RacePlan, run: EndedRun) -> Iterator[str]:
    wanted, distinct = plan.steps // plan.evaluate_every, len(set(run.evaluations))
    if distinct != wanted:
        yield f"{distinct} distinct evaluations; expected {wanted}, one every {plan.evaluate_every} steps"


def _values(plan: RacePlan, run: EndedRun) -> Iterator[str]:
    if not run.values:
        return
    if any(not math.isfinite(value) for value in run.values):
        yield "it logged a value that is not finite: it diverged"
        return
    final, first = run.values[-1], run.values[0]
    if final > ceiling(plan):
        yield f"its final value {final:g} is worse than a uniform model's {ceiling(plan):.4f} {plan.unit}"
    if len(run.values) > 1 and not final < first:
        yield f"its final value {final:g} is not below its first, {first:g}: it learned nothing"


def _settings(plan: RacePlan, run: EndedRun) -> Iterator[str]:
    del plan
    if run.effective is None:
        return
    for name, wanted in run.requested.items():
        if name not in run.effective:
            yield f"setting {name} was asked for ({wanted}), and the run does not say that it took effect"
        elif run.effective[name] != wanted:
            yield f"setting {name} was asked to be {wanted}, and took effect as {run.effective[name]}"


def _corpus(plan: RacePlan, run: EndedRun) -> Iterator[str]:
    if plan.corpus is None:
        return
    if run.corpus is None:
        yield f"it never said which corpus it trained on; expected {plan.corpus.name}"
        return
    for key in ("name", "train_sha256", "validation_sha256"):
        wanted, got = getattr(plan.corpus, key), run.corpus.get(key)
        if got != wanted:
            yield f"corpus: its {key} is {got}, expected {wanted}"
