"""What the curves of a run say of its optimisation: whether it learnt, ran away, was stopped or came to its end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from falsifiable import NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import (
    Points,
    Start,
    evaluations,
    judged_losses,
    learning_rates,
    line_through,
    mean,
    started_from,
    training_losses,
)


@falsifier("run.loss-falls", level="integration", evidence_for="optimisation defect")
def loss_falls(run: Run, *, by: float = 0.0, start: Start = "as-recorded") -> Verdict:
    """Training learnt: the validation loss ends below where it began, and below ln(vocabulary).

    A run that began from a checkpoint must also have begun below ln(vocabulary), which is what guessing costs. Without
    metrics in a record, the first and the last evaluation of the log are compared, and without evaluations the means
    over the first and the last tenth of the training losses.

    Args:
        by: nats that each must lie below the one before.
        start: whether the phase began from a `checkpoint` or from `scratch`; by default what the record says of init.
    """
    ends = _ends(run)
    if ends is None:
        return Verdict.inconclusive(
            f"{run.path}: holds no two losses to compare; log val_loss at the start and the end"
        )
    (name, first), (last_name, last) = ends
    began, rows = started_from(run, start), run.field("architecture.vocab_size")
    chance = math.log(rows) if isinstance(rows, int) and rows > 1 else None
    if began and chance is None:
        return Verdict.inconclusive(f"{run.path}: architecture.vocab_size is not recorded, so chance is not known")
    found = ""
    if chance is not None and began == "checkpoint" and not first < chance - by:
        found = (
            f"{name} {first:.4f} is not below ln({rows}) = {chance:.4f} by {by:g}: the checkpoint had learnt nothing"
        )
    elif not last < min(first, chance if chance is not None else first) - by:
        found = (
            f"{last_name} {last:.4f} is not below {name} {first:.4f} by {by:g}, or not below chance: "
            "the learning rate is wrong, or the data ran out and the loss stood still"
        )
    return Verdict.of(
        not found, found=found, examined=(2, "losses"), fell_by=(first - last, "nats"), chance=(chance, "nats")
    )


def _ends(run: Run) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """Name and value of the loss that training began with and of the one it ended with."""
    trained, init = run.metrics.get("val_loss"), run.metrics.get("init_val_loss")
    if trained is not None and init is not None:
        return ("init_val_loss", init.value), ("val_loss", trained.value)
    name, losses = judged_losses(run)
    if len(losses) < 2:
        return None
    return (f"{name} at step {losses[0][0]}", losses[0][1]), (f"{name} at step {losses[-1][0]}", losses[-1][1])


@loss_falls.counterexample
def nothing_learnt(run: Run) -> Run:
    """A run that ends where it began."""
    ends = _ends(run)
    if ends is None:
        raise NotApplicable("the run holds no two losses")
    first = ends[0][1]
    run = run.with_metric("init_val_loss", first, 0)
    return run.with_metric("val_loss", first, int(run.field("steps.done") or 0))


@loss_falls.counterexample
def a_start_at_chance(run: Run, *, start: Start) -> Run:
    """A checkpoint that predicts no better than guessing."""
    if started_from(run, start) != "checkpoint":
        raise NotApplicable("the run did not begin from a checkpoint")
    return run.with_metric("init_val_loss", math.log(int(run.field("architecture.vocab_size") or 2)), 0)


@falsifier("run.within-divergence-gates", level="integration", evidence_for="optimisation defect")
def within_divergence_gates(
    run: Run, *, phase: str = "", start: Start = "as-recorded", first_at_most: float = 10.0, growth: float = 2.0
) -> Verdict:
    """No loss ran away: all are finite, the first is one that such a start has, none doubles from one to the next.

    The gates of training-loop-pretrain-v1: validation loss N is at most twice validation loss N-1; the first is at most
    10.0 from a checkpoint and 2 ln(vocabulary) from scratch; NaN and infinity end a run. A log with fewer than two
    evaluations is judged by means over tenths of its training losses.

    Args:
        phase: the phase that is judged; empty for the last one.
        start: whether the phase began from a `checkpoint` or from `scratch`; by default what the record says of init.
            Where nothing says, the first loss meets no bound of its own.
        first_at_most: nats that the first loss may have where the phase began from a checkpoint.
        growth: how many times the one before each loss may be.
    """
    name, losses = judged_losses(run, phase)
    if not losses:
        return Verdict.inconclusive(f"{run.path}: the log holds no loss{f' in phase {phase}' if phase else ''}")
    bound = _first_bound(run, start, first_at_most)
    found = next(_divergence(run, phase, bound, growth), "")
    ratios = [after / before for (_, before), (_, after) in itertools.pairwise(losses) if before > 0]
    return Verdict.of(
        not found,
        found=found,
        examined=(len(losses), "losses"),
        judged_by=name,
        first=(losses[0][1], "nats"),
        first_at_most=(bound, "nats"),
        largest_growth=(max(ratios, default=1.0), "times"),
    )


def _first_bound(run: Run, start: Start, first_at_most: float) -> float | None:
    began, rows = started_from(run, start), run.field("architecture.vocab_size")
    if began == "scratch":
        return 2 * math.log(rows) if isinstance(rows, int) and rows > 1 else None
    return first_at_most if began == "checkpoint" else None


def _divergence(run: Run, phase: str, bound: float | None, growth: float) -> Iterator[str]:
    """What shows that the loss of ``phase`` ran away, each in words."""
    yield from not_finite(run, phase)
    name, losses = judged_losses(run, phase)
    if losses and bound is not None and losses[0][1] > bound:
        yield (
            f"metrics.jsonl: {name} is {losses[0][1]:.4f} at step {losses[0][0]}, expected at most {bound:.4f}; the "
            "weights are not those of a checkpoint, or are scaled wrongly"
        )
    yield from running_away(run, phase, growth)


def not_finite(run: Run, phase: str = "") -> Iterator[str]:
    """The losses of ``phase`` that are no numbers, each in words."""
    for step, loss in (*training_losses(run, phase), *evaluations(run, phase)):
        if not math.isfinite(loss):
            yield f"metrics.jsonl: the loss is {loss} at step {step}, expected a finite number; training diverged"


def running_away(run: Run, phase: str, growth: float) -> Iterator[str]:
    """The losses of ``phase`` that are more than ``growth`` times the one before, each in words."""
    name, losses = judged_losses(run, phase)
    for (earlier, before), (step, after) in itertools.pairwise(losses):
        if before > 0 and after > growth * before:
            yield (
                f"metrics.jsonl: {name} is {after:.4f} at step {step} after {before:.4f} at step {earlier}, expected "
                f"at most {growth:g} times as much; the learning rate is too high, or the gradient is not clipped"
            )


@within_divergence_gates.counterexample
def a_loss_that_is_no_number(run: Run, *, phase: str) -> Run:
    """A run whose last training loss is NaN."""
    if not training_losses(run, phase):
        raise NotApplicable("the log holds no training loss")
    return run.with_series("loss", lambda points: [*points[:-1], (points[-1][0], math.nan)], phase or None)


@within_divergence_gates.counterexample
def a_loss_that_doubles(run: Run, *, phase: str, growth: float) -> Run:
    """A run whose last evaluation is more than twice the one before."""
    points = evaluations(run, phase)
    if len(points) < 2 or points[-2][1] <= 0:
        raise NotApplicable("the log holds no two evaluations")
    last, before = points[-1][0], points[-2][1]
    return run.with_series("val_loss", lambda series: [*series[:-1], (last, before * growth * 1.1)], phase or None)


@within_divergence_gates.counterexample
def a_start_beyond_the_bound(run: Run, *, phase: str, start: Start, first_at_most: float) -> Run:
    """A first evaluation far above what such a start has."""
    bound, points = _first_bound(run, start, first_at_most), evaluations(run, phase)
    if bound is None or len(points) < 2:
        raise NotApplicable("nothing says what the first loss may be, or it is not evaluated")
    return run.with_series("val_loss", lambda series: [(series[0][0], 2 * bound), *series[1:]], phase or None)


@falsifier("run.first-losses-agree")
def first_losses_agree(run: Run, *, within: float = 0.25) -> Verdict:
    """Before the first update of each phase training and validation loss are those of one model, on one scale.

    Both are mean nats per token of the same weights, and only the text differs. A loss that is a sum, or that was
    divided by the number of accumulated batches (transformers before 4.46), is on another scale; so is one from which
    a mask left most tokens out. It never shows in the falling of the curve.

    Args:
        within: how far the training loss may lie from the validation loss, as a share of the latter. Batches of 1,024
            tokens lay within 0.07 of it in this project's own runs.
    """
    firsts = dict(_first_losses(run))
    if not firsts:
        return Verdict.inconclusive(
            f"{run.path}: no phase of the log holds training loss and evaluation of one first step"
        )
    apart = {phase: abs(loss - val_loss) / max(abs(val_loss), 1e-9) for phase, (loss, val_loss) in firsts.items()}
    found = [
        f"metrics.jsonl: loss is {loss:.4f} and val_loss {val_loss:.4f} before the first update of {phase}, expected "
        f"within {within:.0%} of each other; one is a sum, was divided by accumulated batches, or is of other text"
        for phase, (loss, val_loss) in firsts.items()
        if not apart[phase] <= within
    ]
    return Verdict.of(
        not found,
        found="; ".join(found),
        examined=(2 * len(firsts), "losses"),
        furthest_apart=(max(apart.values()), "share"),
    )


def _first_losses(run: Run) -> Iterator[tuple[str, tuple[float, float]]]:
    """Training loss and evaluation of the first step of every phase that logs both there."""
    for phase in dict.fromkeys(str(row.get("phase", "")) for row in run.rows):
        trained, evaluated = training_losses(run, phase)[:1], evaluations(run, phase)[:1]
        if trained and evaluated and trained[0][0] == evaluated[0][0]:
            yield phase, (trained[0][1], evaluated[0][1])


@first_losses_agree.counterexample
def divided_by_accumulated_batches(run: Run) -> Run:
    """A first training loss that was divided by eight accumulated batches."""
    return _with_first_loss(run, 1 / 8)


@first_losses_agree.counterexample
def summed_over_the_batch(run: Run) -> Run:
    """A first training loss that is a sum over sixteen sequences."""
    return _with_first_loss(run, 16.0)


def _with_first_loss(run: Run, factor: float) -> Run:
    phase = next((phase for phase, _ in _first_losses(run)), None)
    if phase is None:
        raise NotApplicable("no phase of the log holds training loss and evaluation of one first step")
    return run.with_series("loss", lambda points: [(points[0][0], points[0][1] * factor), *points[1:]], phase or None)


@falsifier("run.stop-beyond-noise", level="integration", evidence_for="optimisation defect")
def stop_beyond_noise(run: Run, *, phase: str = "", deviations: float = 2.0) -> Verdict:
    """A run that was stopped early had really ceased to improve, and not only by the noise of its evaluation.

    In the reference cascade an evaluation over 16,384 tokens with a patience of 2 ended runs that were still learning;
    131,072 tokens and a patience of 5 did not. Here the noise is read from the log itself: a line is laid through the
    evaluations up to the best one (the last eight of them), the evaluations scatter about it by a standard deviation,
    and the stop is within noise where the evaluations after the best one are what that falling line would still give.
    A run that took all its steps was not stopped, which is then what is said.

    Args:
        phase: the phase that was stopped; empty for the last one.
        deviations: how many standard errors the mean of the evaluations after the best one must lie above the line; 2
            is what a falling loss reaches by chance in about one stop of forty.
    """
    planned, done, reason = run.field("steps.planned"), run.field("steps.done"), run.field("end_reason")
    if reason is None:
        return Verdict.inconclusive(f"{run.path}: end_reason is not recorded, so nothing says whether it was stopped")
    if reason != "early_stop":
        if not isinstance(planned, int) or planned != done:
            return Verdict.inconclusive(f"{run.path}: ended as {reason} after {done} of {planned} steps, not by a stop")
        return Verdict.of(True, examined=(1, "end reasons"), end_reason=str(reason))
    values = [value for _, value in evaluations(run, phase)]
    best = min(range(len(values)), key=values.__getitem__, default=0)
    falling, after = values[max(0, best - 7) : best + 1], values[best + 1 :]
    if len(falling) < 4 or not after:
        return Verdict.inconclusive(
            f"{run.path}: {len(falling)} evaluations up to the best one and {len(after)} after it; to tell a stop from "
            "noise takes four and one, so evaluate more often"
        )
    return _judged_stop(run, falling, after, deviations)


def _judged_stop(run: Run, falling: list[float], after: list[float], deviations: float) -> Verdict:
    intercept, slope, noise = line_through(falling)
    size, center = len(falling), (len(falling) - 1) / 2
    spread = sum((at - center) ** 2 for at in range(size))
    ahead = size + (len(after) - 1) / 2
    expected = intercept + slope * ahead
    error = noise * math.sqrt(1 / len(after) + 1 / size + (ahead - center) ** 2 / spread)
    was_falling = slope < -deviations * noise / math.sqrt(spread)
    above = mean(after) - expected
    tokens = run.field("early_stopping.held_out_tokens")
    within_noise = was_falling and above <= deviations * error
    return Verdict.of(
        not within_noise,
        found=(
            f"metrics.jsonl: the {len(after)} evaluations after the best one average {mean(after):.4f}, and a loss "
            f"still falling by {-slope:.4f} per evaluation would average {expected:.4f} +- {deviations * error:.4f}; "
            f"the stop lies within the noise of the evaluation ({noise:.4f} nats, over {tokens} tokens). Evaluate over "
            "more tokens, or wait longer"
        ),
        examined=(size + len(after), "evaluations"),
        evaluation_noise=(noise, "nats"),
        fall_per_evaluation=(-slope, "nats"),
        above_the_line=(above, "nats"),
        patience=len(after),
        held_out_tokens=tokens if isinstance(tokens, int) else None,
    )


@stop_beyond_noise.counterexample
def stopped_by_two_noisy_evaluations(run: Run, *, phase: str) -> Run:
    """A loss that falls by a fiftieth of a nat per evaluation and scatters by more, stopped after two evaluations."""
    return _stopped(run, phase, [-0.02, 0.03, -0.01, 0.02, -0.03, 0.01, -0.02, 0.03, 0.025])


@stop_beyond_noise.counterexample
def stopped_by_one_noisy_evaluation(run: Run, *, phase: str) -> Run:
    """The same, stopped by the first evaluation that was not better."""
    return _stopped(run, phase, [0.015, -0.01, 0.02, -0.02, 0.01, -0.01, 0.005, -0.015, 0.02])


def _stopped(run: Run, phase: str, scatter: list[float]) -> Run:
    logged = training_losses(run, phase)
    if len(logged) < len(scatter):
        raise NotApplicable(f"the log holds fewer than {len(scatter)} steps")
    steps = [step for step, _ in logged[-len(scatter) :]]
    points: Points = [(step, 5.0 - 0.02 * at + scatter[at]) for at, step in enumerate(steps)]
    phase_logged = phase or next(row.get("phase") for row in reversed(run.rows) if row.get("loss") is not None)
    return run.with_field("end_reason", "early_stop").with_series("val_loss", lambda _: points, phase_logged)


@falsifier("run.plateau-not-the-schedule", level="integration", evidence_for="remark")
def plateau_not_the_schedule(
    run: Run, *, phase: str = "", tail: float = 0.2, flat: float = 0.02, rate: float = 0.5
) -> Verdict:
    """Where the loss stands still at the end, it does so at a learning rate that could still have moved it.

    A cosine takes every loss to a plateau: the steps there are too small to change anything. Such a plateau is the end
    of the schedule and shows no convergence, so nobody may conclude from it that more steps would be wasted.

    Args:
        phase: the phase that is judged; empty for the last one.
        tail: share of the steps, at the end, in which the loss is asked whether it still falls.
        flat: share of the whole fall below which the fall in the tail is a plateau.
        rate: share of the phase's highest learning rate below which the mean rate of the tail explains a plateau.
    """
    name, losses = judged_losses(run, phase)
    rates = learning_rates(run, phase)
    if len(losses) < 3 or not rates:
        return Verdict.inconclusive(f"{run.path}: needs three losses and the learning rates; log val_loss and lr")
    first, last = losses[0], losses[-1]
    begins = last[0] - tail * (last[0] - first[0])
    before = [point for point in losses[:-1] if point[0] <= begins] or losses[:1]
    fall, in_tail = first[1] - last[1], before[-1][1] - last[1]
    if not fall > 0:
        return Verdict.inconclusive(f"{run.path}: {name} did not fall, so that nothing flattened; see run.loss-falls")
    highest = max(value for _, value in rates)
    share = mean([value for step, value in rates if before[-1][0] < step <= last[0]]) / highest if highest > 0 else 0.0
    stands_still = in_tail < flat * fall
    return Verdict.of(
        not (stands_still and share < rate),
        found=(
            f"metrics.jsonl: from step {before[-1][0]} to {last[0]} {name} falls by {in_tail:.4f} of {fall:.4f} nats, "
            f"while the learning rate is {share:.1%} of its highest; this plateau is the end of the schedule and shows "
            "no convergence"
        ),
        examined=(len(losses), "losses"),
        plateau=stands_still,
        fall_in_tail=(in_tail, "nats"),
        learning_rate_share=share,
    )


@plateau_not_the_schedule.counterexample
def a_cosine_come_to_its_end(run: Run, *, phase: str, tail: float) -> Run:
    """A loss that stands still for the whole tail, where the learning rate is a hundredth of the highest."""
    return _flattened(run, phase, tail, 0.01)


@plateau_not_the_schedule.counterexample
def a_rate_of_zero(run: Run, *, phase: str, tail: float) -> Run:
    """The same with a learning rate of exactly nothing."""
    return _flattened(run, phase, tail, 0.0)


def _flattened(run: Run, phase: str, tail: float, share: float) -> Run:
    points, rates = evaluations(run, phase), learning_rates(run, phase)
    if len(points) < 3 or not rates or not points[0][1] > points[-1][1]:
        raise NotApplicable("the log holds no falling evaluations, or no learning rates")
    begins = points[-1][0] - tail * (points[-1][0] - points[0][0])
    flat_from = max([step for step, _ in points[:-1] if step <= begins], default=points[0][0])
    highest, last = max(value for _, value in rates), points[-1][1]
    name = "lr" if run.series("lr", phase or None) else "learning_rate"
    run = run.with_series(
        "val_loss", lambda series: [(step, last if step >= flat_from else value) for step, value in series],
        phase or None,
    )  # fmt: skip
    return run.with_series(
        name, lambda series: [(step, highest * share if step > flat_from else value) for step, value in series],
        phase or None,
    )  # fmt: skip
