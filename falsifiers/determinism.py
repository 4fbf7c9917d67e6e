"""The same run twice gives the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from falsifiable import NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import Points, first_logged

_FEWEST_STEPS = 10
# What must be equal for two runs to be one experiment: everything that decides a number, nothing that names a place.
_SAME = (
    "seed.actual", "device.actual", "dtype.actual", "data.actual", "init.sha256", "parameters", "batch", "datasets",
    "optimizer", "environment.torch", "inputs.sources", "inputs.libraries",
)  # fmt: skip


@falsifier("determinism.runs-agree", level="integration")
def runs_agree(run: Run, again: Run, *, within: float = 1e-6, steps: int = 100, phase: str = "finetune") -> Verdict:
    """Two runs of one experiment, from the same seed, log the same losses step by step.

    AC-SHIP2-011 asks it of two runs from seed 0 over 100 steps, to 1e-6. The two must be two: records of different run
    ids, whose steps took different times. They must also be one experiment: seed, device, dtype, data, batches,
    checkpoint by its bytes, code and libraries are compared, as far as they are recorded. Otherwise nothing follows
    from their agreeing or not, and the verdict is inconclusive.

    Args:
        within: nats by which the losses of a step may differ.
        steps: how many steps after step 0 must agree, or as many as the shorter run took, but never fewer than ten.
        phase: the phase that is compared.
    """
    if said := next(_not_comparable(run, again), ""):
        return Verdict.inconclusive(said)
    ours, theirs = first_logged(run, ("loss",), phase), first_logged(again, ("loss",), phase)
    common = _up_to(ours, theirs, steps)
    if common < _FEWEST_STEPS:
        return Verdict.inconclusive(
            f"the logs of {run.path} and {again.path} share {max(0, common)} steps of phase {phase}; "
            f"{_FEWEST_STEPS} are needed"
        )
    evaluated = (first_logged(run, ("val_loss",), phase), first_logged(again, ("val_loss",), phase))
    pairs = [*_paired("loss", ours, theirs, common), *_paired("val_loss", *evaluated, common)]
    differing = sorted((one for one in pairs if not abs(one[2] - one[3]) <= within), key=lambda one: one[1])
    found = _copied(run, again, phase, common)
    if differing:
        name, step, here, there = differing[0]
        found = (
            f"metrics.jsonl: {name} is {here} at step {step} of {run.path} and {there} in {again.path}, a difference "
            f"of {abs(here - there):.3g}, expected at most {within:g}; {len(differing)} of {len(pairs)} values differ. "
            "A source of chance is not seeded, or the number of threads or devices was another"
        )
    return Verdict.of(
        not found,
        found=found,
        examined=(common, "steps"),
        largest_difference=(max((abs(one[2] - one[3]) for one in pairs), default=math.nan), "nats"),
        values_compared=len(pairs),
        seed=str(run.field("seed.actual")),
    )


def _not_comparable(run: Run, again: Run) -> Iterator[str]:
    """Why nothing follows from comparing the two."""
    if run.run_id is None or again.run_id is None:
        nameless = run if run.run_id is None else again
        yield f"{nameless.path}: has no run_id, so whether these are two runs is not known"
    elif run.run_id == again.run_id:
        yield (
            f"{again.path}: is run {again.run_id}, which {run.path} is too; the same record twice proves nothing. "
            "Train again and bind that run"
        )
    for name in ("seed.actual", "device.actual"):
        if run.field(name) is None:
            yield f"{run.path}: {name} is not recorded, so whether these are runs of one experiment is not known"
    for name in _SAME:
        if run.field(name) != again.field(name):
            yield (
                f"run.yaml: {name} is {run.field(name)!s:.80} in {run.path} and {again.field(name)!s:.80} in "
                f"{again.path}; they are not runs of one experiment"
            )


def _up_to(ours: Points, theirs: Points, steps: int) -> int:
    """The last step that is compared: the one asked for, or the last that both logged."""
    return min(steps, ours[-1][0], theirs[-1][0]) if ours and theirs else 0


def _paired(name: str, ours: Points, theirs: Points, last: int) -> list[tuple[str, int, float, float]]:
    """Name, step and both values of every step up to ``last`` that either logged; NaN where the other did not."""
    here, there = dict(ours), dict(theirs)
    asked = sorted(step for step in {*here, *there} if step <= last)
    # A shorter run evaluates at its own last step too, where the longer one need not.
    if name == "val_loss":
        asked = [step for step in asked if step in here and step in there]
    return [(name, step, here.get(step, math.nan), there.get(step, math.nan)) for step in asked]


def _copied(run: Run, again: Run, phase: str, last: int) -> str:
    ours, theirs = (first_logged(one, ("seconds",), phase) for one in (run, again))
    pairs = _paired("seconds", [point for point in ours if point[0]], [point for point in theirs if point[0]], last)
    if len(pairs) < _FEWEST_STEPS or any(here != there for _, _, here, there in pairs):
        return ""
    return (
        f"metrics.jsonl: all {len(pairs)} steps took the same time in {again.path} as in {run.path}, to the last "
        "digit; one log is a copy of the other under another run id"
    )


@runs_agree.counterexample
def one_loss_differs(run: Run, again: Run, *, within: float, phase: str) -> tuple[Run, Run]:
    """A second run whose loss at step 5 is another."""
    _both_logged(run, again, phase)
    return run, again.with_series(
        "loss", lambda points: [(step, value + (10 * within + 1e-6) * (step == 5)) for step, value in points], phase
    )


@runs_agree.counterexample
def drifting_apart(run: Run, again: Run, *, within: float, phase: str) -> tuple[Run, Run]:
    """A second run that drifts away from the first, as one of another order of additions does."""
    _both_logged(run, again, phase)
    return run, again.with_series(
        "loss", lambda points: [(step, value + (within + 1e-6) * step) for step, value in points], phase
    )


@runs_agree.counterexample
def a_copied_log(run: Run, again: Run, *, phase: str) -> tuple[Run, Run]:
    """A second run whose log is the first one's, times and all."""
    _both_logged(run, again, phase)
    seconds = dict(run.series("seconds", phase))
    return run, again.with_series(
        "seconds", lambda points: [(step, seconds.get(step, value)) for step, value in points], phase
    )


