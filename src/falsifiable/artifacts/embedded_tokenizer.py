"""GGUF metadata that follows when a model is given another tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falsifiable.artifacts.tokenizer import Tokenizer

_PREFIX = "tokenizer.ggml."


def with_embedded_tokenizer(metadata: Mapping[str, object], tokenizer: Tokenizer | None) -> dict[str, object]:
    """``metadata`` with the tokens, merges and special ids of ``tokenizer``, or without any tokenizer."""
    if tokenizer is None:
        return {key: value for key, value in metadata.items() if not key.startswith("tokenizer.")}
    told: dict[str, object] = {
        "tokens": tokenizer.tokens,
        "merges": tokenizer.merges,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "padding_token_id": tokenizer.pad_token_id,
        "unknown_token_id": tokenizer.unk_token_id,
    }
    changed = {key: value for key, value in metadata.items() if key.removeprefix(_PREFIX) not in told}
    return {**changed, **{_PREFIX + key: value for key, value in told.items() if value is not None}}
