"""What llama.cpp needs of a GGUF file, and what it takes in silence.

Messages and lists are those of the build in xllamacpp 2026.10.11549; ``tests/falsifiers/test_llama_cpp_predictions.py``
compares them with what it really says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from falsifiable import Model
from falsifiers.consumer_llama_cpp_tokenizer import splitting, tokens
from falsifiers.inventory import FAMILIES, QUERIES_AS_WIDE_AS_HIDDEN, Shapes, expected_tensors, is_biased
from falsifiers.requirements import (
    Consumer,
    Fault,
    Requirement,
    finite_weights,
    ids_outside,
    is_list,
    is_list_of,
    shown,
)

_ARCHITECTURE = "general.architecture"
_TOKENIZER = "tokenizer.ggml."
_MOST_LAYERS = 512  # LLAMA_MAX_LAYERS
_SCALINGS = ("none", "linear", "yarn", "longrope")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that llama.cpp reads: its type, and what it does without it.

    ``absent`` is ``refuses``, ``optional``, or in words the default that it takes in silence. ``per_layer`` allows a
    list with a value for each layer.
    """

    suffix: str
    type: Literal["u32", "f32", "str", "bool"]
    absent: str = "optional"
    per_layer: bool = False


# After the name of the architecture and a dot.
ARCHITECTURE_KEYS = (
    Key("block_count", "u32", "refuses"),
    Key("context_length", "u32", "refuses"),
    Key("embedding_length", "u32", "refuses"),
    Key("attention.layer_norm_rms_epsilon", "f32", "refuses"),
    Key("feed_forward_length", "u32", "it takes 0", per_layer=True),
    Key("attention.head_count", "u32", "it takes 0", per_layer=True),
    Key("attention.head_count_kv", "u32", "it takes the number of query heads", per_layer=True),
    Key("rope.freq_base", "f32", "it takes 10000, whatever the model was trained with"),
    Key("attention.key_length", "u32"),
    Key("attention.value_length", "u32"),
    Key("rope.dimension_count", "u32"),
    Key("rope.scaling.type", "str"),
    Key("expert_count", "u32"),
)
OTHER_KEYS = (
    Key("general.name", "str"),
    Key("general.file_type", "u32"),
    Key(_TOKENIZER + "model", "str", "refuses"),
    Key(_TOKENIZER + "pre", "str"),
    Key(_TOKENIZER + "bos_token_id", "u32"),
    Key(_TOKENIZER + "eos_token_id", "u32", "generation does not know where to stop"),
    Key(_TOKENIZER + "padding_token_id", "u32"),
    Key(_TOKENIZER + "unknown_token_id", "u32"),
    Key(_TOKENIZER + "add_bos_token", "bool"),
    Key(_TOKENIZER + "add_eos_token", "bool"),
)


def architecture(model: Model) -> Iterator[Fault]:
    """The file names its architecture as llama.cpp does."""
    stored = model.metadata.get(_ARCHITECTURE)
    if stored is not None and not isinstance(stored, str):
        yield Fault(f"{_ARCHITECTURE} is {stored!r}, expected a name", _wrong_type(_ARCHITECTURE, stored, "str"))
    elif stored is None or stored != model.architecture.gguf:
        expected = model.architecture.gguf or "a name from its list"
        given = "absent" if stored is None else repr(stored)
        yield Fault(f"{_ARCHITECTURE} is {given}, expected {expected}", f"unknown model architecture: '{stored or ''}'")


def keys(model: Model) -> Iterator[Fault]:
    """Every key that it reads is there, in the type that it reads."""
    prefix = prefix_of(model)
    if prefix is not None and _known(model):
        for one in ARCHITECTURE_KEYS:
            yield from _key_faults(model, f"{prefix}.{one.suffix}", one)
    for one in OTHER_KEYS:
        yield from _key_faults(model, one.suffix, one)


def _key_faults(model: Model, key: str, need: Key) -> Iterator[Fault]:
    value = model.metadata.get(key)
    if value is None:
        if need.absent == "refuses":
            yield Fault(f"{key} is absent", f"key not found in model: {key}")
        elif need.absent != "optional":
            yield Fault(f"{key} is absent: {need.absent}")
    elif need.per_layer and is_list(value):
        yield from _list_faults(model, key, value)
    elif _type_of(value) != need.type:
        yield Fault(f"{key} is {shown(value)}, no {need.type}", _wrong_type(key, value, need.type))


def _list_faults(model: Model, key: str, values: Any) -> Iterator[Fault]:
    layers = model.metadata.get(f"{prefix_of(model)}.block_count")
    if len(values) and not isinstance(values[0], int):
        said = f"key {key} has wrong array element type {_type_of(values[0])}"
        yield Fault(f"{key} is a list of {_type_of(values[0])}, expected integers", said)
    elif isinstance(layers, int) and len(values) != layers:
        said = f"key {key} has wrong array length; expected {layers}, got {len(values)}"
        yield Fault(f"{key} has values for {len(values)} layers of {layers}", said)
    elif len(set(values)) > 1:
        yield Fault(f"{key} differs from layer to layer, the layers do not", "GGML_ASSERT(a->ne[0] == b->ne[0]) failed")


