"""A bounded window of training is whole: its launch was live, its last save is there, its chunks follow each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falsifiable import NotApplicable, Run, Verdict, falsifier
from falsifiers.checkpoint import saves_of
from falsifiers.curves import evaluations

_OF_THE_RANK = ("rank", "world_size", "all_reduce")


@falsifier("window.closed", level="integration")
def closed(run: Run, *, phase: str = "finetune") -> Verdict:
    """The last planned step, its evaluation and its save are in the log and in the record, and no save is missing.

    Saves are planned at equal distances, the last one at the end of the window whatever its distance.

    Args:
        phase: the phase whose steps the record plans.
    """
    planned, last = run.field("steps.planned"), run.field("window.last_step")
    saves = saves_of(run)
    if not isinstance(planned, int) or not isinstance(last, int) or not saves:
        return Verdict.inconclusive(f"{run.path}: records no steps.planned, window.last_step or checkpoints")
    steps = [row.get("step") for row in run.rows if row.get("phase") == phase]
    found = next(_open_ends(run, phase, steps, planned, last), "")
    return Verdict.of(
        not found, found=found, examined=(len(saves), "saves"), steps_planned=planned, last_save=saves[-1][0]
    )


def _open_ends(run: Run, phase: str, steps: list[Any], planned: int, last: int) -> Iterator[str]:
    if not steps or steps[-1] != planned:
        at = steps[-1] if steps else "none"
        yield f"metrics.jsonl: the last step of phase {phase} is {at}, {planned} were planned; the window broke off"
    evaluated = [step for step, _ in evaluations(run, phase)]
    if not evaluated or evaluated[-1] != planned:
        at = evaluated[-1] if evaluated else "none"
        yield f"metrics.jsonl: the last evaluation is of step {at}, expected one of step {planned}, the last planned"
    saved = [step for step, _ in saves_of(run)]
    if saved[-1] != last:
        yield f"run.yaml: the last save is of step {saved[-1]}, the window ends at {last}; its save is missing"
    begins = last - planned
    every = saved[0] - begins
    wanted = sorted({*range(begins + every, last, max(1, every)), last})
    if saved != wanted:
        other = sorted({*wanted} ^ {*saved}) or [step for step in wanted if saved.count(step) > 1]
        yield f"run.yaml: saves of steps {saved}, expected {wanted}; that of {other[0]} is lost, doubled or not planned"


@closed.counterexample
def the_last_evaluation_is_missing(run: Run, *, phase: str) -> Run:
    """A window whose last validation loss was never computed."""
    if not run.series("val_loss", phase):
        raise NotApplicable("the log holds no validation loss")
    return run.with_series("val_loss", lambda points: points[:-1], phase)


@closed.counterexample
def a_save_is_missing(run: Run) -> Run:
    """A record without its last save but one, or without the last where there is one."""
    saves = list(run.field("checkpoints") or [])
    if len(saves) < 3:
        raise NotApplicable("the record names fewer than three saves")
    return run.with_field("checkpoints", [*saves[:-2], saves[-1]])


@closed.counterexample
def a_longer_window_planned(run: Run) -> Run:
    """A window that was to go on after the last save."""
    return run.with_field("window.last_step", int(run.field("window.last_step") or 0) + 1)


@falsifier("run.chunks-continue")
def chunks_continue(first: Run, second: Run) -> Verdict:
    """The second run takes up the window where the first left it: its step, its checkpoint, its data.

    A window that is trained in chunks is one window if no step is missing or taken twice, if each chunk starts from the
    bytes that the one before saved, and if all read the same data.
    """
    ends, goes_on = first.field("window.last_step"), second.field("window.last_step")
    planned, sha256 = second.field("steps.planned"), second.field("init.sha256")
    if not all(isinstance(one, int) for one in (ends, goes_on, planned)) or not isinstance(sha256, str):
        return Verdict.inconclusive("window.last_step, steps.planned or init.sha256 is absent from one of the records")
    datasets = sorted({*first.datasets, *second.datasets})
    faults = list(_breaks(first, second, ends, goes_on - planned, sha256))
    faults += [
        f"datasets.{name}.sha256 is {str(after)[:12]} in the second run, {str(before)[:12]} in the first"
        for name in datasets
        if (before := _sha256(first, name)) != (after := _sha256(second, name)) or before is None
    ]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The second run is no continuation of the first",
        examined=(2 + len(datasets), "fields"),
        first_ends=ends,
        second_begins_after=goes_on - planned,
    )


def _breaks(first: Run, second: Run, ends: int, begins: int, sha256: str) -> Iterator[str]:
    stated = second.field("window.first_step")
    if begins != ends:
        what = "are missing" if begins > ends else "are taken twice"
        yield f"the first run ends at step {ends}, the second begins after {begins}: {abs(begins - ends)} steps {what}"
    elif stated not in (begins, begins + 1):
        yield f"window.first_step of the second run is {stated}, its steps and its last one say {begins}"
    if not first.has_digest(sha256):
        yield f"the second run started from sha256 {sha256[:12]}, which the first did not leave"
    if first.run_id == second.run_id:
        yield f"both records are of the run {first.run_id}"


def _sha256(run: Run, name: str) -> Any:
    entry = run.datasets.get(name)
    return entry.get("sha256") if isinstance(entry, Mapping) else None


@chunks_continue.counterexample
def a_step_is_missing(first: Run, second: Run) -> tuple[Run, Run]:
    """A second chunk that begins one step later."""
    return first, second.with_field("window.last_step", int(second.field("window.last_step") or 0) + 1)


@chunks_continue.counterexample
def a_step_taken_twice(first: Run, second: Run) -> tuple[Run, Run]:
    """A second chunk that begins with the last step of the first."""
    return first, second.with_field("window.last_step", int(second.field("window.last_step") or 0) - 1)


@chunks_continue.counterexample
def from_another_checkpoint(first: Run, second: Run) -> tuple[Run, Run]:
    """A second chunk that started from other bytes."""
    return first, second.with_field("init.sha256", "0" * 64)


@chunks_continue.counterexample
def on_other_data(first: Run, second: Run) -> tuple[Run, Run]:
    """A second chunk that read other data."""
    if not second.datasets:
        raise NotApplicable("the second run records no data")
    return first, second.with_field(f"datasets.{next(iter(second.datasets))}.sha256", "0" * 64)


@falsifier("launch.ring-agrees")
def ring_agrees(run: Run) -> Verdict:
    """All processes that were asked for took part, with the same versions, and an all-reduce reached every one of them.

    Each rank says how many it believes there are, which interpreter and libraries it runs, and the sum of a one from
    every rank; a ring of which a part trains by itself reports fewer.
    """
    requested, actual = run.field("launch.world_size.requested"), run.field("launch.world_size.actual")
    ranks = [one for one in run.field("launch.ranks") or () if isinstance(one, Mapping)]
    if not isinstance(requested, int) or not ranks:
        return Verdict.inconclusive(f"{run.path}: has no field launch with the ranks that took part; record the launch")
    faults = list(_ring_faults(requested, actual, ranks))
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The ring was not live, or a part of it trained by itself",
        examined=(len(ranks), "ranks"),
        world_size=len(ranks),
        faults=len(faults),
    )


def _ring_faults(requested: int, actual: object, ranks: list[Mapping[str, Any]]) -> Iterator[str]:
    if requested != actual:
        yield f"launch.world_size: {requested} processes were requested, {actual} took part"
    if sorted(str(one.get("rank")) for one in ranks) != sorted(map(str, range(requested))):
        yield f"launch.ranks are {[one.get('rank') for one in ranks]}, expected each of 0 to {requested - 1} once"
    for one in ranks:
        for name in ("world_size", "all_reduce"):
            if one.get(name) != requested:
                yield f"rank {one.get('rank')}: {name} is {one.get(name)}, expected {requested}"
        for name in sorted({*ranks[0], *one} - {*_OF_THE_RANK}):
            if one.get(name) != ranks[0].get(name):
                yield f"rank {one.get('rank')}: {name} is {one.get(name)}, on the first rank {ranks[0].get(name)}"


def _with_rank(run: Run, **changes: Any) -> Run:
    """The run with fields of its last rank changed."""
    ranks = [dict(one) for one in run.field("launch.ranks") or ()]
    if not ranks:
        raise NotApplicable("the record names no ranks")
    ranks[-1] |= changes
    return run.with_field("launch.ranks", ranks)


@ring_agrees.counterexample
def a_rank_by_itself(run: Run) -> Run:
    """A last rank that found no other, and reduced over itself alone."""
    asked = int(run.field("launch.world_size.requested") or 1)
    return _with_rank(run, all_reduce=0.5 * asked)


@ring_agrees.counterexample
def another_version(run: Run) -> Run:
    """A record in which one more rank was launched with another interpreter."""
    ranks = [dict(one) for one in run.field("launch.ranks") or ()]
    if not ranks:
        raise NotApplicable("the record names no ranks")
    size = len(ranks) + 1
    grown = [
        {**one, "world_size": size, "all_reduce": float(size)} for one in [*ranks, {**ranks[-1], "rank": size - 1}]
    ]
    grown[-1]["python"] = "2.7.18"
    return run.with_field("launch", {"world_size": {"requested": size, "actual": size}, "ranks": grown})


@ring_agrees.counterexample
def fewer_than_requested(run: Run) -> Run:
    """A launch of which one process never came."""
    asked = int(run.field("launch.world_size.requested") or 1)
    return run.with_field("launch.world_size.requested", asked + 1)
