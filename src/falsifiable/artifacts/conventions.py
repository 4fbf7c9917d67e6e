"""Conventions: how the files of a format state what a model is, one entry per way of stating it.

Everything else about a format is its reader's business; a :class:`~falsifiable.artifacts.model.Model` asks only these
questions, so that a further format adds an entry here and no condition anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from falsifiable.artifacts.adapter_config import AdapterConfig, config_of_mlx, config_of_peft
from falsifiable.artifacts.architecture import Architecture, Family, architecture_of_config, architecture_of_gguf
from falsifiable.artifacts.config import (
    ModelConfig,
    apr_keys,
    config_of_apr,
    config_of_gguf,
    config_of_huggingface,
    gguf_keys,
    huggingface_keys,
)
from falsifiable.artifacts.naming import Dialect, dialect_of

if TYPE_CHECKING:
    from pathlib import Path

    from falsifiable.artifacts.contents import Format
    from falsifiable.artifacts.tensors import Tensor, TensorInfo
    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

Metadata = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Conventions:
    """How metadata as stored is read, and changed by mutations.

    ``config_keys`` gives the stored keys of a canonical field, or raises ValueError where the format has none for it;
    ``special_id_key`` that of a token with a special meaning (``bos``, ``eos``, ``pad`` or ``unk``), or None.
    ``architecture_keys`` are those that name an architecture, the first of them that which a mutation sets, to
    ``family_name`` of a family; ``dialect`` is how tensors of these stored names are named.
    ``embedded_tokenizer`` and ``with_embedded_tokenizer`` are None where a tokenizer lies beside the weights.
    ``updates`` gives what an adapter adds to its base model and ``adapter`` what it says of itself; both are None where
    the file is no adapter.
    """

    architecture: Callable[[Metadata], Architecture]
    config: Callable[[Metadata], ModelConfig]
    config_keys: Callable[[str, Metadata], tuple[str, ...]]
    special_id_key: Callable[[str], str | None]
    architecture_keys: tuple[str, ...]
    architecture_value: Callable[[str], object]
    family_name: Callable[[Family], str | None]
    dialect: Callable[[Iterable[str]], Dialect]
    embedded_tokenizer: Callable[[Metadata, Path], Tokenizer | None] | None = None
    with_embedded_tokenizer: Callable[[Metadata, Tokenizer | None], Metadata] | None = None
    updates: Callable[[Metadata, Mapping[str, TensorInfo], Callable[[str], Tensor]], Mapping[str, Tensor]] | None = None
    adapter: Callable[[Metadata], AdapterConfig] | None = None


def conventions_of(model_format: Format) -> Conventions:
    """The conventions that a format keeps to."""
    return _CONVENTIONS.get(model_format, _HUGGINGFACE)


def _huggingface_architecture(metadata: Metadata) -> Architecture:
    classes = metadata.get("architectures")
    first = classes[0] if isinstance(classes, list | tuple) and classes else None
    return architecture_of_config(first, metadata.get("model_type"))


# The first two name the architecture; the others say what kind of model it is, which may be no architecture at all.
_APR_ARCHITECTURE_KEYS = ("hf_architecture", "architecture", "hf_model_type", "model_type")


def _apr_architecture(metadata: Metadata) -> Architecture:
    for key in _APR_ARCHITECTURE_KEYS:
        stored = metadata.get(key)
        if not isinstance(stored, str) or not stored:
            continue
        by_class = architecture_of_config(stored, None)
        by_name = architecture_of_config(None, stored)
        known = next((one for one in (by_class, by_name, architecture_of_gguf(stored)) if one.family), None)
        if known is not None:
            return replace(known, stored=stored)
        if key in _APR_ARCHITECTURE_KEYS[:2]:
            return by_class if stored.endswith("ForCausalLM") else Architecture(stored)
    return Architecture()


def _tokenizer_in_apr(metadata: Metadata, path: Path) -> Tokenizer | None:
    from falsifiable.artifacts.tokenizers.embedded import tokenizer_from_apr

    return tokenizer_from_apr(metadata, path)


def _with_tokenizer_in_apr(metadata: Metadata, tokenizer: Tokenizer | None) -> Metadata:
    from falsifiable.artifacts.tokenizers.embedded import with_tokenizer_in_apr

    return with_tokenizer_in_apr(metadata, tokenizer)


def _no_keys(name: str, _: Metadata) -> tuple[str, ...]:
    raise ValueError(f"{name} cannot be changed: an adapter states nothing about the shape of its base model")


def _updates_of_peft(
    metadata: Metadata, tensors: Mapping[str, TensorInfo], tensor: Callable[[str], Tensor]
) -> Mapping[str, Tensor]:
    from falsifiable.artifacts.formats.low_rank import updates_of_peft

    return updates_of_peft(metadata, tensors, tensor)


def _updates_of_mlx(
    metadata: Metadata, tensors: Mapping[str, TensorInfo], tensor: Callable[[str], Tensor]
) -> Mapping[str, Tensor]:
    from falsifiable.artifacts.formats.low_rank import updates_of_mlx

    return updates_of_mlx(metadata, tensors, tensor)


def _tokenizer_in_gguf(metadata: Metadata, path: Path) -> Tokenizer | None:
    from falsifiable.artifacts.tokenizers.tokenizer import tokenizer_from_gguf

    return tokenizer_from_gguf(metadata, path)


def _with_tokenizer_in_gguf(metadata: Metadata, tokenizer: Tokenizer | None) -> Metadata:
    from falsifiable.artifacts.tokenizers.embedded import with_tokenizer_in_gguf

    return with_tokenizer_in_gguf(metadata, tokenizer)


_HUGGINGFACE = Conventions(
    architecture=_huggingface_architecture,
    config=config_of_huggingface,
    config_keys=huggingface_keys,
    special_id_key=lambda name: f"{name}_token_id",
    architecture_keys=("architectures", "model_type"),
    architecture_value=lambda stored: [stored],
    family_name=lambda family: family.hf_class,
    dialect=lambda _: "huggingface",
)
_PYTORCH = replace(_HUGGINGFACE, config=lambda metadata: config_of_huggingface(metadata, where=""))
_GGUF = Conventions(
    architecture=lambda metadata: architecture_of_gguf(metadata.get("general.architecture")),
    config=config_of_gguf,
    config_keys=gguf_keys,
    special_id_key=lambda name: f"tokenizer.ggml.{ {'pad': 'padding', 'unk': 'unknown'}.get(name, name) }_token_id",
    architecture_keys=("general.architecture",),
    architecture_value=lambda stored: stored,
    family_name=lambda family: family.gguf,
    dialect=lambda _: "gguf",
    embedded_tokenizer=_tokenizer_in_gguf,
    with_embedded_tokenizer=_with_tokenizer_in_gguf,
)
_APR = Conventions(
    architecture=_apr_architecture,
    config=config_of_apr,
    config_keys=apr_keys,
    special_id_key=lambda name: f"tokenizer.{name}_token_id" if name in ("bos", "eos") else None,
    architecture_keys=_APR_ARCHITECTURE_KEYS,
    architecture_value=lambda stored: stored,
    family_name=lambda family: family.hf_class,
    dialect=dialect_of,
    embedded_tokenizer=_tokenizer_in_apr,
    with_embedded_tokenizer=_with_tokenizer_in_apr,
)
_PEFT = Conventions(
    architecture=lambda _: Architecture(),
    config=lambda _: ModelConfig(),
    config_keys=_no_keys,
    special_id_key=lambda _: None,
    architecture_keys=(),
    architecture_value=lambda stored: stored,
    family_name=lambda _: None,
    dialect=lambda _: "huggingface",
    updates=_updates_of_peft,
    adapter=config_of_peft,
)
_MLX = replace(_PEFT, updates=_updates_of_mlx, adapter=config_of_mlx)
_CONVENTIONS: Mapping[str, Conventions] = {
    "gguf": _GGUF,
    "apr": _APR,
    "pytorch": _PYTORCH,
    "peft": _PEFT,
    "mlx": _MLX,
}
