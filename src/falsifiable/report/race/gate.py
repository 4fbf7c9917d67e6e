"""What a gate says of a race, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falsifiable.race.errors import RaceError
from falsifiable.race.judging.gates import GateReport, Judgement, SeedRow
from falsifiable.report.text import clean, counted

_ANSWERS = {
    "pass": "passed",
    "held-for-review": "held for review: neither passed nor rejected until somebody has signed for it",
    "refused": "refused",
}


def gate_as_text(report: GateReport) -> str:
    """The answer, then every recipe with each of its runs and every reason; the best recipe first."""
    order = {answer: place for place, answer in enumerate(_ANSWERS)}
    lines = [f"{report.gate}: {_ANSWERS[report.answer]}", *(f"  {_told(one)}" for one in report.reasons)]
    for judgement in sorted(report.judgements, key=lambda one: order[one.answer]):
        lines += ["", *_recipe(judgement)]
    return "\n".join(map(clean, lines)) + "\n"


def gate_as_json(report: GateReport) -> dict[str, Any]:
    """The same as JSON data; an error is its name, its values and its sentence."""
    return {
        "gate": report.gate,
        "answer": report.answer,
        "reasons": [_error(one) for one in report.reasons],
        "recipes": [_judgement(one) for one in report.judgements],
    }


def _recipe(judgement: Judgement) -> Iterator[str]:
    counting = sum(row.standing == "counts" for row in judgement.rows)
    yield f"{judgement.recipe}: {judgement.answer}, {counting} of {counted(len(judgement.rows), 'run')} count"
    for reason in judgement.reasons:
        yield f"  {_told(reason)}"
    if judgement.review:
        yield f"  reviewed by {judgement.review.reviewer}: {judgement.review.reason}"
    if judgement.test:
        test = judgement.test
        yield f"  t = {test.t:.3f}, p = {test.p_value:.3g}, {test.effect:.4f} below the baseline"
    for row in judgement.rows:
        yield f"  {row.standing:<6}  {_shown(row)}"
        for reason in (*row.reasons, *row.alarms):
            yield f"  {'':<6}  {_told(reason)}"


def _shown(row: SeedRow) -> str:
    if row.final is None or row.best is None:
        return f"seed {row.seed}: nothing was logged  {row.run}"
    best = f", best on the way {row.best:.4f}" if row.best < row.final else ""
    return f"seed {row.seed}: {row.final:.4f} at step {row.step}{best}  {row.run}"


def _told(error: RaceError) -> str:
    return f"{error.name}: {error}"


def _error(error: RaceError) -> dict[str, Any]:
    return {"error": error.name, "values": dict(error.values), "message": str(error)}


def _judgement(judgement: Judgement) -> dict[str, Any]:
    review = judgement.review
    return {
        "recipe": judgement.recipe,
        "answer": judgement.answer,
        "digest": judgement.digest,
        "reasons": [_error(one) for one in judgement.reasons],
        "review": None if review is None else {"reviewer": review.reviewer, "reason": review.reason},
        "test": None
        if judgement.test is None
        else {"t": judgement.test.t, "p_value": judgement.test.p_value, "effect": judgement.test.effect},
        "runs": [
            {
                "run": row.run,
                "seed": row.seed,
                "step": row.step,
                "final": row.final,
                "best": row.best,
                "distinct_evaluations": row.distinct,
                "standing": row.standing,
                "reasons": [_error(one) for one in row.reasons],
                "alarms": [_error(one) for one in row.alarms],
            }
            for row in judgement.rows
        ],
    }
