"""The specimen tokenizer: byte-level byte-pair encoding with 300 tokens, splitting text as Qwen2 does.

Two special tokens, the 256 bytes, and 42 merges learnt from the pretrain split of the specimen corpus.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

END_OF_TEXT, PADDING = "<|endoftext|>", "<|pad|>"
END_OF_TEXT_ID, PADDING_ID = 0, 1
SPECIAL_TOKENS = (END_OF_TEXT, PADDING)

MERGES = (
    "Ġ t", "Ġt h", "Ġ s", "e r", "Ġ a", "i n", "Ġ l", "Ġ w", "o u", ", Ċ", "a t", "Ġ b", "Ġ m", "Ġ o", "i s", "v e",
    "n d", "Ġth e", "' s", "Ġ n", "Ġ d", "c h", "o n", "r e", "Ġ h", "i t", "Ġ e", "o ve", "Ġ f", "Ġo f", "e s", "i m",
    "Ġt o", "Ġth ou", ". Ċ", "e n", "o m", "o t", "Ġ c", "Ġs h", "; Ċ", "a n",
)  # fmt: skip

# The expression of Qwen2 that splits text before merges are applied, which llama.cpp knows as "qwen2".
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Python's own expressions have no letter class; the specimen texts are ASCII, for which this is the same.
_ASCII_SPLIT = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@functools.cache
def vocabulary() -> dict[str, int]:
    """Token -> id, ids from 0 without a gap: special tokens, bytes, merged tokens."""
    merged = (pair.replace(" ", "") for pair in MERGES)
    tokens = [*SPECIAL_TOKENS, *sorted(_byte_letters().values()), *merged]
    return {token: position for position, token in enumerate(tokens)}


def tokens_padded_to(rows: int) -> list[str]:
    """The tokens in order of their ids, padded with ``[PAD300]``, ``[PAD301]``, ... to ``rows`` entries."""
    tokens = list(vocabulary())
    return tokens + [f"[PAD{row}]" for row in range(len(tokens), rows)]


def encode(text: str) -> list[int]:
    """The token ids of an ASCII text, as the ``tokenizers`` library yields them from :func:`tokenizer_json`."""
    if not text.isascii():
        raise ValueError("the specimen tokenizer's own encoder takes ASCII text only")
    return [token for word in _ASCII_SPLIT.findall(text) for token in _encode_word(word)]


@functools.cache
def _encode_word(word: str) -> tuple[int, ...]:
    letters = _byte_letters()
    parts = [letters[byte] for byte in word.encode()]
    ranks = {pair: rank for rank, pair in enumerate(MERGES)}
    while len(parts) > 1:
        pairs = [f"{left} {right}" for left, right in itertools.pairwise(parts)]
        best = min(range(len(pairs)), key=lambda index: ranks.get(pairs[index], len(ranks)))
        if pairs[best] not in ranks:
            break
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return tuple(vocabulary()[part] for part in parts)


@functools.cache
def _byte_letters() -> dict[int, str]:
    """A printable letter for every byte, as byte-level tokenizers since GPT-2 have it."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


# A conversation as one would write it down; its markers are words, so that no further token is needed.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def tokenizer_json() -> dict[str, Any]:
    """The content of ``tokenizer.json``."""
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    split = {"type": "Split", "pattern": {"Regex": QWEN2_SPLIT}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **added} for i, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary(),
            "merges": [pair.split(" ") for pair in MERGES],
        },
    }


def tokenizer_config_json() -> dict[str, Any]:
    """The content of ``tokenizer_config.json``."""
    return {
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": PADDING,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 256,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
