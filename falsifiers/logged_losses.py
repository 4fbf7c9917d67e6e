"""The losses in a log were computed from batches: none is a placeholder, none stands still, none lies on a formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from falsifiable import NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import Points, training_losses

_DECIMALS_OF_A_FINE_LOG = 5


@falsifier("run.loss-varies", level="integration", evidence_for="masked curve")
def loss_varies(
    run: Run, *, phase: str = "", repeated: float = 0.05, longest: int = 5, placeholder: float = 1.0
) -> Verdict:
    """Losses move from step to step, as losses of different batches do; none is a placeholder or stands still.

    In the reference cascade an exhausted stream of batches returned a loss of exactly 1.0 at every step, and no gate
    saw it (training-loop-pretrain-v1: no constant loss on an exhausted stream). Real float32 losses do not repeat: in
    the 800 steps of this project's reference run, not one equals the one before. In a log with more than five decimals
    one placeholder, or two equal evaluations in a row, is therefore enough.

    Args:
        phase: the phase whose losses are read; empty for every phase, each by itself.
        repeated: largest share of losses that equal the one before. Losses logged with two decimals repeat in about 3
            of 100 steps where they scatter by 0.1 nats.
        longest: largest number of equal losses in a row. Five in a row come once in 100,000 steps where 5 % repeat.
        placeholder: the value that no loss of a log with more than five decimals may have exactly.
    """
    phases = [phase] if phase else list(dict.fromkeys(str(row.get("phase")) for row in run.rows))
    logged = {one: _losses(run, one, "loss") for one in phases}
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
    for one in phases:
        found = found or _placeholder_fault(logged[one], one, placeholder) or _evaluation_fault(run, one, longest)
    return Verdict.of(
        not found, found=found, examined=(compared, "steps"), repeated=equal_in_all / compared, longest=longest_of_all
    )


def _losses(run: Run, phase: str, name: str) -> list[tuple[Any, float]]:
    """Step and value of every row of ``phase`` whose ``name`` is a number."""
    rows = [row for row in run.rows if str(row.get("phase")) == phase]
    return [(row.get("step"), row[name]) for row in rows if isinstance(row.get(name), (int, float))]


def _is_fine(losses: Sequence[tuple[Any, float]]) -> bool:
    """Whether most losses are logged with so many decimals that two equal ones are no chance."""
    rounded = sum(round(value, _DECIMALS_OF_A_FINE_LOG) == value for _, value in losses)
    return 2 * rounded < len(losses)


def _placeholder_fault(losses: list[tuple[Any, float]], phase: str, placeholder: float) -> str:
    at = [step for step, value in losses if value == placeholder]
    if not at or not _is_fine(losses):
        return ""
    return (
        f"metrics.jsonl: loss is exactly {placeholder} at {len(at)} of {len(losses)} steps of phase {phase}, first at "
        f"step {at[0]}, in a log of more than five decimals; the stream of batches was exhausted and a placeholder "
        "was logged"
    )


def _evaluation_fault(run: Run, phase: str, longest: int) -> str:
    evaluated = _losses(run, phase, "val_loss")
    _, streak, step, value = _standstill(evaluated)
    # All being equal, a log that repeats one number has no fine digits of its own; its training losses tell.
    allowed = 1 if _is_fine(evaluated) or _is_fine(_losses(run, phase, "loss")) else longest
    if streak <= allowed:
        return ""
    return (
        f"metrics.jsonl: val_loss is {value} at {streak} evaluations in a row from step {step} of phase {phase}, "
        f"expected at most {allowed}; nothing was trained between them, or a placeholder was logged"
    )


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
    _four_losses(run, phase)
    return run.with_series(
        "loss", lambda points: [*points[: len(points) // 2], *((step, 1.0) for step, _ in points[len(points) // 2 :])],
        phase or None,
    )  # fmt: skip


@loss_varies.counterexample
def a_constant_log(run: Run, *, phase: str) -> Run:
    """A log that says the same at every step."""
    _four_losses(run, phase)
    return run.with_series("loss", lambda points: [(step, 1.5) for step, _ in points], phase or None)


@loss_varies.counterexample
def one_placeholder(run: Run, *, phase: str, placeholder: float) -> Run:
    """A log whose last loss is the placeholder of an exhausted stream."""
    _four_losses(run, phase)
    if not _is_fine(run.series("loss", phase or None)):
        raise NotApplicable("the log has too few decimals to tell a placeholder from a loss")
    return run.with_series("loss", lambda points: [*points[:-1], (points[-1][0], placeholder)], phase or None)


@loss_varies.counterexample
def evaluations_that_stand_still(run: Run, *, phase: str) -> Run:
    """A log whose every evaluation is the first one."""
    evaluated = run.series("val_loss", phase or None)
    if len(evaluated) < 2 or not _is_fine(evaluated):
        raise NotApplicable("the log holds no two evaluations with more than five decimals")
    return run.with_series("val_loss", lambda points: [(step, points[0][1]) for step, _ in points], phase or None)


def _four_losses(run: Run, phase: str) -> None:
    if len(run.series("loss", phase or None)) < 4:
        raise NotApplicable("the log holds fewer than four losses")


@falsifier("run.loss-not-scripted", level="integration", evidence_for="masked curve")
def loss_not_scripted(run: Run, *, phase: str = "", turning: float = 0.2, fewest: int = 8) -> Verdict:
    """Training losses scatter about their trend as losses of different batches do; they lie on no formula.

    In the reference cascade `--synthetic` was on by default, and every run that was called real logged a formula: 1.8
    times the target, decaying smoothly. Values that scatter independently turn (a rise follows a fall, or a fall a
    rise) at two of three places; a formula turns nowhere. Of the steps of this project's reference run, 61 and 65 of
    100 turn.

    This is said of losses of single batches. Means over several steps are smooth by nature, so that a log which does
    not hold every step is not judged; nor can a run make this claim that trains on one batch over and over.

    Args:
        phase: the phase that is judged; empty for the last one.
        turning: smallest share of the places at which the loss turns.
        fewest: how many places it takes to judge: of eight independent ones, fewer than a fifth turn about once in a
            hundred logs.
    """
    losses = training_losses(run, phase)
    places = len(losses) - 2
    if places < fewest:
        return Verdict.inconclusive(f"{run.path}: {len(losses)} losses are logged, and it takes {fewest + 2} to judge")
    if losses[-1][0] - losses[0][0] > len(losses) - 1:
        return Verdict.inconclusive(
            f"{run.path}: {len(losses)} losses are logged from step {losses[0][0]} to {losses[-1][0]}, so each may be "
            "a mean over several, which is smooth by nature; log every step"
        )
    turns = _turns(losses)
    return Verdict.of(
        turns >= turning * places,
        found=f"metrics.jsonl: the loss turns at {turns} of {places} steps from step {losses[0][0]} to "
        f"{losses[-1][0]}, expected at least {turning:.0%}; losses of different batches turn at two of three. It lies "
        "on a formula: the data is made up, or the log is scripted",
        examined=(places, "steps"),
        turning_share=turns / places,
    )


def _turns(losses: Points) -> int:
    values = [value for _, value in losses]
    return sum(
        (here - before) * (after - here) < 0
        for before, here, after in zip(values, values[1:], values[2:], strict=False)
    )


@loss_not_scripted.counterexample
def a_loss_on_a_formula(run: Run, *, phase: str) -> Run:
    """A loss that decays by a fixed share from step to step towards 1.8 times a target."""
    _ten_losses(run, phase)
    return run.with_series(
        "loss", lambda points: [(step, 1.8 * (2.0 + 0.99**at)) for at, (step, _) in enumerate(points)], phase or None
    )


@loss_not_scripted.counterexample
def a_straight_line(run: Run, *, phase: str) -> Run:
    """A loss that falls by the same amount at every step."""
    _ten_losses(run, phase)
    return run.with_series(
        "loss", lambda points: [(step, 9.0 - at / len(points)) for at, (step, _) in enumerate(points)], phase or None
    )


def _ten_losses(run: Run, phase: str) -> None:
    if len(run.series("loss", phase or None)) < 10:
        raise NotApplicable("the log holds fewer than ten losses")
