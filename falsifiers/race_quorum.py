"""What a race may conclude: from final values, of seeds that are witnesses of their own, from weights."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from falsifiable import Command, NotApplicable, Race, RaceRun, Sample, Verdict, falsifier
from falsifiers.race import over_runs, said

_SECONDS = 300.0
_NUMBER = re.compile(r"(?m)^BPB=(\d+\.\d+)$")


@falsifier("race.reports-its-final")
def reports_its_final(race: Race) -> Verdict:
    """What a run itself reports as its result is its last value: not the best it had, and no average of its own.

    A record of one public race was the best of all evaluations on text that had leaked into the training.
    """

    def fault_of(run: RaceRun) -> str:
        samples = race.samples(run.name)
        if run.status != "done" or not samples:
            return ""
        if run.reported is None:
            return "it is done and reported no result"
        best = min(one.value for one in samples)
        which = ", which is its best" if run.reported == best != samples[-1].value else ""
        wrong = run.reported != samples[-1].value
        return f"it reports {run.reported:g}{which}; its last value is {samples[-1].value:g}" if wrong else ""

    return over_runs(race, fault_of, "Its rank is that of a lucky moment")


@reports_its_final.counterexample
def the_best_of_all(race: Race) -> Race:
    """A run that ended a little above its best, and reports the best."""
    run = next((one for one in race.runs if one.status == "done" and race.samples(one.name)), None)
    if run is None:
        raise NotApplicable("no run is done")
    return race.with_run(run.name, reported=race.samples(run.name)[-1].value - 0.01)


@falsifier("race.ranking-distinct")
def ranking_distinct(race: Race) -> Verdict:
    """Runs can be ranked by what they logged: no two of them logged the same values at the same steps.

    Two runs may end with the same four decimals; 47 names of one public ledger were equal at every step.
    """
    seen: dict[tuple[tuple[int, float], ...], RaceRun] = {}
    faults, ranked = [], 0
    for run in race.runs:
        trajectory = tuple((one.step, one.value) for one in race.samples(run.name))
        if not trajectory:
            continue
        ranked += 1
        other = seen.setdefault(trajectory, run)
        if other is not run:
            faults.append(f"{run.name} has every value of {other.name}")
    found = f"{said(faults)}. What tells the runs apart never reached the trainer"
    return Verdict.of(not faults, found=found, examined=(ranked, "runs"), same_as_another=len(faults))


@ranking_distinct.counterexample
def one_run_under_two_names(race: Race) -> Race:
    """Two runs with the same values."""
    logged = [one.name for one in race.runs if race.samples(one.name)]
    if len(logged) < 2:
        raise NotApplicable("no two runs logged a value")
    return race.with_samples(logged[1], lambda _: race.samples(logged[0]))


@falsifier("race.seeds-independent")
def seeds_independent(race: Race, *, shared: float = 0.1) -> Verdict:
    """No two seeds of one recipe read the same stretch of data at the same step, but for chance.

    Trainers that read at `(step * 97 + seed) mod L` show seeds 42 to 45 the same windows, three bytes apart: a quorum
    of them is one run. Each run says where its first windows began, and how long they were.

    Args:
        shared: the largest share of steps at which two windows may overlap; independent orders overlap at about twice
            the window's length over that of the corpus.
    """
    of_recipe = defaultdict[str, list[RaceRun]](list)
    for run in race.runs:
        of_recipe[run.recipe].append(run)
    pairs = [pair for runs in of_recipe.values() for pair in itertools.combinations(runs, 2)]
    faults, compared = [], 0
    for one, other in pairs:
        share = _overlap(one, other)
        compared += share is not None
        if share is not None and share > shared:
            faults.append(f"{one.name} and {other.name} read overlapping windows at {share:.0%} of their first steps")
    if not compared:
        return Verdict.inconclusive(f"{race.path}: no two runs of a recipe say where their windows began (data_order)")
    found = f"{said(faults)}, expected at most {shared:.0%}. They are one witness, and no quorum"
    return Verdict.of(not faults, found=found, examined=(compared, "pairs of seeds"))


def _overlap(one: RaceRun, other: RaceRun) -> float | None:
    """The share of steps at which both windows overlap; None where one of the two does not say where it read."""
    (first, length), (second, _) = _order(one), _order(other)
    if not first or not second or not length:
        return None
    together = list(zip(first, second, strict=False))
    return sum(abs(a - b) < length for a, b in together) / len(together)


def _order(run: RaceRun) -> tuple[Sequence[int], int]:
    said_by_run = (run.effective or {}).get("data_order")
    length = (run.effective or {}).get("window")
    if not isinstance(said_by_run, list) or not all(isinstance(one, int) for one in said_by_run):
        return (), 0
    return said_by_run, length if isinstance(length, int) else 0


@seeds_independent.counterexample
def the_seed_shifts_by_a_byte(race: Race) -> Race:
    """A second seed that reads what the first one reads, one byte later."""
    for one, other in itertools.combinations(race.runs, 2):
        order, length = _order(one)
        if one.recipe == other.recipe and order and length:
            moved = {**(other.effective or {}), "data_order": [offset + 1 for offset in order], "window": length}
            return race.with_run(other.name, effective=moved)
    raise NotApplicable("no two runs of a recipe say where they read")


@falsifier("race.quorum")
def quorum(
    race: Race, *, below: float, seeds: int, from_step: int, points: int, floor: float, allowed: str = ""
) -> Verdict:
    """One recipe is below the target with so many seeds, each at its last step, with all the steps it asked for.

    Counted are distinct seeds of one recipe, never the lowest of each curve and never runs that still go on.

    Args:
        below: the target, in the unit of the race; a value that equals it does not pass.
        seeds: how many distinct seeds must be below it.
        from_step: the smallest last step that counts.
        points: the smallest number of distinct evaluations that counts.
        floor: a run with any value below it is void, whatever it ends with.
        allowed: the seeds that count, separated by spaces; empty for all.
    """
    counted = {int(one) for one in allowed.split()}
    passed = defaultdict[str, set[int]](set)
    closest = float("inf")
    examined = 0
    for run in race.runs:
        samples = race.samples(run.name)
        if run.status != "done" or not samples:
            continue
        examined += 1
        if counted and run.seed not in counted:
            continue
        evaluations = len({one.evaluation for one in samples})
        void = min(one.value for one in samples) < floor or samples[-1].step < max(from_step, run.steps)
        if void or evaluations < points:
            continue
        closest = min(closest, samples[-1].value)
        if samples[-1].value < below:
            passed[run.recipe].add(run.seed)
    best = max(passed, key=lambda recipe: len(passed[recipe]), default="")
    have = len(passed[best]) if best else 0
    found = (
        f"{best or 'no recipe'} is below {below:g} with {have} of {seeds} seeds"
        + (f" ({', '.join(map(str, sorted(passed[best])))})" if have else f"; the lowest that counts is {closest:g}")
        + ". One lucky seed is no result: run the others"
    )
    return Verdict.of(
        have >= seeds, found=found, examined=(examined, "finished runs"), seeds_below=have, lowest=closest
    )


@quorum.counterexample
def only_the_best_was_below(race: Race, *, below: float, floor: float, allowed: str) -> Race:
    """Runs of one recipe that were below the target once, and ended above it."""
    return _as_contenders(race, below + floor, allowed, distinct=True)


@quorum.counterexample
def one_seed_three_times(race: Race, *, below: float, floor: float, allowed: str) -> Race:
    """Runs that are all below the target, and all of one seed."""
    return _as_contenders(race, (below + floor) / 2, allowed, distinct=False)


def _as_contenders(race: Race, final: float, allowed: str, *, distinct: bool) -> Race:
    """The race with all its runs of one recipe, ending with ``final``, with seeds that count or with one seed."""
    counted = [int(one) for one in allowed.split()] or [one.seed for one in race.runs]
    changed = race
    for place, run in enumerate(race.runs):
        ending = race.samples(run.name)
        if ending:
            ending = (*ending[:-1], replace(ending[-1], value=final))
        seed = counted[place % len(counted)] if distinct else counted[0]
        changed = changed.with_run(run.name, recipe="contender", seed=seed)
        changed = changed.with_samples(run.name, partial(_instead, ending))
    return changed


def _instead(samples: Sequence[Sample], _: Sequence[Sample]) -> Sequence[Sample]:
    return samples


@falsifier("race.reproduced-from-weights", level="any")
def reproduced_from_weights(race: Race, command: Command, *, run: str, within: float = 0.0001) -> Verdict:
    """The weights that a run left, evaluated again by the trainer, have the value that the ledger ends with.

    1,851 runs of one public race left numbers and no weights: saving a checkpoint was a stub.

    Args:
        run: the run whose weights the command evaluates.
        within: the largest distance, which is the rounding of the log.
    """
    samples = race.samples(run)
    if not samples:
        return Verdict.inconclusive(f"{race.path}: {run} logged nothing; name a run that ended")
    completed = command.run(_SECONDS)
    found = _NUMBER.findall(completed.stdout)
    if completed.exit_code != 0 or not found:
        why = completed.stderr.strip()[-200:] or "it printed no line BPB=d.dddd"
        return Verdict.of(False, found=f"{run} could not be evaluated again: {why}", examined=(1, "runs"))
    again, logged = float(found[-1]), samples[-1].value
    said_of_it = f"{run} ends with {logged:g} in the ledger, and its weights give {again:g}; they are another run's"
    return Verdict.of(abs(again - logged) <= within, found=said_of_it, examined=(1, "runs"), again=again, logged=logged)


@reproduced_from_weights.counterexample
def weights_of_another_run(race: Race, command: Command, *, run: str) -> tuple[Race, Command]:
    """A ledger whose last value is not that of the weights."""
    samples = race.samples(run)
    if not samples:
        raise NotApplicable(f"{run} logged nothing")
    better = (*samples[:-1], replace(samples[-1], value=samples[-1].value - 0.05))
    return race.with_samples(run, lambda _: better), command
