"""A tokenizer that runs, made of what is bound, mutants included."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable import Tokenizer
from falsifiers.partners import tokenizer_file

_SPECIAL_TYPES = (3, 4)  # tokenizer.ggml.token_type of control and user-defined tokens (GGUF specification)


class UnfitTokenizerError(Exception):
    """No tokenizer that runs can be made of what is bound; the message says why."""


class RefusedTokenizerError(Exception):
    """The ``tokenizers`` library refuses what is bound; the message says how."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A tokenizer that runs: text to ids and ids to text, special tokens included; and the form of text it keeps."""

    encode: Callable[[str], Sequence[int]]
    decode: Callable[[Sequence[int]], str]
    composed: Callable[[str], str]


def running(tokenizer: Tokenizer) -> Any:
    """``tokenizer`` as the ``tokenizers`` library runs it: its own tokenizer.json, or one made of what GGUF embeds.

    Tokens and merges of a byte-pair encoder are those of ``tokenizer``, so that a mutant runs as a mutant.

    Raises:
        UnfitTokenizerError: no file, and not of the kind that can be made anew.
        RefusedTokenizerError: the library does not take these tokens and merges.
    """
    from tokenizers import Tokenizer as Library

    file = tokenizer_file(tokenizer)
    if file is None and tokenizer.type != "BPE":
        raise UnfitTokenizerError(f"a {tokenizer.type} tokenizer without tokenizer.json cannot be run here")
    try:
        stored = _byte_level(tokenizer) if file is None else json.loads(Path(os.fspath(file)).read_bytes())
    except FileNotFoundError:
        raise UnfitTokenizerError(f"{file} lies elsewhere, and the library runs files of this machine") from None
    if stored["model"].get("type", "BPE") == "BPE":
        stored["model"] |= _tokens_and_merges(tokenizer, stored["model"].get("vocab", {}))
    try:
        library = Library.from_str(json.dumps(stored))
    except Exception as error:  # the library raises nothing narrower
        raise RefusedTokenizerError(f"tokenizers refuses it: {str(error)[:200]}") from error
    library.no_padding()
    library.no_truncation()
    return library


def runnable(tokenizer: Tokenizer) -> Codec:
    """``tokenizer`` as two functions, which put no token around a text.

    Raises:
        UnfitTokenizerError: as :func:`running`.
        RefusedTokenizerError: as :func:`running`.
    """
    from tokenizers.normalizers import NFC

    library = running(tokenizer)
    return Codec(
        lambda text: library.encode(text, add_special_tokens=False).ids,
        lambda ids: library.decode(ids, skip_special_tokens=False),
        NFC().normalize_str,
    )


def _tokens_and_merges(tokenizer: Tokenizer, vocabulary: dict[str, int]) -> dict[str, Any]:
    added = set(tokenizer.added_tokens.values())
    tokens = {token: row for row, token in enumerate(tokenizer.tokens) if token and _in_model(token, added, vocabulary)}
    merges = [list(halves(merge, tokens) or merge.split(" ", 1)) for merge in tokenizer.merges]
    return {"vocab": tokens, "merges": merges}


def _in_model(token: str, added: set[str], vocabulary: dict[str, int]) -> bool:
    return token not in added or token in vocabulary


def halves(merge: str, tokens: Any) -> tuple[str, str] | None:
    """The two parts of a merge that is written as a text, of which both are tokens; None where there are no such."""
    gaps = [at for at, letter in enumerate(merge) if letter == " "]
    parts = ((merge[:at], merge[at + 1 :]) for at in gaps)
    return next(((left, right) for left, right in parts if left in tokens and right in tokens), None)


def _byte_level(tokenizer: Tokenizer) -> dict[str, Any]:
    """What GGUF calls ``gpt2``: byte-level encoding. How it splits text does not change what comes back."""
    types = tokenizer.token_types or ()
    special = [row for row, kind in enumerate(types) if kind in _SPECIAL_TYPES and row < tokenizer.size]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": row, "content": tokenizer.tokens[row], **flags} for row in special],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        # Special tokens stand here as well, because the library gives one that it does not find a row of its choice.
        "model": {"type": "BPE", "vocab": {tokenizer.tokens[row]: row for row in special}, "merges": []},
    }
