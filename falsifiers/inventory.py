"""Which tensors a decoder of a given shape consists of: canonical name -> shape, row-major [out, in]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from falsifiable import Model

# Families whose layer is the one below: RMS norms, grouped-query attention, a gated feed-forward block.
FAMILIES = ("llama", "mistral", "qwen2")
# Families whose query, key and value projections have a bias whatever the configuration says.
_BIASED = ("qwen2",)
SHAPE_FIELDS = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size",
)  # fmt: skip
# Families of which llama.cpp expects a query projection of hidden size x hidden size.
QUERIES_AS_WIDE_AS_HIDDEN = ("qwen2",)
_MOST_LAYERS = 10_000  # ten times the deepest model published; a damaged number of layers would fill the memory
# Tables that some exporters store although they follow from the configuration.
DERIVED_TABLES = ("rope_freqs.weight", "rotary_emb.inv_freq")

Shapes = dict[str, tuple[int, ...]]


def head_size(config: Mapping[str, Any]) -> float:
    """Values per head: what the configuration says, else hidden size over heads, as transformers and llama.cpp do.

    Raises:
        ValueError: neither is there, because the number of heads is 0.
    """
    stated, heads = config.get("head_dim"), config["num_attention_heads"]
    if stated is not None:
        return float(stated)
    if not heads:
        raise ValueError(f"num_attention_heads is {heads}, expected more than 0, and head_dim is absent")
    return float(config["hidden_size"]) / float(heads)


def expected_tensors(config: Mapping[str, Any], *, biased: bool, separate_output: bool) -> Shapes:
    """The inventory of a decoder with these canonical configuration values.

    Raises:
        ValueError: heads and hidden size do not divide, or there are more layers than any model has.
    """
    if config["num_hidden_layers"] > _MOST_LAYERS:
        raise ValueError(f"num_hidden_layers is {config['num_hidden_layers']}, expected at most {_MOST_LAYERS:,}")
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    size = head_size(config)
    if not size.is_integer():
        raise ValueError(
            f"hidden_size {hidden} is no multiple of num_attention_heads {config['num_attention_heads']}, "
            "and head_dim is absent"
        )
    queries, keys = config["num_attention_heads"] * int(size), config["num_key_value_heads"] * int(size)
    shapes: Shapes = {"token_embedding": (config["vocab_size"], hidden), "final_norm": (hidden,)}
    if separate_output:
        shapes["output"] = (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"layers.{layer}."
        shapes[prefix + "attention_norm"] = shapes[prefix + "feed_forward_norm"] = (hidden,)
        projections = {"query": (queries, hidden), "key": (keys, hidden), "value": (keys, hidden)}
        for name, shape in projections.items():
            shapes[f"{prefix}attention.{name}"] = shape
            if biased:
                shapes[f"{prefix}attention.{name}.bias"] = shape[:1]
        shapes[prefix + "attention.output"] = (hidden, queries)
        shapes[prefix + "feed_forward.gate"] = shapes[prefix + "feed_forward.up"] = (inner, hidden)
        shapes[prefix + "feed_forward.down"] = (hidden, inner)
    return shapes


def parameters_in(shapes: Shapes) -> int:
    """How many numbers tensors of these shapes hold together."""
    return sum(math.prod(shape) for shape in shapes.values())


def config_values(model: Model) -> dict[str, Any]:
    """The model's canonical configuration as a mapping; what the file does not state is None.

    GGUF has no key for the size of the vocabulary that a reader must write: there it is the length of the token list.
    """
    values = {name: getattr(model.config, name) for name in (*SHAPE_FIELDS, "head_dim", "tie_word_embeddings")}
    if values["vocab_size"] is None and model.embeds_tokenizer and model.tokenizer is not None:
        values["vocab_size"] = model.tokenizer.size or None
    return values


def missing_sizes(model: Model, config: Mapping[str, Any]) -> str:
    """Why the inventory of a model with this configuration is open, in words; empty where it is known."""
    absent = [name for name in SHAPE_FIELDS if config[name] is None]
    if absent:
        return f"does not state {', '.join(absent)}"
    return "" if model.architecture.family in FAMILIES else f"is of family {model.architecture.family}"


def is_biased(model: Model) -> bool:
    """Whether query, key and value projections of this model should have a bias.

    GGUF has no key for it, so there the first layer speaks for all others.
    """
    stated = model.config.attention_bias
    if stated is None and model.config_key("attention_bias") is None:
        stated = model.has_tensor("layers.0.attention.query.bias")
    return model.architecture.family in _BIASED or bool(stated)
