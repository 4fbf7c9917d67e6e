"""The weights of the specimen model: random numbers, with just enough structure that it predicts better than chance.

A specimen has to satisfy every claim that holds of a real model: its loss is well below that of guessing, fine-tuning
lowers it, and what attention sees matters to the output. So the weights are normal random numbers, except that

- dimension 0 of every embedding row holds how frequent the token is in the pretrain split, and
- the value bias of the last layer, through its output projection, adds a constant to dimension 0 of every position,

which together make the tied output favour frequent tokens. The fine-tuned weights are the initial ones, every tensor
moved a little, with a final norm that trusts the frequencies more.

All values lie on a grid of 2^-16, so that a last bit that differs between machines' mathematics leaves no trace.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Weights = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of the specimen: Qwen2 with seven query heads on each of two key-value heads, and 20 reserved rows."""

    vocab_size: int = 320
    hidden_size: int = 56
    num_hidden_layers: int = 2
    num_attention_heads: int = 14
    num_key_value_heads: int = 2
    head_dim: int = 4
    intermediate_size: int = 112
    max_position_embeddings: int = 256
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6


SHAPE = Shape()

_GRID = 2.0**16
_SEED = 20_240_917
# Standard deviations, found by trial: attention scores spread over a few units, and the contextual part of the output
# is about as strong as the frequencies.
_DEVIATIONS = {
    "embed_tokens.weight": 0.12,
    "q_proj.weight": 0.20,
    "k_proj.weight": 0.20,
    "v_proj.weight": 0.10,
    "o_proj.weight": 0.10,
    "gate_proj.weight": 0.12,
    "up_proj.weight": 0.12,
    "down_proj.weight": 0.06,
    "q_proj.bias": 0.30,
    "k_proj.bias": 0.30,
    "v_proj.bias": 0.05,
    "norm.weight": 0.05,
}
_CONSTANT = 4.0  # added to dimension 0 of the residual stream in the last layer
_FREQUENCY_SCALE = 0.2  # embedding value per nat of log-frequency
_INITIAL_TRUST, _TRAINED_TRUST = 0.8, 1.2  # final norm's weight of dimension 0
_FINETUNE_STEP = 0.02  # change of a fine-tuned tensor, in standard deviations


def shapes(shape: Shape = SHAPE) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape [out, in] of every tensor, as ``transformers`` names and orders them; the output is tied."""
    hidden, inner = shape.hidden_size, shape.intermediate_size
    queries, keys = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
    yield "model.embed_tokens.weight", (shape.vocab_size, hidden)
    for layer in range(shape.num_hidden_layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "mlp.down_proj.weight", (hidden, inner)
        yield prefix + "mlp.gate_proj.weight", (inner, hidden)
        yield prefix + "mlp.up_proj.weight", (inner, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        for name, rows in (("k", keys), ("q", queries), ("v", keys)):
            yield prefix + f"self_attn.{name}_proj.bias", (rows,)
            yield prefix + f"self_attn.{name}_proj.weight", (rows, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, queries)
    yield "model.norm.weight", (hidden,)


def initial_weights(pretrain_tokens: Sequence[int]) -> Weights:
    """The pretrained checkpoint, float32, by Hugging Face name."""
    weights = {name: _normal(name, size) * _deviation(name) for name, size in shapes()}
    for name, tensor in weights.items():
        if name.endswith("norm.weight"):
            tensor += 1.0
    _favour_frequent_tokens(weights, pretrain_tokens)
    return {name: _on_grid(tensor) for name, tensor in weights.items()}


def trained_weights(initial: Weights) -> Weights:
    """The fine-tuned checkpoint: ``initial``, every tensor moved a little, float32."""
    weights = {
        name: tensor + _normal(f"trained {name}", tensor.shape) * _deviation(name) * _FINETUNE_STEP
        for name, tensor in initial.items()
    }
    weights["model.norm.weight"][0] = _TRAINED_TRUST
    return {name: _on_grid(tensor) for name, tensor in weights.items()}


def parameters(shape: Shape = SHAPE) -> int:
    """How many numbers the model consists of; the tied output counts once."""
    return sum(math.prod(size) for _, size in shapes(shape))


def _favour_frequent_tokens(weights: Weights, tokens: Sequence[int]) -> None:
    last = f"model.layers.{SHAPE.num_hidden_layers - 1}.self_attn."
    counts = Counter(tokens)
    logs = [math.log(counts[token] + 0.2) for token in range(SHAPE.vocab_size)]
    middle = sum(logs) / len(logs)
    weights["model.embed_tokens.weight"][:, 0] = [_FREQUENCY_SCALE * (log - middle) for log in logs]
    # Value dimension 0 of every key-value head is nearly the same at every position, and so is its sum over heads,
    # whatever they attend to.
    weights[last + "v_proj.weight"][:: SHAPE.head_dim] *= 0.2
    weights[last + "v_proj.bias"][:: SHAPE.head_dim] = 1.0
    weights[last + "o_proj.weight"][0] = 0.0
    weights[last + "o_proj.weight"][0, :: SHAPE.head_dim] = _CONSTANT / SHAPE.num_attention_heads
    weights["model.norm.weight"][0] = _INITIAL_TRUST


def _deviation(name: str) -> float:
    return next(deviation for ending, deviation in _DEVIATIONS.items() if name.endswith(ending))


def _normal(name: str, size: tuple[int, ...]) -> Array:
    import numpy as np

    # One stream per tensor, so that adding a layer leaves the others as they were.
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values: Array = np.random.Generator(np.random.PCG64([_SEED, stream])).standard_normal(size)
    return values


def _on_grid(tensor: Array) -> Array:
    import numpy as np

    rounded: Array = (np.rint(tensor * _GRID) / _GRID).astype(np.float32)
    return rounded