def sizes(model: Model) -> Iterator[Fault]:
    """No size is one that llama.cpp aborts at; it prints the condition and ends the process that loads the file."""
    prefix = prefix_of(model)
    if prefix is None or not _known(model):
        return

    def value(suffix: str) -> Any:
        return model.metadata.get(f"{prefix}.{suffix}")

    layers, context, epsilon = value("block_count"), value("context_length"), value("attention.layer_norm_rms_epsilon")
    if _is_number(layers) and not 0 < layers <= _MOST_LAYERS:
        yield Fault(f"{prefix}.block_count is {layers}, expected 1 to {_MOST_LAYERS}",
                    "hparams.n_layer_all > 0 && hparams.n_layer_all <= LLAMA_MAX_LAYERS")  # fmt: skip
    if context == 0:
        yield Fault(f"{prefix}.context_length is 0", "GGML_ASSERT(n_ctx > 0 && n_prompt_tokens > 0) failed")
    if isinstance(epsilon, float) and epsilon <= 0:
        said = "GGML_ASSERT(eps >= 0.0f) failed" if epsilon < 0 else ""
        yield Fault(f"{prefix}.attention.layer_norm_rms_epsilon is {epsilon}, expected more than 0", said)
    yield from _rotary_faults(model, prefix)
    listed = model.metadata.get(_TOKENIZER + "tokens")
    if isinstance(value("vocab_size"), int) and is_list_of(listed, str) and value("vocab_size") != len(listed):
        yield Fault(f"{prefix}.vocab_size is {value('vocab_size')} of {len(listed)} tokens: it never looks at it")
    if isinstance(value("expert_count"), int) and value("expert_count") > 0:
        yield Fault(f"{prefix}.expert_count is {value('expert_count')} in a model without experts",
                    "GGML_ASSERT(n_expert_used_max > 0) failed")  # fmt: skip


def _rotary_faults(model: Model, prefix: str) -> Iterator[Fault]:
    base = model.metadata.get(f"{prefix}.rope.freq_base")
    turned, scaling = (model.metadata.get(f"{prefix}.rope.{name}") for name in ("dimension_count", "scaling.type"))
    head = _as_read(model)["head_dim"] if _readable(model) else None
    if isinstance(base, float) and base <= 0:
        yield Fault(f"{prefix}.rope.freq_base is {base}, expected more than 0: every logit is NaN")
    if isinstance(turned, int) and head and turned != head:
        yield Fault(f"{prefix}.rope.dimension_count is {turned}, the size of a head {head}",
                    "GGML_ASSERT(n_embd_head == n_rot) failed")  # fmt: skip
    if isinstance(scaling, str) and scaling not in _SCALINGS:
        yield Fault(f"{prefix}.rope.scaling.type is {scaling!r}, expected one of {', '.join(_SCALINGS)}",
                    "hparams.rope_scaling_type_train != LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED")  # fmt: skip


def tensors(model: Model) -> Iterator[Fault]:
    """The tensors are those that it asks for, in the shapes that it works out from the metadata."""
    if not _known(model) or not _readable(model):
        return
    expected = _expected(model)
    stored = model.canonical_names
    optional = [name for name in expected if name.endswith(".bias")]
    missing = [name for name in expected if name not in stored and name not in optional]
    if missing:
        yield Fault(f"tensor {model.usual_name(missing[0])} is absent ({len(missing)} in all)",
                    f"tensor '{model.usual_name(missing[0])}' not found")  # fmt: skip
    unbiased = [name for name in optional if name not in stored]
    if unbiased:
        yield Fault(
            f"tensor {model.usual_name(unbiased[0])} is absent ({len(unbiased)} in all): it computes without a bias"
        )
    for name in expected:
        if name in stored and _as_stored(model, name) != expected[name]:
            yield _wrong_shape(model.usual_name(name), expected[name], model.tensors[stored[name]].shape)
            break
    yield from _unread_faults(model, expected)


def _unread_faults(model: Model, expected: Shapes) -> Iterator[Fault]:
    stored = model.canonical_names
    read = {stored[name] for name in expected if name in stored}
    if _as_named(model).architecture.gguf == "llama":
        read |= {"rope_freqs.weight"} & set(model.tensors)
    unread = [name for name in model.tensors if name not in read]
    if unread:
        yield Fault(f"tensor {unread[0]} is none that it asks for ({len(unread)} in all)",
                    f"wrong number of tensors; expected {len(model.tensors)}, got {len(read)}")  # fmt: skip


