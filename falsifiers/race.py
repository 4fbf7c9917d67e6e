"""The runs of a race as its ledger holds them: names, ids, widths, metrics, what was asked for and what was done."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from falsifiable import NotApplicable, Race, RaceRun, Verdict, falsifier, name_fault

_NAMED = 3
_LIVE = ("claimed", "running")
_NATS_PER_BIT = math.log(2)


def said(faults: Sequence[str]) -> str:
    """The first faults, and how many more there are."""
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more


def first_run(race: Race) -> RaceRun:
    """A run to mutate."""
    if not race.runs:
        raise NotApplicable("the race has no run")
    return race.runs[0]


def over_runs(race: Race, fault_of: Callable[[RaceRun], str], cause: str) -> Verdict:
    """The verdict of a claim about every run by itself; ``fault_of`` says what is wrong with one, or ""."""
    faults = [f"{run.name}: {fault}" for run in race.runs if (fault := fault_of(run))]
    return Verdict.of(
        not faults, found=f"{said(faults)}. {cause}", examined=(len(race.runs), "runs"), runs_at_fault=len(faults)
    )


@falsifier("race.names-deployable")
def names_deployable(race: Race, *, smoke: bool = False) -> Verdict:
    """Every name follows the grammar of the race in a form that may be deployed, and names its own run.

    Args:
        smoke: whether the race is a smoke race, whose names end in SMOKE and a seed of 500 to 599 and carry no id.
    """
    cause = "A name that nobody can parse is a run that nobody can find again"
    return over_runs(race, lambda run: name_fault(run.name, smoke=smoke, seed=run.seed, exp_id=run.exp_id), cause)


@names_deployable.counterexample
def a_name_in_lower_case(race: Race) -> Race:
    """A name typed by hand."""
    name = first_run(race).name
    return race.with_run(name, name=name.lower())


@names_deployable.counterexample
def a_seed_with_a_leading_zero(race: Race) -> Race:
    """A seed as a script padded it."""
    name = first_run(race).name
    return race.with_run(name, name=re.sub(r"seed(\d+)$", r"seed0\1", name))


@names_deployable.counterexample
def a_row_of_another_seed(race: Race) -> Race:
    """A row that was given to another run than its name says."""
    run = first_run(race)
    return race.with_run(run.name, seed=run.seed + 1)


@falsifier("race.complete")
def complete(race: Race, *, runs: int) -> Verdict:
    """The ledger has so many runs, one row each, and every one of them ended, in whichever way.

    Args:
        runs: how many runs the race is.
    """
    repeated = [
        f"{name} stands there {count} times"
        for name, count in Counter(one.name for one in race.runs).items()
        if count > 1
    ]
    unfinished = [f"{one.name} is {one.status}" for one in race.runs if one.status in _LIVE]
    wrong = [] if len(race.runs) == runs else [f"the ledger has {len(race.runs)} runs, expected {runs}"]
    faults = [*wrong, *repeated, *unfinished]
    return Verdict.of(
        not faults, found=said(faults), examined=(len(race.runs), "runs"), finished=len(race.runs) - len(unfinished)
    )


@complete.counterexample
def a_run_that_was_never_claimed(race: Race) -> Race:
    """A ledger that lacks a run."""
    return race.without_run(first_run(race).name)


@complete.counterexample
def a_run_that_died(race: Race) -> Race:
    """A run that is still said to be running."""
    return race.with_run(first_run(race).name, status="running")


@falsifier("race.metric-is-cross-entropy")
def metric_is_cross_entropy(race: Race, *, metric: str = "bpb", within: float = 0.0001) -> Verdict:
    """What every run is ranked by is its cross-entropy on validation text in bits, whatever else it minimises.

    A mean squared error of 0.014 was once ranked as bits per byte. The trainer therefore logs the cross-entropy in nats
    beside every value, and the value is that over ln 2.

    Args:
        metric: what the run must name as its primary metric.
        within: the largest distance between a value and its cross-entropy over ln 2: the rounding of the log.
    """

    def fault_of(run: RaceRun) -> str:
        named = (run.effective or {}).get("primary_metric")
        if named != metric:
            return f"its primary metric is {named!r}, expected {metric}"
        for sample in race.samples(run.name):
            if sample.nats is None:
                return f"no cross-entropy stands beside the value at step {sample.step}"
            if not abs(sample.nats / _NATS_PER_BIT - sample.value) <= within:
                return (
                    f"{sample.value:g} at step {sample.step} is not its cross-entropy of {sample.nats:g} nats "
                    f"over ln 2, which is {sample.nats / _NATS_PER_BIT:.4f}"
                )
        return ""

    return over_runs(race, fault_of, "Another loss was ranked as bits per byte")


@metric_is_cross_entropy.counterexample
def an_auxiliary_loss_is_ranked(race: Race) -> Race:
    """A run whose primary metric is its auxiliary loss."""
    run = first_run(race)
    return race.with_run(run.name, effective={**(run.effective or {}), "primary_metric": "mse"})


@metric_is_cross_entropy.counterexample
def a_mean_squared_error_as_bits(race: Race) -> Race:
    """Values that are those of another loss."""
    return race.with_samples(
        first_run(race).name, lambda all_of: [replace(one, value=one.value / 100) for one in all_of]
    )


@falsifier("race.width-fits-format")
def width_fits_format(race: Race, *, narrow_formats: tuple[str, ...] = ("GF16",), smallest: int = 256) -> Verdict:
    """A run in a narrow number format is wide enough for it.

    Args:
        narrow_formats: the formats that the rule is about.
        smallest: the smallest hidden size that they are allowed at (rule L-R9 of the race: 256 itself is accepted).
    """

    def fault_of(run: RaceRun) -> str:
        echoed = run.effective or {}
        form, width = echoed.get("number_format"), echoed.get("hidden_size")
        if not isinstance(form, str) or not isinstance(width, int):
            return f"its number format is {form!r} and its hidden size {width!r}, expected a name and a number"
        return (
            f"{form} at hidden size {width}, expected at least {smallest}"
            if form in narrow_formats and width < smallest
            else ""
        )

    return over_runs(race, fault_of, "Its error grows as the width falls, and what is measured is the format")


@width_fits_format.counterexample
def too_narrow(race: Race, *, narrow_formats: tuple[str, ...], smallest: int) -> Race:
    """A model one unit short of what its format needs."""
    run = first_run(race)
    return race.with_run(
        run.name, effective={**(run.effective or {}), "number_format": narrow_formats[0], "hidden_size": smallest - 1}
    )


@falsifier("race.requested-is-effective")
def requested_is_effective(race: Race) -> Verdict:
    """Every option that was asked for is the one that the trainer echoed, and it took the steps it was asked to take.

    52 runs of one public fleet asked for 200,000 steps and were marked done after 81,000: an option was dropped on the
    way to the trainer.
    """

    def fault_of(run: RaceRun) -> str:
        if run.effective is None:
            return "its trainer echoed no configuration"
        for name, value in {**run.config, "seed": run.seed, "steps": run.steps}.items():
            if name not in run.effective:
                return f"{name} was asked for as {value!r} and never echoed"
            if run.effective[name] != value:
                return f"{name} was asked for as {value!r} and ran as {run.effective[name]!r}"
        if run.status == "done" and run.steps_done != run.steps:
            return f"done after {run.steps_done} steps, expected {run.steps}"
        return ""

    return over_runs(race, fault_of, "The option never reached the trainer")


@requested_is_effective.counterexample
def an_option_was_dropped(race: Race) -> Race:
    """A trainer that ran with its default learning rate."""
    run = first_run(race)
    dropped = next(iter(run.config), None)
    if dropped is None:
        raise NotApplicable("nothing was asked for")
    return race.with_run(
        run.name, effective={key: value for key, value in (run.effective or {}).items() if key != dropped}
    )


@requested_is_effective.counterexample
def another_seed(race: Race) -> Race:
    """A trainer that ran with the seed it was written with."""
    run = first_run(race)
    return race.with_run(run.name, effective={**(run.effective or {}), "seed": run.seed + 1})


@requested_is_effective.counterexample
def done_too_early(race: Race) -> Race:
    """A run that counts as done one step short."""
    run = next((one for one in race.runs if one.status == "done"), None)
    if run is None:
        raise NotApplicable("no run is done")
    return race.with_run(run.name, steps_done=run.steps - 1)


@falsifier("race.took-time")
def took_time(race: Race, *, fastest: float = 0.0) -> Verdict:
    """Every run took time, and its evaluations one after the other: a row without wall-clock was written, not measured.

    Args:
        fastest: seconds that a step takes at least.
    """

    def fault_of(run: RaceRun) -> str:
        if not isinstance(run.seconds, (int, float)) or not run.seconds > fastest * (run.steps_done or 0):
            return (
                f"{run.steps_done} steps in {run.seconds} s, expected more than {fastest * (run.steps_done or 0):g} s"
            )
        times = [one.seconds for one in race.samples(run.name)]
        if any(after < before for before, after in itertools.pairwise(times)):
            return "an evaluation was logged before the one it follows"
        return (
            ""
            if not times or times[-1] <= run.seconds
            else f"its last evaluation is {times[-1]:g} s after the start of {run.seconds:g} s"
        )

    return over_runs(race, fault_of, "The row was written by hand, or the clock is another machine's")


@took_time.counterexample
def no_time_at_all(race: Race) -> Race:
    """A run that took nothing."""
    return race.with_run(first_run(race).name, seconds=0.0)


@falsifier("race.one-corpus")
def one_corpus(race: Race) -> Verdict:
    """Every run trained on one corpus, named by sha256, was judged on other bytes of it, and said its name itself.

    A fleet once trained on a corpus that nobody had chosen, because a missing file had a default; and one repository's
    validation text was the first 100,000 bytes of what it trained on.
    """
    known = {run.corpus for run in race.runs}

    def fault_of(run: RaceRun) -> str:
        if run.corpus.train_sha256 == run.corpus.validation_sha256:
            return f"is judged on the bytes it trains on ({run.corpus.train_sha256[:12]})"
        if run.corpus_echoed != run.corpus.name:
            return f"was to train on {run.corpus.name} and named {run.corpus_echoed or 'no corpus'} in its log"
        return "" if len(known) == 1 else f"is one of runs on {len(known)} different corpora"

    return over_runs(race, fault_of, "Values on different bytes cannot be compared")


@one_corpus.counterexample
def the_default_corpus(race: Race) -> Race:
    """A run that fell back to another text."""
    return race.with_run(first_run(race).name, corpus_echoed="tiny_shakespeare")


@one_corpus.counterexample
def other_bytes_of_that_name(race: Race) -> Race:
    """A run on a file of the same name."""
    run = first_run(race)
    return race.with_run(run.name, corpus=replace(run.corpus, train_sha256="0" * 64))


@one_corpus.counterexample
def judged_on_what_it_read(race: Race) -> Race:
    """A run that is validated on its training text."""
    run = first_run(race)
    return race.with_run(run.name, corpus=replace(run.corpus, validation_sha256=run.corpus.train_sha256))
