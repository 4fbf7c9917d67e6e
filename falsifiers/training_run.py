"""A training run did what was asked of it, to the end, and learnt something."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from falsifiable import Corpus, Criterion, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.evaluation import EvaluationError, recomputed_loss


@falsifier("run.window-complete")
def window_complete(
    run: Run, *, phase: str = "finetune", ended: Criterion = Criterion(one_of=("completed",))
) -> Verdict:
    """Every planned step was taken and logged once, with a finite loss, and the run says why it ended.

    Args:
        phase: the phase whose steps the record plans.
        ended: what `end_reason` must meet; early stopping is a different claim and must be named to be accepted.
    """
    planned, done, reason = run.field("steps.planned"), run.field("steps.done"), run.field("end_reason")
    steps = [row.get("step") for row in run.rows if row.get("phase") == phase]
    found = next(_window_faults(run, phase, steps, ended), "")
    return Verdict.of(
        not found,
        found=found,
        examined=(len(steps), "rows"),
        steps_planned=planned if isinstance(planned, int) else None,
        steps_done=done if isinstance(done, int) else None,
        end_reason=str(reason),
    )


def _window_faults(run: Run, phase: str, steps: list[Any], ended: Criterion) -> Iterator[str]:
    planned, done, reason = run.field("steps.planned"), run.field("steps.done"), run.field("end_reason")
    if not isinstance(planned, int) or not isinstance(done, int):
        yield f"run.yaml: steps.planned is {planned} and steps.done {done}, expected two counts"
        return
    if run.torn:
        yield "metrics.jsonl: its last line is cut; the run was killed while it wrote"
    if done < planned:
        yield f"run.yaml: {done} of {planned} planned steps were done; the run was cut short ({reason})"
    if done > planned:
        yield f"run.yaml: {done} steps were done, {planned} planned; a plan was typed by hand, or two runs are one log"
    if not ended.holds(reason):
        yield f"run.yaml: end_reason is {reason}, expected {ended}"
    if steps != list(range(done + 1)):
        at = next((i for i, step in enumerate(steps) if step != i), len(steps))
        seen = steps[at] if at < len(steps) else "the end of the log"
        yield (
            f"metrics.jsonl: row {at} of phase {phase} is step {seen}, expected steps 0 to {done} in order; "
            "rows were lost, repeated, or belong to two runs"
        )
    for row in run.rows:
        loss = row.get("loss")
        if not isinstance(loss, (int, float)) or not math.isfinite(loss):
            yield f"metrics.jsonl: loss is {loss} at step {row.get('step')} of {row.get('phase')}; training diverged"


@window_complete.counterexample
def cut_short(run: Run) -> Run:
    """A run that did one step less than it planned."""
    return run.with_field("steps.planned", int(run.field("steps.done") or 0) + 1)


@window_complete.counterexample
def ended_otherwise(run: Run) -> Run:
    """A run whose loss became infinite."""
    return run.with_field("end_reason", "diverged")


@window_complete.counterexample
def fewer_steps_planned_than_done(run: Run) -> Run:
    """A plan that was typed shorter than what was done."""
    return run.with_field("steps.planned", int(run.field("steps.done") or 0) - 1)


@window_complete.counterexample
def more_steps_claimed(run: Run) -> Run:
    """A record that claims more steps than the log holds."""
    more = int(run.field("steps.done") or 0) + 100
    return run.with_field("steps.done", more).with_field("steps.planned", more)


@falsifier("run.validation-loss", needs="tensors", imports=("torch",))
def validation_loss(
    run: Run, model: Model, corpus: Corpus, *, within: float = 1e-3, metric: str = "val_loss", split: str = "validation"
) -> Verdict:
    """The recorded validation loss is the loss of these weights, computed again on the pinned tokens.

    A number that stands in a record was typed by somebody, or by a program; this one is measured here, under the name
    of the metric, and may therefore discharge.

    Args:
        within: nats between the recorded and the recomputed loss; two float32 implementations differ by less than 1e-4.
        metric: the metric of the run record.
        split: the split of the corpus whose tokens are read.
    """
    recorded = run.metrics.get(metric)
    if recorded is None:
        return Verdict.inconclusive(
            f"{run.path}: records no metric {metric}; it has {', '.join(run.metrics) or 'none'}"
        )
    try:
        own = recomputed_loss(model, corpus, split)
    except EvaluationError as error:
        return Verdict.inconclusive(f"the loss was not recomputed: {error}")
    agrees = abs(own - recorded.value) <= within
    return Verdict.of(
        agrees,
        found=f"run.yaml: {metric} is {recorded.value:.6f} at step {recorded.step}, these weights give {own:.6f} "
        f"nats on the same tokens, expected within {within:g}; the number was typed or is of another checkpoint",
        examined=(len(model.tensors), "tensors"),
        **{metric: (own, "nats per token"), "recorded": (recorded.value, "nats per token")},
    )


@validation_loss.counterexample
def a_better_number(run: Run, model: Model, corpus: Corpus, *, metric: str = "val_loss") -> tuple[Run, Model, Corpus]:
    """A metric typed a hundredth lower than it was."""
    recorded = run.metrics[metric]
    return run.with_metric(metric, recorded.value - 0.01, recorded.step), model, corpus


@validation_loss.counterexample
def other_weights(run: Run, model: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """Weights that are not those of the record."""
    return run, model.with_tensor("final_norm", lambda values: values * 1.5), corpus


@falsifier("run.loss-falls", level="integration")
def loss_falls(run: Run, *, by: float = 0.0) -> Verdict:
    """Training learnt: fine-tuned validation loss < that of the checkpoint it began from < ln(vocabulary).

    Args:
        by: nats that each must lie below the one before.
    """
    rows = run.field("architecture.vocab_size")
    trained, init = run.metrics.get("val_loss"), run.metrics.get("init_val_loss")
    if trained is None or init is None or not isinstance(rows, int) or rows < 2:
        return Verdict.inconclusive(f"{run.path}: val_loss, init_val_loss or architecture.vocab_size is not recorded")
    chance = math.log(rows)
    found = ""
    if not init.value < chance - by:
        found = (
            f"init_val_loss {init.value:.4f} is not below ln({rows}) = {chance:.4f} by {by:g}: "
            "the checkpoint had learnt nothing"
        )
    elif not trained.value < init.value - by:
        found = (
            f"val_loss {trained.value:.4f} is not below init_val_loss {init.value:.4f} by {by:g}: "
            "the learning rate is wrong, or the data ran out and the loss stood still"
        )
    return Verdict.of(
        not found,
        found=found,
        examined=(2, "metrics"),
        fell_by=(init.value - trained.value, "nats"),
        chance=(chance, "nats"),
    )


@loss_falls.counterexample
def nothing_learnt(run: Run) -> Run:
    """A fine-tune that ends where it began."""
    init = run.metrics["init_val_loss"]
    return run.with_metric("val_loss", init.value, int(run.field("steps.done") or 0))


@loss_falls.counterexample
def a_start_at_chance(run: Run) -> Run:
    """A checkpoint that predicts no better than guessing."""
    return run.with_metric("init_val_loss", math.log(int(run.field("architecture.vocab_size") or 2)), 0)


@falsifier("run.loss-varies", level="integration")
def loss_varies(run: Run, *, phase: str = "", repeated: float = 0.05, longest: int = 5) -> Verdict:
    """Training losses move from step to step, as losses of different batches do, and stand still nowhere.

    In the reference cascade an exhausted stream of batches returned a loss of exactly 1.0 at every step, and no gate
    saw it (training-loop-pretrain-v1: no constant loss on an exhausted stream). Real float32 losses do not repeat: in
    the 800 steps of this project's reference run, not one equals the one before.

    Args:
        phase: the phase whose losses are read; empty for every phase, each by itself.
        repeated: largest share of losses that equal the one before. Losses logged with two decimals repeat in about 3
            of 100 steps where they scatter by 0.1 nats.
        longest: largest number of equal losses in a row. Five in a row come once in 100,000 steps where 5 % repeat.
    """
    phases = [phase] if phase else list(dict.fromkeys(str(row.get("phase")) for row in run.rows))
    logged = {one: _losses(run, one) for one in phases}
    compared = sum(max(0, len(losses) - 1) for losses in logged.values())
    if not compared:
        return Verdict.inconclusive(
            f"{run.path}: metrics.jsonl has no two losses{f' in phase {phase}' if phase else ''}"
        )
    found, equal_in_all, longest_of_all = "", 0, 1
    for one, losses in logged.items():
        equal, streak, step, value = _standstill(losses)
        equal_in_all, longest_of_all = equal_in_all + equal, max(longest_of_all, streak)
        if not found and (streak > longest or equal > repeated * (len(losses) - 1)):
            found = (
                f"metrics.jsonl: loss is {value} at {streak} steps in a row from step {step} of phase {one}, and "
                f"equals the one before at {equal} of {len(losses) - 1} steps, expected at most {longest} in a row and "
                f"a share of {repeated:g}; the data ran out and a placeholder was logged, or the log is scripted"
            )
    return Verdict.of(
        not found, found=found, examined=(compared, "steps"), repeated=equal_in_all / compared, longest=longest_of_all
    )


def _losses(run: Run, phase: str) -> list[tuple[Any, float]]:
    """Step and loss of every row of ``phase`` whose loss is a number."""
    rows = [row for row in run.rows if str(row.get("phase")) == phase]
    return [(row.get("step"), row["loss"]) for row in rows if isinstance(row.get("loss"), (int, float))]


def _standstill(losses: list[tuple[Any, float]]) -> tuple[int, int, Any, Any]:
    """How many losses equal the one before; the length, first step and value of the longest row of equal ones."""
    equal, longest, first, value, start = 0, 0, None, None, 0
    for at, (_, loss) in enumerate(losses):
        if at and loss == losses[at - 1][1]:
            equal += 1
        else:
            start = at
        if at - start + 1 > longest:
            longest, first, value = at - start + 1, losses[start][0], loss
    return equal, longest, first, value


@loss_varies.counterexample
def a_tail_of_placeholders(run: Run, *, phase: str) -> Run:
    """A log whose second half is exactly 1.0, as after the last batch of an exhausted stream."""
    _two_losses(run, phase)
    return run.with_series(
        "loss", lambda points: [*points[: len(points) // 2], *((step, 1.0) for step, _ in points[len(points) // 2 :])],
        phase or None,
    )  # fmt: skip


@loss_varies.counterexample
def a_constant_log(run: Run, *, phase: str) -> Run:
    """A log that says the same at every step."""
    _two_losses(run, phase)
    return run.with_series("loss", lambda points: [(step, 1.5) for step, _ in points], phase or None)


def _two_losses(run: Run, phase: str) -> None:
    if len(run.series("loss", phase or None)) < 4:
        raise NotApplicable("the log holds fewer than four losses")


@falsifier("run.as-requested")
def as_requested(run: Run, *, fields: tuple[str, ...] = ("device", "dtype", "seed", "data", "init")) -> Verdict:
    """What was asked for is what was used: no CPU for CUDA, no random weights for a checkpoint, no made-up data.

    Args:
        fields: fields of the run record that hold `requested` beside `actual`. A `device` that is a GPU must have been
            seen: environment.cuda is its name as the recorder found it, null where no parameter lay on one.
    """
    if not fields:
        return Verdict.inconclusive(
            f"{run.path}: `fields` is empty and nothing is compared; name device, seed or another"
        )
    if not run.has_record:
        return Verdict.inconclusive(f"{run.path}: no recorder said what was asked for")
    wrong = [f"{name}: {said}" for name in fields if (said := _substitution(run, name))]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". Something was substituted in silence, or the trainer never looked",
        examined=(len(fields), "fields"),
        substitutions=len(wrong),
    )


def _substitution(run: Run, name: str) -> str:
    requested, actual = run.field(f"{name}.requested"), run.field(f"{name}.actual")
    if requested is None or actual is None:
        missing = "requested" if requested is None else "actual"
        return f"`{missing}` is absent, so what was used is not known"
    if name == "init":
        return _init_substitution(run, str(requested), str(actual))
    seen = run.field("environment.cuda")
    if name == "device" and "cuda" in str(actual) and seen is None:
        return f"device.actual is {actual}, and environment.cuda is null, expected a GPU's name: there was none"
    return "" if requested == actual else f"requested {requested}, actual {actual}"


def _init_substitution(run: Run, requested: str, actual: str) -> str:
    """A checkpoint is asked for by a path of the user and kept under a path of the run; its bytes decide."""
    loaded, named = run.field("init.sha256"), run.artifacts.get("init")
    asked = run.field("inputs.checkpoints.init")
    if not isinstance(loaded, str) or named is None or named.sha256 != loaded:
        return f"loaded sha256 {str(loaded)[:12]}, the artifact init has {named.sha256[:12] if named else 'none'}"
    if isinstance(asked, str) and asked != loaded:
        return f"the checkpoint asked for has sha256 {asked[:12]}, the one loaded {loaded[:12]}"
    if asked is None and PurePath(requested).name != PurePath(actual).name:
        return f"requested {requested}, actual {actual}"
    return ""


@as_requested.counterexample
def another_device(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A first field of which something else was used."""
    if not fields:
        raise NotApplicable("no field is compared")
    return run.with_field(f"{fields[0]}.actual", "something else")


@as_requested.counterexample
def not_looked_at(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A last field of which nobody recorded what was used."""
    if not fields or run.field(f"{fields[-1]}.actual") is None:
        raise NotApplicable("no field is compared, or the last one is not recorded")
    return run.without_field(f"{fields[-1]}.actual")


@as_requested.counterexample
def a_gpu_that_was_not_there(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A GPU typed into the record of a machine that has none."""
    if "device" not in fields:
        raise NotApplicable("the device is not compared")
    typed = run.with_field("device", {"requested": "cuda", "actual": "cuda"})
    return typed.with_field("environment.cuda", None)
