"""A small decoder in plain PyTorch, float32: what the weights of a Llama or Qwen2 model mean.

RMS norms, rotary positions that turn the two halves of a head (Hugging Face's order), grouped-query attention with
optional biases, a gated feed-forward block, a tied or separate output. It reads canonical tensors from any
:class:`Model`, so that the same weights can be judged in every format, and has nothing but a formula per line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falsifiable import Model
from falsifiers.inventory import FAMILIES, config_values, expected_tensors, head_size, is_biased

if TYPE_CHECKING:
    from torch import Tensor

    Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


class UnfitError(Exception):
    """The model is not one this decoder can run; the message says what is missing or does not fit."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Weights (float32, canonical name -> tensor) and the few configured numbers that a forward pass needs."""

    weights: dict[str, Tensor]
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float


def load_decoder(model: Model, device: str = "") -> Decoder:
    """Read every weight of ``model`` (4 bytes per parameter of memory) to ``device``, by default a GPU if there is one.

    Raises:
        UnfitError: another family, a field that is absent, or tensors that do not have the configured shape.
    """
    import numpy as np
    import torch

    _refuse_variants(model)
    config = {**config_values(model), "rope_theta": model.config.rope_theta, "rms_norm_eps": model.config.rms_norm_eps}
    if absent := sorted(
        name for name in config if config[name] is None and name not in ("head_dim", "tie_word_embeddings")
    ):
        raise UnfitError(f"the configuration does not state {', '.join(absent)}")
    try:
        expected = expected_tensors(config, biased=is_biased(model), separate_output=model.has_tensor("output"))
    except ValueError as error:
        raise UnfitError(str(error)) from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    weights = {}
    for name, shape in expected.items():
        if not model.has_tensor(name):
            raise UnfitError(f"tensor {name} is missing")
        tensor = model.tensor(name)
        if tuple(tensor.shape) != shape:
            raise UnfitError(f"tensor {name} has shape {list(tensor.shape)}, the configuration implies {list(shape)}")
        weights[name] = torch.from_numpy(np.array(tensor.numpy(), dtype=np.float32)).to(device)
    return Decoder(
        weights, config["num_hidden_layers"], config["num_attention_heads"], config["num_key_value_heads"],
        int(head_size(config)), config["rope_theta"], config["rms_norm_eps"],
    )  # fmt: skip


def _refuse_variants(model: Model) -> None:
    """Raise UnfitError for what this decoder has no formula for."""
    prefix = model.architecture.stored
    rope = model.metadata.get("rope_parameters") or model.metadata.get("rope_scaling")
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else "default"
    if model.architecture.family not in FAMILIES:
        raise UnfitError(f"architecture {prefix} is not one of {', '.join(FAMILIES)}")
    # transformers reads the gate's function from here; this decoder has the formula of one.
    for key in ("hidden_act", "hidden_activation", "activation_function"):
        if model.metadata.get(key) not in (None, "silu"):
            raise UnfitError(f"{key} is {model.metadata[key]!r}, and this decoder has the formula of 'silu' only")
    if kind != "default" or model.metadata.get(f"{prefix}.rope.scaling.type", "none") != "none":
        raise UnfitError("its rotary positions are scaled, which this decoder does not do")
    if model.metadata.get("use_sliding_window") is True or "rope_freqs.weight" in model.tensors:
        raise UnfitError(
            "its attention has a window, or its rotary frequencies a table, which this decoder does not read"
        )
    if model.has_tensor("layers.0.attention.output.bias"):
        raise UnfitError("its attention output has a bias, which this decoder does not add")


def grouped_query_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention in which consecutive query heads share one key-value head.

    ``query`` is [batch, heads, length, head_dim], ``key`` and ``value`` [batch, key_value_heads, length, head_dim];
    the result has the shape of ``query``. Query head h reads key-value head h // (heads / key_value_heads).
    """
    import torch

    batch, heads, length, size = query.shape
    grouped = query.view(batch, key.shape[1], heads // key.shape[1], length, size)
    scores = (grouped @ key.unsqueeze(2).transpose(-1, -2)).float() / size**0.5
    later = torch.ones(length, length, dtype=torch.bool, device=query.device).triu(1)
    shares = scores.masked_fill(later, float("-inf")).softmax(-1).to(value.dtype)
    return (shares @ value.unsqueeze(2)).reshape(batch, heads, length, size)


def logits(decoder: Decoder, ids: Tensor, attention: Attention = grouped_query_attention) -> Tensor:
    """Next-token logits [batch, length, vocabulary] of token ids [batch, length]."""
    import torch
    from torch.nn.functional import linear, silu

    weights = decoder.weights
    ids = ids.to(weights["token_embedding"].device)
    with torch.no_grad():
        state = weights["token_embedding"][ids]
        turns = _rotations(decoder, ids.shape[1], state)
        for layer in range(decoder.layers):
            name = f"layers.{layer}."
            normed = _rms_norm(state, weights[name + "attention_norm"], decoder.rms_norm_eps)
            state = state + _attended(decoder, name, normed, turns, attention)
            normed = _rms_norm(state, weights[name + "feed_forward_norm"], decoder.rms_norm_eps)
            gate = silu(linear(normed, weights[name + "feed_forward.gate"]))
            inner = gate * linear(normed, weights[name + "feed_forward.up"])
            state = state + linear(inner, weights[name + "feed_forward.down"])
        state = _rms_norm(state, weights["final_norm"], decoder.rms_norm_eps)
        return linear(state, weights.get("output", weights["token_embedding"]))


def mean_cross_entropy(decoder: Decoder, sequences: Tensor) -> float:
    """Mean next-token cross-entropy in nats of token ids [sequences, length], each predicted within itself."""
    import torch
    from torch.nn.functional import cross_entropy

    total = 0.0
    for batch in torch.split(sequences, 8):
        predicted = logits(decoder, batch)[:, :-1]
        wanted = batch[:, 1:].to(predicted.device)
        total += float(cross_entropy(predicted.flatten(0, 1), wanted.flatten(), reduction="sum"))
    return total / (int(sequences.shape[0]) * int(sequences.shape[1] - 1))


def _attended(decoder: Decoder, name: str, state: Tensor, turns: tuple[Tensor, Tensor], attention: Attention) -> Tensor:
    from torch.nn.functional import linear

    def heads(part: str, count: int) -> Tensor:
        full = f"{name}attention.{part}"
        projected = linear(state, decoder.weights[full], decoder.weights.get(full + ".bias"))
        return projected.view(*state.shape[:2], count, decoder.head_dim).transpose(1, 2)

    query = _rotated(heads("query", decoder.heads), turns)
    key = _rotated(heads("key", decoder.key_value_heads), turns)
    mixed = attention(query, key, heads("value", decoder.key_value_heads))
    return linear(mixed.transpose(1, 2).flatten(2), decoder.weights[name + "attention.output"])


def _rms_norm(state: Tensor, weight: Tensor, eps: float) -> Tensor:
    return state * (state.square().mean(-1, keepdim=True) + eps).rsqrt() * weight


def _rotations(decoder: Decoder, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [length, head_dim] of the angle by which each position turns each pair of values."""
    import torch

    half = torch.arange(0, decoder.head_dim, 2, device=like.device, dtype=torch.float32) / decoder.head_dim
    angles = torch.outer(torch.arange(length, device=like.device).float(), decoder.rope_theta**-half)
    both = torch.cat((angles, angles), -1)
    return both.cos(), both.sin()


def _rotated(heads: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    import torch

    first, second = heads.chunk(2, -1)
    return heads * turns[0] + torch.cat((-second, first), -1) * turns[1]
