"""Conventions: how the files of a format state what a model is, one entry per way of stating it.

Everything else about a format is its reader's business; a :class:`~falsifiable.artifacts.model.Model` asks only these
questions, so that a further format adds an entry here and no condition anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falsifiable.artifacts.architecture import Architecture, architecture_of_config, architecture_of_gguf
from falsifiable.artifacts.config import (
    ModelConfig,
    config_of_gguf,
    config_of_huggingface,
    gguf_key,
    huggingface_key,
)
from falsifiable.artifacts.naming import Dialect

if TYPE_CHECKING:
    from pathlib import Path

    from falsifiable.artifacts.contents import Format
    from falsifiable.artifacts.tokenizer import Tokenizer

Metadata = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Conventions:
    """How metadata as stored is read, and changed by mutations.

    ``config_key`` gives the stored key of a canonical field, or raises ValueError where the format has none for it;
    ``named`` the metadata that says an architecture; ``dialect`` how tensors of these stored names are named.
    ``embedded_tokenizer`` and ``with_embedded_tokenizer`` are None where a tokenizer lies beside the weights.
    """

    architecture: Callable[[Metadata], Architecture]
    config: Callable[[Metadata], ModelConfig]
    config_key: Callable[[str, Metadata], str]
    named: Callable[[str], Metadata]
    dialect: Callable[[Iterable[str]], Dialect]
    embedded_tokenizer: Callable[[Metadata, Path], Tokenizer | None] | None = None
    with_embedded_tokenizer: Callable[[Metadata, Tokenizer | None], Metadata] | None = None


def conventions_of(model_format: Format) -> Conventions:
    """The conventions that a format keeps to."""
    return _CONVENTIONS.get(model_format, _HUGGINGFACE)


def _huggingface_architecture(metadata: Metadata) -> Architecture:
    classes = metadata.get("architectures")
    first = classes[0] if isinstance(classes, list | tuple) and classes else None
    return architecture_of_config(first, metadata.get("model_type"))


def _tokenizer_in_gguf(metadata: Metadata, path: Path) -> Tokenizer | None:
    from falsifiable.artifacts.tokenizer import tokenizer_from_gguf

    return tokenizer_from_gguf(metadata, path)


def _with_tokenizer_in_gguf(metadata: Metadata, tokenizer: Tokenizer | None) -> Metadata:
    from falsifiable.artifacts.embedded_tokenizer import with_embedded_tokenizer

    return with_embedded_tokenizer(metadata, tokenizer)


_HUGGINGFACE = Conventions(
    architecture=_huggingface_architecture,
    config=config_of_huggingface,
    config_key=huggingface_key,
    named=lambda stored: {"architectures": [stored]},
    dialect=lambda _: "huggingface",
)
_GGUF = Conventions(
    architecture=lambda metadata: architecture_of_gguf(metadata.get("general.architecture")),
    config=config_of_gguf,
    config_key=gguf_key,
    named=lambda stored: {"general.architecture": stored},
    dialect=lambda _: "gguf",
    embedded_tokenizer=_tokenizer_in_gguf,
    with_embedded_tokenizer=_with_tokenizer_in_gguf,
)
_CONVENTIONS: Mapping[str, Conventions] = {"gguf": _GGUF}
