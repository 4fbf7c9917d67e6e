"""What aprender needs of an APR file, and what it takes in silence.

The messages are those that SHIP-TWO records of a checkpoint which trained and could not be used (sections 81 and 82);
the names that its server accepts for a size are those of its metadata reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from falsifiable import Model
from falsifiers.inventory import FAMILIES, SHAPE_FIELDS, config_values, expected_tensors, is_biased
from falsifiers.requirements import Consumer, Fault, Requirement, finite_weights, ids_outside

# The name that messages use -> what is read in its place, the first that is there.
SIZES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden_size", "hidden_dim", "d_model", "n_embd"),
    "num_layers": ("num_layers", "n_layers", "num_hidden_layers", "n_layer"),
    "num_heads": ("num_heads", "n_heads", "num_attention_heads", "n_head"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "intermediate_dim", "n_inner"),
}
# num_key_value_heads is not among them: a file that states only that is read as multi-head attention.
KEY_VALUE_HEADS = ("num_kv_heads", "n_kv_heads")
_ARCHITECTURE = ("architecture", "hf_architecture")
_TOKENS, _MERGES = "tokenizer.vocabulary", "tokenizer.merges"


def architecture(model: Model) -> Iterator[Fault]:
    """The metadata say what the model is."""
    if not any(isinstance(model.metadata.get(key), str) and model.metadata[key] for key in _ARCHITECTURE):
        yield Fault("architecture is absent",
                    "C-01: APR model missing 'architecture' metadata — cannot infer model type")  # fmt: skip
    if model.architecture.role not in (None, "decoder"):
        yield Fault(f"architecture {model.architecture.stored} is an {model.architecture.role}",
                    "Validation failed: APR missing embedded tokenizer")  # fmt: skip


def sizes(model: Model) -> Iterator[Fault]:
    """Every size stands under a name that it reads, as a number above 0."""
    for name, accepted in SIZES.items():
        value = next((model.metadata[key] for key in accepted if key in model.metadata), None)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            yield Fault(f"{name} is {'absent' if value is None else repr(value)}",
                        f"C-03: APR model missing '{name}' metadata")  # fmt: skip
    if not any(key in model.metadata for key in KEY_VALUE_HEADS):
        yield Fault(f"none of {', '.join(KEY_VALUE_HEADS)} is there: it takes the number of query heads")
    for name in ("rope_theta", "rms_norm_eps", "max_position_embeddings"):
        if getattr(model.config, name) is None:
            yield Fault(f"{name} is absent: it takes a default")


def tokenizer(model: Model) -> Iterator[Fault]:
    """Tokens and merges are embedded, and every token is a text."""
    lists: dict[str, Any] = {key: model.metadata.get(key) for key in (_TOKENS, _MERGES)}
    empty = [key for key, one in lists.items() if not isinstance(one, Sequence) or isinstance(one, str) or not len(one)]
    if empty:
        yield Fault(f"{' and '.join(empty)} absent or empty", "Validation failed: APR missing embedded tokenizer")
    if _TOKENS in empty:
        return
    odd = next((row for row, one in enumerate(lists[_TOKENS]) if not isinstance(one, str)), None)
    if odd is not None:
        yield Fault(f"{_TOKENS}[{odd}] is no text: it drops the entry, and every id above it means the next token")
    if model.embedding_rows and len(lists[_TOKENS]) > model.embedding_rows:
        yield Fault(
            f"{len(lists[_TOKENS])} tokens for {model.embedding_rows} embedding rows: it reads outside the table"
        )
    if "tokenizer.eos_token_id" not in model.metadata:
        yield Fault("tokenizer.eos_token_id is absent: it guesses special tokens from their texts")


def tensors(model: Model) -> Iterator[Fault]:
    """The tensors are those that the sizes imply, in their shapes."""
    config = config_values(model)
    if model.architecture.family not in FAMILIES or any(config[name] is None for name in SHAPE_FIELDS):
        return
    stored = model.canonical_names
    try:
        expected = expected_tensors(config, biased=is_biased(model), separate_output="output" in stored)
    except ValueError as error:
        yield Fault(str(error))
        return
    missing = [name for name in expected if name not in stored]
    reshaped = [name for name in expected if name in stored and tuple(model.tensor(name).shape) != expected[name]]
    if missing:
        yield Fault(f"tensor {model.usual_name(missing[0])} is absent ({len(missing)} in all)")
    if reshaped:
        name = reshaped[0]
        yield Fault(f"tensor {stored[name]} is {list(model.tensor(name).shape)}, the metadata imply "
                    f"{list(expected[name])} ({len(reshaped)} in all)")  # fmt: skip


def _knows(model: Model) -> bool:
    return model.architecture.family in FAMILIES


APRENDER = Consumer(
    name="aprender",
    formats=("apr",),
    other_format="invalid magic",
    requirements=(
        Requirement("an architecture", architecture),
        Requirement("every size under a name it reads", sizes),
        Requirement("a whole tokenizer inside", tokenizer),
        Requirement("special ids that are tokens", ids_outside),
        Requirement("the tensors that the sizes imply", tensors),
        Requirement("finite weights", finite_weights),
    ),
    knows=_knows,
)
