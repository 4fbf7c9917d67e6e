"""Tokenizers inside the metadata of a weight file: read from APR, and followed when a model is given another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.errors import ArtifactError

if TYPE_CHECKING:
    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

_GGUF_PREFIX = "tokenizer.ggml."
_APR_PREFIX = "tokenizer."  # the keys of APR are flat: the dot is part of the name


def with_tokenizer_in_gguf(metadata: Mapping[str, object], tokenizer: Tokenizer | None) -> dict[str, object]:
    """GGUF ``metadata`` with the tokens, merges and special ids of ``tokenizer``, or without any tokenizer."""
    if tokenizer is None:
        return _without_tokenizer(metadata)
    told = {
        "tokens": tokenizer.tokens,
        "merges": tokenizer.merges,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "padding_token_id": tokenizer.pad_token_id,
        "unknown_token_id": tokenizer.unk_token_id,
    }
    return _told(metadata, _GGUF_PREFIX, told)


def with_tokenizer_in_apr(metadata: Mapping[str, object], tokenizer: Tokenizer | None) -> dict[str, object]:
    """The same for APR ``metadata``, which has no key for padding and unknown ids."""
    if tokenizer is None:
        return _without_tokenizer(metadata)
    told = {
        "vocabulary": list(tokenizer.tokens),
        "merges": list(tokenizer.merges),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return _told(metadata, _APR_PREFIX, told)


def _without_tokenizer(metadata: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in metadata.items() if not key.startswith("tokenizer.")}


def _told(metadata: Mapping[str, object], prefix: str, told: Mapping[str, object]) -> dict[str, object]:
    changed = {key: value for key, value in metadata.items() if key.removeprefix(prefix) not in told}
    return {**changed, **{prefix + key: value for key, value in told.items() if value is not None}}


def tokenizer_from_apr(metadata: Mapping[str, object], path: Path) -> Tokenizer | None:
    """The tokenizer embedded in APR metadata, or None where no key begins with ``tokenizer.``.

    The format does not name an algorithm; merges are those of byte-pair encoding. A tokenizer that lacks its
    vocabulary has no tokens.

    Raises:
        ArtifactError: of kind ``unsound``, for an entry of another type. A loader that skips such an entry of the
            vocabulary gives every later token another id.
    """
    if not any(key.startswith(_APR_PREFIX) for key in metadata):
        return None
    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

    merges = _texts(metadata, "merges", path)
    return Tokenizer(
        path,
        tokens=_texts(metadata, "vocabulary", path),
        type="BPE" if merges else None,
        merges=merges,
        bos_token_id=_token_id(metadata, "bos_token_id", path),
        eos_token_id=_token_id(metadata, "eos_token_id", path),
        chat_template=_text(metadata, "chat_template", path),
    )


def _texts(metadata: Mapping[str, object], name: str, path: Path) -> list[Any]:
    value = metadata.get(_APR_PREFIX + name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _unsound(path, f"{_APR_PREFIX}{name} is {value!r:.80}", "a list of texts")
    wrong = next((index for index, one in enumerate(value) if not isinstance(one, str)), None)
    if wrong is not None:
        raise _unsound(path, f"{_APR_PREFIX}{name}[{wrong}] is {value[wrong]!r:.80}", "a text in every place")
    return value


def _token_id(metadata: Mapping[str, object], name: str, path: Path) -> int | None:
    value = metadata.get(_APR_PREFIX + name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise _unsound(path, f"{_APR_PREFIX}{name} is {value!r:.80}", "a token id, an integer of at least 0")
    return value


def _text(metadata: Mapping[str, object], key: str, path: Path) -> str | None:
    value = metadata.get(key)
    if value is not None and not isinstance(value, str):
        raise _unsound(path, f"{key} is {value!r:.80}", "a text")
    return value


def _unsound(path: Path, message: str, expected: str) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
