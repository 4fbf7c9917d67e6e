"""The shape of a model under canonical names, read from a Hugging Face config.json, or GGUF or APR metadata.

Nothing here has a default: a field that the file does not state is None, because a check must be able to see that
``num_key_value_heads`` is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model's declared shape; sizes are counts of elements, heads, layers or positions.

    ``sources`` names, per field, the stored key that the value was read from. A field that is None although it has a
    source was stored with a value of another type (a text where a number belongs).
    """

    vocab_size: int | None = None
    hidden_size: int | None = None
    num_hidden_layers: int | None = None
    num_attention_heads: int | None = None
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    intermediate_size: int | None = None
    max_position_embeddings: int | None = None
    rope_theta: float | None = None
    rms_norm_eps: float | None = None
    tie_word_embeddings: bool | None = None
    attention_bias: bool | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def derived_head_dim(self) -> int | None:
        """``head_dim``, or ``hidden_size / num_attention_heads`` where only that is stated and it comes out even."""
        if self.head_dim is not None:
            return self.head_dim
        if self.hidden_size is None or not self.num_attention_heads or self.hidden_size % self.num_attention_heads:
            return None
        return self.hidden_size // self.num_attention_heads


CONFIG_FIELDS = tuple(one.name for one in fields(ModelConfig) if one.name != "sources")
_FLOATS = frozenset({"rope_theta", "rms_norm_eps"})
_BOOLEANS = frozenset({"tie_word_embeddings", "attention_bias"})

# The first key is the usual one; the others are what GPT-2 and T5 style configs call the same thing.
_HUGGINGFACE_KEYS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in CONFIG_FIELDS},
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "num_heads"),
    "intermediate_size": ("intermediate_size", "n_inner", "d_ff"),
    "max_position_embeddings": ("max_position_embeddings", "n_positions"),
    "rope_theta": ("rope_theta", "rope_parameters.rope_theta"),  # the second since transformers 5
}

# aprender, AprMetadata: the native key first, then what its server accepts in its place, and the names of Hugging Face.
# Some versions of that server do not know num_key_value_heads and take such a file for multi-head attention in silence;
# here it counts as what the file states, and ``sources`` tells under which key.
_APR_KEYS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in CONFIG_FIELDS},
    "vocab_size": ("vocab_size", "n_vocab"),
    "hidden_size": ("hidden_size", "hidden_dim", "d_model", "n_embd"),
    "num_hidden_layers": ("num_layers", "n_layers", "num_hidden_layers", "n_layer"),
    "num_attention_heads": ("num_heads", "n_heads", "num_attention_heads", "n_head"),
    "num_key_value_heads": ("num_kv_heads", "n_kv_heads", "num_key_value_heads"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "intermediate_dim", "n_inner"),
    "max_position_embeddings": ("max_position_embeddings", "max_seq_len", "context_length", "n_ctx"),
    "rms_norm_eps": ("rms_norm_eps", "layer_norm_eps", "norm_eps"),
}

# GGUF specification: "{architecture}." goes before each. The format has no key for the fields that are not listed.
_GGUF_KEYS: Mapping[str, str] = {
    "vocab_size": "vocab_size",
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length",
    "rope_theta": "rope.freq_base",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
}


def config_of_huggingface(metadata: Mapping[str, object], *, where: str = "config.json:") -> ModelConfig:
    """The configuration in the top-level fields of a config.json, or of what else keeps its keys; ``where`` goes before
    each key in ``sources``."""
    return _config_of_keys(metadata, _HUGGINGFACE_KEYS, where)


def config_of_apr(metadata: Mapping[str, object]) -> ModelConfig:
    """The configuration in the metadata of an APR file; of several keys for one field, the native one counts."""
    return _config_of_keys(metadata, _APR_KEYS, "")


def _config_of_keys(metadata: Mapping[str, object], keys_of: Mapping[str, tuple[str, ...]], where: str) -> ModelConfig:
    """Each field from the first of its keys that is present."""
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for name, keys in keys_of.items():
        key = next((key for key in keys if _lookup(metadata, key) is not None), None)
        if key is not None:
            values[name] = _typed(name, _lookup(metadata, key))
            sources[name] = where + key
    return ModelConfig(**values, sources=MappingProxyType(sources))  # type: ignore[arg-type]


def config_of_gguf(metadata: Mapping[str, object]) -> ModelConfig:
    """The configuration in GGUF metadata, under the prefix that ``general.architecture`` names, verbatim.

    A value that the file gives per layer counts if it is the same in all layers.
    """
    prefix = metadata.get("general.architecture")
    if not isinstance(prefix, str):
        return ModelConfig()
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for name, suffix in _GGUF_KEYS.items():
        key = f"{prefix}.{suffix}"
        if key in metadata:
            values[name] = _typed(name, _uniform(metadata[key]))
            sources[name] = key
    return ModelConfig(**values, sources=MappingProxyType(sources))  # type: ignore[arg-type]


def huggingface_keys(name: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """The keys of a config.json that hold the canonical field ``name``, or the one that would; the first one counts.

    Nested keys are joined by dots. Raises ValueError for a name that is not a field.
    """
    return _present_keys(name, metadata, _HUGGINGFACE_KEYS)


def apr_keys(name: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """The same in the metadata of an APR file. Raises ValueError for a name that is not a field."""
    return _present_keys(name, metadata, _APR_KEYS)


def _present_keys(name: str, metadata: Mapping[str, object], keys_of: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    _check_field(name)
    return tuple(key for key in keys_of[name] if _lookup(metadata, key) is not None) or keys_of[name][:1]


def gguf_keys(name: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """The same in GGUF metadata. Raises ValueError also for a field that the format cannot express."""
    _check_field(name)
    prefix = metadata.get("general.architecture")
    if name not in _GGUF_KEYS or not isinstance(prefix, str):
        why = "has no key for it" if name not in _GGUF_KEYS else "names no architecture to prefix it with"
        raise ValueError(f"{name} cannot be changed: this GGUF file {why}")
    return (f"{prefix}.{_GGUF_KEYS[name]}",)


def _check_field(name: str) -> None:
    if name not in CONFIG_FIELDS:
        raise ValueError(f"a model's configuration has no field {name!r}; it has {', '.join(CONFIG_FIELDS)}")


def _lookup(metadata: Mapping[str, object], key: str) -> object:
    """The value at a key, or at ``outer.inner`` of a nested mapping; None if absent (JSON null counts as absent)."""
    outer, _, inner = key.partition(".")
    value = metadata.get(outer)
    if not inner:
        return value
    return value.get(inner) if isinstance(value, Mapping) else None


def _typed(name: str, value: object) -> int | float | bool | None:
    """``value`` if it has the field's type, else None."""
    if isinstance(value, bool) or name in _BOOLEANS:
        return value if isinstance(value, bool) and name in _BOOLEANS else None
    if name in _FLOATS:
        return float(value) if isinstance(value, int | float) else None
    return value if isinstance(value, int) else None


def _uniform(value: object) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return value[0] if len(value) and all(one == value[0] for one in value) else None
