"""A training run took the steps it planned, ended for the reason it states, and left the weights it says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from falsifiable import Corpus, Criterion, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.convergence import not_finite, running_away
from falsifiers.curves import count, evaluations
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
    first, last = run.field("window.first_step"), run.field("window.last_step")
    if isinstance(first, int) and isinstance(last, int) and last - first != planned:
        yield f"run.yaml: the window is from step {first} to {last}, and {planned} steps were planned; one was edited"
    if not ended.holds(reason):
        yield f"run.yaml: end_reason is {reason}, expected {ended}"
    if steps != list(range(done + 1)):
        at = next((i for i, step in enumerate(steps) if step != i), len(steps))
        seen = steps[at] if at < len(steps) else "the end of the log"
        yield (
            f"metrics.jsonl: row {at} of phase {phase} is step {seen}, expected steps 0 to {done} in order; "
            "rows were lost, repeated, or belong to two runs"
        )
    yield from _clock_faults(run)
    for row in run.rows:
        loss = row.get("loss")
        if not isinstance(loss, (int, float)) or not math.isfinite(loss):
            yield f"metrics.jsonl: loss is {loss} at step {row.get('step')} of {row.get('phase')}; training diverged"


def _clock_faults(run: Run) -> Iterator[str]:
    """Rows of one phase that were logged before the row above them."""
    last: dict[Any, float] = {}
    for row in run.rows:
        seconds, phase = row.get("seconds"), row.get("phase")
        if not isinstance(seconds, (int, float)):
            continue
        if seconds < last.get(phase, -math.inf):
            yield (
                f"metrics.jsonl: step {row.get('step')} of {phase} was logged after {seconds} seconds, the row above "
                f"after {last[phase]}; the log is of two runs, or was put together by hand"
            )
        last[phase] = seconds


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


@falsifier("run.ended-as-stated", level="integration", evidence_for="infrastructure masking")
def ended_as_stated(run: Run, *, phase: str = "") -> Verdict:
    """The run ended for the reason that its record states, as far as its log can tell.

    `completed`: all planned steps were done. `early_stop`: fewer were, and the log shows as many evaluations in a row
    without a new best as `early_stopping.patience` waits for. `diverged`: a loss is not finite, or more than twice the
    one before. `interrupted` and `failed`: the last planned step was not done. A completed run shows no NaN.

    Args:
        phase: the phase whose steps the record plans; empty for the last one.
    """
    reason = run.field("end_reason")
    planned, done = count(run, "steps.planned"), run.field("steps.done")
    if reason is None or planned is None or not isinstance(done, int):
        return Verdict.inconclusive(f"{run.path}: end_reason, steps.planned or steps.done is not recorded")
    unknown = count(run, "early_stopping.patience") is None or not evaluations(run, phase)
    if reason == "early_stop" and done < planned and unknown:
        return Verdict.inconclusive(
            f"{run.path}: early_stopping.patience or val_loss is not recorded, so the stop cannot be judged"
        )
    found = _contradiction(run, phase, str(reason), planned, done)
    return Verdict.of(
        not found,
        found=found,
        examined=(len(run.rows), "rows"),
        end_reason=str(reason),
        steps_planned=planned,
        steps_done=done,
        evaluations_without_a_best=_waited(run, phase),
    )


def _contradiction(run: Run, phase: str, reason: str, planned: int, done: int) -> str:
    said = f"run.yaml: end_reason is {reason}"
    broken, ran_away = next(not_finite(run, phase), ""), next(running_away(run, phase, 2.0), "")
    if reason == "completed" and done != planned:
        return f"{said}, and {done} of {planned} planned steps were done; it did not complete"
    if reason == "completed" and broken:
        return f"{said}, and {broken}"
    if reason == "diverged" and not (broken or ran_away):
        return f"{said}, and every logged loss is finite and at most twice the one before; it ended for another reason"
    if reason in ("interrupted", "failed", "early_stop") and done >= planned:
        return f"{said}, and all {planned} planned steps were done; it completed"
    patience, waited = run.field("early_stopping.patience"), _waited(run, phase)
    if reason == "early_stop" and waited < patience:
        return (
            f"{said}, and the best evaluation is {waited} before the last one, expected {patience} as the patience "
            "says; it was ended by something else, or the reason was typed"
        )
    return ""


def _waited(run: Run, phase: str) -> int:
    """How many evaluations at the end of the log gave no new best."""
    values = [value for _, value in evaluations(run, phase)]
    return len(values) - 1 - values.index(min(values)) if values else 0


@ended_as_stated.counterexample
def an_early_stop_typed(run: Run) -> Run:
    """A loss still at its best, in a record that says it was stopped for not improving."""
    if not evaluations(run) or _waited(run, "") > 0:
        raise NotApplicable("the last evaluation is not the best one")
    stopped = run.with_field("end_reason", "early_stop").with_field("early_stopping.patience", 1)
    return stopped.with_field("steps.planned", int(run.field("steps.done") or 0) + 100)


@ended_as_stated.counterexample
def a_divergence_typed(run: Run) -> Run:
    """A run whose losses are all finite, in a record that says it diverged."""
    if next(not_finite(run), "") or next(running_away(run, "", 2.0), ""):
        raise NotApplicable("the run did diverge")
    return run.with_field("end_reason", "diverged")


@ended_as_stated.counterexample
def a_completion_typed(run: Run) -> Run:
    """A run that was cut short, in a record that says it completed."""
    cut = run.with_field("end_reason", "completed")
    return cut.with_field("steps.planned", int(run.field("steps.done") or 0) + 1)


@falsifier("run.validation-loss", needs="tensors", imports=("torch",))
def validation_loss(
    run: Run,
    model: Model,
    corpus: Corpus,
    *,
    within: float = 1e-3,
    metric: str = "val_loss",
    split: str = "validation",
    criterion: Criterion = Criterion(at_least=0.0),
) -> Verdict:
    """The recorded validation loss is the loss of these weights, computed again on the pinned tokens.

    A number that stands in a record was typed by somebody, or by a program; this one is measured here, under the name
    of the metric, and may therefore discharge.

    Args:
        within: nats between the recorded and the recomputed loss; two float32 implementations differ by less than 1e-4.
        metric: the metric of the run record.
        split: the split of the corpus whose tokens are read.
        criterion: what the recomputed loss must meet as well; every cross-entropy is at least 0.
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
    found = ""
    if not abs(own - recorded.value) <= within:
        found = (
            f"run.yaml: {metric} is {recorded.value:.6f} at step {recorded.step}, these weights give {own:.6f} "
            f"nats on the same tokens, expected within {within:g}; the number was typed or is of another checkpoint"
        )
    elif not criterion.holds(own):
        found = (
            f"{model.path}: these weights give {own:.6f} nats per token of split {split}, expected {criterion}; the "
            "model has not learnt enough, or the tokens are of another kind than it was trained on"
        )
    return Verdict.of(
        not found,
        found=found,
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
