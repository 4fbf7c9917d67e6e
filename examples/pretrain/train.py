"""Training: one loop for both phases, and the validation loss that judges them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.pretrain.model import EVALUATION_SEQUENCES, Recipe

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

# The validation metric: mean next-token cross-entropy over sequences of this many tokens, each predicted within itself.
EVALUATION_LENGTH = 128
_EVALUATED_AT_ONCE = 8
_FINAL_LEARNING_RATE_SHARE = 0.1


Begun = Callable[["torch.optim.Optimizer", "torch.Tensor"], None]


class DivergedError(ArithmeticError):
    """The training loss is no longer a finite number."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The model after ``step`` updates. Losses are mean cross-entropies in nats per token."""

    step: int
    loss: float  # on the batch that the next update would use
    learning_rate: float  # of the next update; 0 after the last
    val_loss: float | None  # on evaluation steps only: every so many, the first and the last
    seconds: float  # since the phase began


def train(
    model: PreTrainedModel,
    tokens: np.ndarray[Any, Any],
    validation: np.ndarray[Any, Any],
    recipe: Recipe,
    *,
    seed: Sequence[int],
    begun: Begun | None = None,
) -> Iterator[Progress]:
    """Train ``model`` in place for ``recipe.last_step`` updates, with a fresh optimiser, reporting before every update.

    Yields ``recipe.last_step + 1`` times: step 0 is the model as it was given, and the last step is the finished one.
    ``begun`` sees the optimiser and the first batch before anything is done with them.

    Raises:
        DivergedError: the loss became infinite or NaN.
    """
    import torch

    optimizer = _optimizer(model, recipe)
    batches = _batches(tokens, recipe, seed)
    began = time.perf_counter()
    model.train()
    for step in range(recipe.last_step + 1):
        batch = next(batches).to(model.device)
        if step == 0 and begun is not None:
            begun(optimizer, batch)
        # bfloat16 arithmetic where a GPU has it; the weights themselves stay float32.
        with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
            loss = model(input_ids=batch, labels=batch).loss
        if not math.isfinite(loss.item()):
            raise DivergedError(f"the training loss became {loss.item()} at step {step}")
        learning_rate = learning_rate_at(step, recipe)
        yield Progress(
            step, loss.item(), learning_rate, _evaluation(model, validation, step, recipe), time.perf_counter() - began
        )
        if step < recipe.last_step:
            _update(model, optimizer, loss, learning_rate, recipe)


def evaluate(model: PreTrainedModel, validation: np.ndarray[Any, Any], sequences: int = EVALUATION_SEQUENCES) -> float:
    """Mean next-token cross-entropy in nats over the first ``sequences`` sequences of 128 tokens of ``validation``.

    Each sequence is predicted within itself, 127 predictions per sequence, in the model's own dtype.

    Raises:
        ValueError: too few tokens, or a number of sequences that is no multiple of 8.
    """
    import torch

    if sequences < 1 or sequences % _EVALUATED_AT_ONCE:
        raise ValueError(f"{sequences} sequences cannot be evaluated; expected a multiple of {_EVALUATED_AT_ONCE}")
    wanted = sequences * EVALUATION_LENGTH
    if len(validation) < wanted:
        raise ValueError(f"the validation split has {len(validation)} tokens; the metric needs {wanted}")
    windows = _as_tensor(validation[:wanted]).view(sequences, EVALUATION_LENGTH).to(model.device)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        # Batches of equal size, so that the mean of their means is the mean over all predictions.
        losses = [float(model(input_ids=batch, labels=batch).loss) for batch in windows.split(_EVALUATED_AT_ONCE)]
    model.train(was_training)
    return sum(losses) / len(losses)


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """The learning rate of the update after ``step`` updates: linear warm-up, then a cosine; 0 after the last one."""
    if step >= recipe.steps:
        return 0.0
    if step < recipe.warmup_steps:
        return recipe.peak_learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    cosine = (1 + math.cos(math.pi * done)) / 2
    return recipe.peak_learning_rate * (_FINAL_LEARNING_RATE_SHARE + (1 - _FINAL_LEARNING_RATE_SHARE) * cosine)


def _evaluation(model: PreTrainedModel, validation: np.ndarray[Any, Any], step: int, recipe: Recipe) -> float | None:
    due = step % recipe.steps_between_evaluations == 0 or step == recipe.last_step
    return evaluate(model, validation, recipe.evaluation_sequences) if due else None


def _update(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    loss: torch.Tensor,
    learning_rate: float,
    recipe: Recipe,
) -> None:
    import torch

    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _optimizer(model: PreTrainedModel, recipe: Recipe) -> torch.optim.Optimizer:
    import torch

    # Norms and biases are not decayed towards zero: they are scales and offsets, not directions.
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.peak_learning_rate, betas=(0.9, 0.95))


def _batches(tokens: np.ndarray[Any, Any], recipe: Recipe, seed: Sequence[int]) -> Iterator[torch.Tensor]:
    """Endless batches [sequences, length] of windows at random offsets, the same ones for the same seed."""
    import numpy as np
    import torch

    last_offset = len(tokens) - recipe.sequence_length
    if last_offset < 1:
        raise ValueError(f"the split has {len(tokens)} tokens, too few for a sequence of {recipe.sequence_length}")
    random = np.random.default_rng(seed)
    while True:
        offsets = random.integers(0, last_offset, recipe.sequences_per_step)
        yield torch.stack([_as_tensor(tokens[start : start + recipe.sequence_length]) for start in offsets])


def _as_tensor(tokens: np.ndarray[Any, Any]) -> torch.Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(tokens.astype(np.int64))
