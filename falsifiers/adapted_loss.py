"""The loss of a base model together with its adapter, computed again from both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from falsifiable import ArtifactError, Corpus, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.adapter import stepped_back
from falsifiers.evaluation import EvaluationError, recomputed_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]


@falsifier("adapter.loss-recomputed", needs="tensors", imports=("torch",))
def loss_recomputed(
    run: Run,
    adapter: Model,
    base: Model,
    corpus: Corpus,
    *,
    within: float = 1e-3,
    metric: str = "val_loss",
    split: str = "validation",
) -> Verdict:
    """Base and adapter together have the recorded loss on the pinned validation tokens, and not that of the base alone.

    Args:
        within: nats between the recorded and the recomputed loss, and by how much more the adapter must have changed
            it; two float32 implementations differ by less than 1e-4.
        metric: the metric of the run record.
        split: the split of the corpus whose tokens are read.
    """
    recorded = run.metrics.get(metric)
    if recorded is None:
        return Verdict.inconclusive(f"{run.path}: records no metric {metric}, only {', '.join(run.metrics) or 'none'}")
    try:
        adapted = adapted_model(base, adapter)
        own, before = recomputed_loss(adapted, corpus, split), recomputed_loss(base, corpus, split)
    except EvaluationError as error:
        return Verdict.inconclusive(f"the loss was not recomputed: {error}")
    found = ""
    if not math.isfinite(own):
        found = f"base and adapter together have a loss of {own}; the adapter holds values that are not finite"
    elif not abs(own - recorded.value) <= within:
        found = (
            f"run.yaml: {metric} is {recorded.value:.6f} at step {recorded.step}, base and adapter give {own:.6f} nats "
            f"on the same tokens, expected within {within:g}; the number was typed, or is of another adapter or base"
        )
    elif not abs(own - before) > within:
        found = f"base and adapter give {own:.6f} nats, the base alone {before:.6f}: the adapter changes nothing"
    return Verdict.of(
        not found, found=found, examined=(len(adapter.tensors), "tensors"),
        **{metric: (own, "nats per token"), "recorded": (recorded.value, "nats per token"),
           "base_alone": (before, "nats per token")},
    )  # fmt: skip


def adapted_model(base: Model, adapter: Model) -> Model:
    """The base model with what the adapter adds to its weights. Raises EvaluationError where they do not fit."""
    try:
        updates = adapter.updates
    except ArtifactError as error:
        raise EvaluationError(str(error)) from error
    if not updates:
        raise EvaluationError(f"{adapter.path} adds nothing to any weight; bind an adapter")
    for name, update in updates.items():
        if not base.has_tensor(name) or tuple(base.tensor(name).shape) != tuple(update.shape):
            raise EvaluationError(
                f"{adapter.path} changes {name} of shape {list(update.shape)}, {base.path} has no such"
            )
        base = base.with_tensor(name, _adding(update.numpy()))
    return base


def _adding(update: Values) -> Any:
    return lambda values: values + update


@loss_recomputed.counterexample
def a_better_number_typed(
    run: Run, adapter: Model, base: Model, corpus: Corpus, *, metric: str = "val_loss"
) -> tuple[Run, Model, Model, Corpus]:
    """A metric typed a hundredth lower than it was."""
    recorded = run.metrics[metric]
    return run.with_metric(metric, recorded.value - 0.01, recorded.step), adapter, base, corpus


@loss_recomputed.counterexample
def an_adapter_that_adds_nothing(
    run: Run, adapter: Model, base: Model, corpus: Corpus, *, metric: str, split: str
) -> tuple[Run, Model, Model, Corpus]:
    """A fresh adapter, under a record of the loss that it really has: the base's."""
    try:
        alone = recomputed_loss(base, corpus, split)
    except EvaluationError as error:
        raise NotApplicable(str(error)) from error
    return run.with_metric(metric, alone), stepped_back(adapter), base, corpus


@loss_recomputed.counterexample
def another_adapter(run: Run, adapter: Model, base: Model, corpus: Corpus) -> tuple[Run, Model, Model, Corpus]:
    """An adapter that adds the opposite."""
    for _, second in adapter.low_rank_pairs.values():
        adapter = adapter.with_tensor(second, _negated)
    return run, adapter, base, corpus


def _negated(values: Values) -> Values:
    return -values