def vectors(model: Model) -> Iterator[Fault]:
    """Norms and biases are stored in 32 bits; anything else ends the process that loads the file."""
    narrow = [one for one in model.tensors.values() if len(one.shape) == 1 and one.dtype != "F32"]
    if narrow:
        kind = narrow[0].dtype
        yield Fault(f"tensor {narrow[0].name} is a vector of {kind}, expected F32 ({len(narrow)} in all)",
                    f"unsupported types: dst: f32, src0: f32, src1: {kind.lower()}")  # fmt: skip


def _wrong_shape(name: str, expected: tuple[int, ...], found: tuple[int, ...]) -> Fault:
    asked = ", ".join(str(size) for size in reversed(expected))
    got = ", ".join(str(size) for size in (*reversed(found), 1, 1, 1, 1)[:4])
    return Fault(
        f"tensor {name} is {list(found)}, the metadata imply {list(expected)}",
        f"tensor '{name}' has wrong shape; expected {asked}, got {got}",
    )


def _as_stored(model: Model, name: str) -> tuple[int, ...]:
    """A shape as it compares them: dimensions of 1 in front count for nothing."""
    shape = tuple(model.tensors[model.canonical_names[name]].shape)
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _expected(model: Model) -> Shapes:
    named, config = _as_named(model), _as_read(model)
    shapes = expected_tensors(config, biased=is_biased(named), separate_output=model.has_tensor("output"))
    hidden, value = config["hidden_size"], model.metadata.get(f"{prefix_of(model)}.attention.value_length")
    for name in shapes:
        if named.architecture.family in QUERIES_AS_WIDE_AS_HIDDEN and name.endswith(("query", "query.bias")):
            shapes[name] = (hidden,) * len(shapes[name])
        elif named.architecture.family in QUERIES_AS_WIDE_AS_HIDDEN and name.endswith("attention.output"):
            shapes[name] = (hidden, hidden)
        elif isinstance(value, int) and name.endswith(("value", "value.bias")):
            shapes[name] = (config["num_key_value_heads"] * value, *shapes[name][1:])
    return shapes


def _as_read(model: Model) -> dict[str, Any]:
    """The sizes as llama.cpp reads them: 0 where a number is absent, and as many key-value heads as query heads."""
    config = _as_named(model).config
    heads = config.num_attention_heads or 0
    kept = config.num_key_value_heads
    return {
        "hidden_size": config.hidden_size or 0,
        "num_hidden_layers": config.num_hidden_layers or 0,
        "num_attention_heads": heads,
        "num_key_value_heads": heads if kept is None else kept,
        "intermediate_size": config.intermediate_size or 0,
        "vocab_size": len(model.metadata.get(_TOKENIZER + "tokens", ())),  # type: ignore[arg-type]
        "head_dim": config.head_dim
        if config.head_dim is not None
        else (config.hidden_size or 0) // heads
        if heads
        else 0,
    }


def prefix_of(model: Model) -> str | None:
    """What stands before the keys of the architecture: its name, or where that is unknown what sizes stand under."""
    if model.architecture.gguf == model.architecture.stored and model.architecture.gguf is not None:
        return model.architecture.gguf
    sizes = (key.partition(".")[0] for key in model.metadata if key.endswith((".block_count", ".embedding_length")))
    return next(sizes, model.architecture.gguf)


def _as_named(model: Model) -> Model:
    """The model under the name that its keys stand under, so that one wrong name does not hide all other faults."""
    prefix = prefix_of(model)
    return model if prefix in (None, model.architecture.stored) else model.with_architecture(prefix or "")


def _known(model: Model) -> bool:
    return _as_named(model).architecture.family in FAMILIES


def _readable(model: Model) -> bool:
    """Whether the sizes it refuses to do without are numbers, and the token list is one."""
    config, listed = _as_named(model).config, model.metadata.get(_TOKENIZER + "tokens")
    layers = config.num_hidden_layers or 0
    return bool(config.hidden_size) and 0 < layers <= _MOST_LAYERS and is_list_of(listed, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _type_of(value: Any) -> str:
    """The GGUF type of a value, an integer taken for 32 bits."""
    if is_list(value):
        return "arr"
    names = {bool: "bool", str: "str", float: "f32"}
    return names.get(type(value)) or ("i32" if value < 0 else "u32")


def _wrong_type(key: str, value: Any, expected: str) -> str:
    return f"key {key} has wrong type {_type_of(value)} but expected type {expected}"


LLAMA_CPP = Consumer(
    name="llama.cpp",
    formats=("gguf",),
    other_format="invalid magic characters",
    requirements=(
        Requirement("an architecture it knows", architecture),
        Requirement("the keys it reads", keys),
        Requirement("sizes it can compute with", sizes),
        Requirement("a token list", tokens),
        Requirement("rules that split text", splitting),
        Requirement("special ids that are tokens", ids_outside),
        Requirement("the tensors it asks for", tensors),
        Requirement("vectors in 32 bits", vectors),
        Requirement("finite weights", finite_weights),
    ),
    knows=_known,
)
