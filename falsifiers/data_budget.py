"""How much a run read: tokens per parameter, and how often it went over its data."""

from __future__ import annotations

from falsifiable import Criterion, NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import count, tokens_per_step


@falsifier("run.data-budget", level="integration", evidence_for="data starvation")
def data_budget(
    run: Run,
    *,
    tokens_per_parameter: Criterion = Criterion(at_least=20.0),
    epochs: Criterion = Criterion(at_most=4.0),
    split: str = "",
) -> Verdict:
    """The run read enough tokens for its size, and did not read the same ones too often.

    A run that ended before its plan, which would have met the rule, was not starved: something else cut it short, and
    the verdict is inconclusive.

    One rule, with one D and one N: D is the number of tokens that the optimiser steps read (steps done x sequences x
    sequence length x accumulated batches), never the size of a corpus that was not read, and N is the number of
    parameters. D / N and D / (tokens of the split) must meet the criteria. Where batches were lost (see
    `run.loss-varies`), D is what the record claims and the truth is less.

    Args:
        tokens_per_parameter: what D / N must meet; 20 is the compute-optimal ratio of Hoffmann et al. 2022 for training
            from scratch. A fine-tune needs far less, and its contract should say how much.
        epochs: what the number of times over the data must meet; up to 4 cost next to nothing, beyond about 16 more
            repetitions hardly help (Muennighoff et al. 2023).
        split: the split that was trained on; empty for the one named like the last logged phase, or else `train`.
    """
    per_step, steps, parameters = tokens_per_step(run), count(run, "steps.done"), count(run, "parameters")
    if per_step is None or steps is None or parameters is None:
        return Verdict.inconclusive(
            f"{run.path}: batch.sequences, batch.sequence_length, batch.accumulation, steps.done or parameters is not "
            "recorded, so how many tokens were read is not known; let a recorder write them"
        )
    consumed = steps * per_step
    ratio = consumed / parameters
    name = split or _trained_split(run)
    available = count(run, f"datasets.{name}.tokens")
    passes = consumed / available if available else None
    found = ""
    planned = max(steps, count(run, "steps.planned") or 0) * per_step
    if not tokens_per_parameter.holds(ratio) and tokens_per_parameter.holds(planned / parameters):
        return Verdict.inconclusive(
            f"{run.path}: {consumed} tokens were read, {ratio:.4g} per parameter, and the plan was {planned}, which "
            f"meets the rule; the run ended as {run.field('end_reason')}, and what cut it short is the question",
            tokens_per_parameter=ratio,
        )
    if not tokens_per_parameter.holds(ratio):
        found = (
            f"run.yaml: {steps} steps of {per_step} tokens are {consumed} tokens for {parameters} parameters, "
            f"{ratio:.4g} per parameter, expected {tokens_per_parameter}; the model is starved of data"
        )
    elif passes is not None and not epochs.holds(passes):
        found = (
            f"run.yaml: {consumed} tokens were read from {available} of split {name}, {passes:.4g} times over them, "
            f"expected {epochs}; the same text was read again and again"
        )
    elif passes is None:
        return Verdict.inconclusive(
            f"{run.path}: datasets.{name}.tokens is not recorded, so how often the data was read is not known",
            tokens_per_parameter=ratio,
        )
    return Verdict.of(
        not found,
        found=found,
        examined=(2 if passes is not None else 1, "ratios"),
        tokens_read=(consumed, "tokens"),
        parameters=parameters,
        tokens_per_parameter=ratio,
        epochs=passes,
    )


def _trained_split(run: Run) -> str:
    """The split of the last logged phase, where there is one of that name."""
    last = str(run.rows[-1].get("phase")) if run.rows else ""
    return last if last in run.datasets else "train"


@data_budget.counterexample
def a_larger_model(run: Run) -> Run:
    """The same data for a model of ten thousand times the parameters."""
    return run.with_field("parameters", 10_000 * _known(run, "parameters"))


@data_budget.counterexample
def a_single_step(run: Run) -> Run:
    """A run of one step over one token."""
    _known(run, "steps.done")
    one = {"sequences": 1, "sequence_length": 1, "accumulation": 1}
    return run.with_field("batch", one).with_field("steps.done", 1)


@data_budget.counterexample
def a_corpus_of_a_few_tokens(run: Run, *, split: str) -> Run:
    """The same reading from a split of three tokens."""
    name = split or _trained_split(run)
    _known(run, f"datasets.{name}.tokens")
    return run.with_field(f"datasets.{name}.tokens", 3)


def _known(run: Run, dotted: str) -> int:
    known = count(run, dotted)
    if known is None:
        raise NotApplicable(f"{dotted} is not recorded")
    return known