def _both_logged(run: Run, again: Run, phase: str) -> None:
    if next(_not_comparable(run, again), "") or _up_to(run.series("loss", phase), again.series("loss", phase), 10) < 10:
        raise NotApplicable("these are not two comparable runs of ten steps")


@falsifier("determinism.same-experiment")
def same_experiment(
    first: Run,
    second: Run,
    *,
    fields: tuple[str, ...] = (*_SAME, "architecture", "early_stopping", "launch.world_size"),
) -> Verdict:
    """Two records are of one experiment: what decides a number is the same in both, field by field.

    A field that neither record states is passed over. Where a file lies (`path`) decides nothing and is not compared.

    Args:
        fields: fields of the run record; dots lead into objects. An object is compared with all that stands below it.
    """
    stated = {name: (_without_paths(first.field(name)), _without_paths(second.field(name))) for name in fields}
    compared = {name: both for name, both in stated.items() if both != (None, None)}
    differing = [name for name, (ours, theirs) in compared.items() if ours != theirs]
    found = ""
    if differing:
        key, ours, theirs = _first_difference(differing[0], *compared[differing[0]])
        found = (
            f"run.yaml: {key} is {ours!r:.80} in {first.path}, {theirs!r:.80} in {second.path} ({len(differing)} of "
            f"{len(compared)} fields differ); they are two experiments, or one of the records was edited"
        )
    return Verdict.of(not differing, found=found, examined=(len(compared), "fields"), differing_fields=len(differing))


def _without_paths(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _without_paths(one) for key, one in value.items() if key != "path"}


def _first_difference(name: str, ours: Any, theirs: Any) -> tuple[str, Any, Any]:
    """The innermost key in which two values differ, and what stands there in either."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}, key=str):
            if ours.get(key) != theirs.get(key):
                return _first_difference(f"{name}.{key}", ours.get(key), theirs.get(key))
    return name, ours, theirs


@same_experiment.counterexample
def a_larger_batch(first: Run, second: Run) -> tuple[Run, Run]:
    """A second run with twice the sequences in a batch."""
    sequences = first.field("batch.sequences")
    if not isinstance(sequences, int):
        raise NotApplicable("the record states no batch")
    return first, second.with_field("batch.sequences", 2 * sequences)


@same_experiment.counterexample
def another_size(first: Run, second: Run) -> tuple[Run, Run]:
    """A second run of a model with a parameter more."""
    return first, second.with_field("parameters", 1 + int(first.field("parameters") or 0))
