"""What llama.cpp needs of the tokenizer inside a GGUF file, and what it takes in silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from falsifiable import Model
from falsifiers.requirements import Fault, is_list_of, shown

_TOKENIZER = "tokenizer.ggml."
_NEWLINE = "<0x0A>"  # what a SentencePiece vocabulary calls the byte of a new line
_WITHOUT_TOKENIZER = ("no_vocab", "none")
_TOKENIZERS = ("gpt2", "llama", "bert", "t5", "rwkv", "plamo2", "gemma4", "hybriddna", *_WITHOUT_TOKENIZER)
_WITH_SCORES = ("llama", "t5")
_BYTE = 6  # tokenizer.ggml.token_type of a token that stands for one byte
_TOKEN_TYPES = range(1, 7)
_BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")
# Every name that the vocabulary of the build above accepts for how text is split before it is merged.
PRE_TOKENIZERS = frozenset(
    {
        "a.x-4.0", "afmoe", "bailingmoe", "bailingmoe2", "bloom", "chameleon", "chatglm-bpe", "codeshell", "command-r",
        "dbrx", "deepseek-coder", "deepseek-llm", "deepseek-r1-qwen", "deepseek-v3", "default", "exaone", "exaone-moe",
        "exaone4", "f2llmv2", "falcon", "falcon-h1", "falcon3", "gemma4", "gigachat", "glm4", "glm5", "gpt-2",
        "gpt-4o", "gpt3-finnish", "granite-docling", "granite-embed-multi-311m", "granite-embed-multi-97m", "grok-2",
        "hunyuan", "hunyuan-dense", "jais", "jais-2", "jina-de", "jina-es", "jina-v1-en", "jina-v2-code", "jina-v2-de",
        "jina-v2-es", "jina-v5-nano", "joyai-llm", "kanana2", "kimi-k2", "kormo", "laguna", "lfm2", "llada-moe",
        "llama-bpe", "llama-v3", "llama3", "llama4", "megrez", "mellum", "mellum2", "midm-2.0", "minerva-7b",
        "minicpm5", "minimax-m2", "mmbert", "modern-bert", "mpt", "olmo", "phi-2", "pixtral", "poro-chat", "qwen2",
        "qwen35", "refact", "roberta-bpe", "sarvam-moe", "seed-coder", "smaug-bpe", "smollm", "solar-open", "spark2_5",
        "stablelm2", "starcoder", "superbpe", "talkie", "tekken", "tiny_aya", "trillion", "ufakzeka", "viking",
        "whitespace", "youtu",
    }
)  # fmt: skip


def tokens(model: Model) -> Iterator[Fault]:
    """The token list is whole and each token is there once."""
    stored: Any = model.metadata.get(_TOKENIZER + "tokens")
    if stored is None:
        yield Fault(f"{_TOKENIZER}tokens is absent", "cannot find tokenizer vocab in model file")
        return
    if not is_list_of(stored, str):
        yield Fault(f"{_TOKENIZER}tokens is no list of texts", f"invalid gguf type for {_TOKENIZER}tokens")
        return
    texts = list(stored)
    twice = next((text for text, times in Counter(texts).items() if times > 1), None)
    if "" in texts:
        yield Fault(f"token {texts.index('')} is an empty text: it makes up a name for it")
    elif twice is not None:
        yield Fault(f"{_TOKENIZER}tokens holds {twice!r} {texts.count(twice)} times",
                    "GGML_ASSERT(id_to_token.size() == token_to_id.size()) failed")  # fmt: skip
    yield from _column_faults(model, texts)
    yield from _byte_faults(model, texts)


def _column_faults(model: Model, texts: list[str]) -> Iterator[Fault]:
    """The lists beside the token list: a type and a score for each token."""
    kind = model.metadata.get(_TOKENIZER + "model")
    for name, item, called in (("token_type", int, "toktypes"), ("scores", float, "scores")):
        key = _TOKENIZER + name
        stored: Any = model.metadata.get(key)
        if stored is None:
            if name == "token_type":
                yield Fault(f"{key} is absent: it takes control tokens for text")
            elif kind in _WITH_SCORES:
                yield Fault(f"{key} is absent: it joins pieces in an order of its own")
        elif not is_list_of(stored, item):
            said = f"invalid gguf type for {key}" if name == "token_type" else ""
            yield Fault(f"{key} is no list of {item.__name__}: it reads the bytes as {item.__name__}", said)
        elif len(stored) < len(texts):
            said = f"Index out of array bounds for {called} ({len(stored)} < {len(texts)})"
            yield Fault(f"{key} has {len(stored)} entries for {len(texts)} tokens", said)
        elif len(stored) > len(texts):
            yield Fault(f"{key} has {len(stored)} entries for {len(texts)} tokens: it ignores the rest")


def _byte_faults(model: Model, texts: list[str]) -> Iterator[Fault]:
    types: Any = model.metadata.get(_TOKENIZER + "token_type")
    if not is_list_of(types, int):
        return
    kinds = list(types)[: len(texts)]
    odd = next((row for row, kind in enumerate(kinds) if kind not in _TOKEN_TYPES), None)
    if odd is not None:
        yield Fault(f"{_TOKENIZER}token_type of token {odd} is {kinds[odd]}, expected 1 to 6: it prints nothing for it")
    wrong = next(
        (row for row, kind in enumerate(kinds) if kind == _BYTE and not _BYTE_TOKEN.fullmatch(texts[row])), None
    )
    if wrong is not None:
        yield Fault(f"token {wrong} stands for a byte and reads {texts[wrong]!r}, expected <0x00> to <0xFF>: it reads "
                    "outside its table of bytes")  # fmt: skip


def splitting(model: Model) -> Iterator[Fault]:
    """The rules by which text becomes tokens: kind, splitting rule, merges, and the token that begins a text."""
    kind, listed = model.metadata.get(_TOKENIZER + "model"), model.metadata.get(_TOKENIZER + "tokens")
    if isinstance(kind, str) and kind not in _TOKENIZERS:
        yield Fault(f"{_TOKENIZER}model is {kind!r}", f"unknown tokenizer: '{kind}'")
    elif kind in _WITHOUT_TOKENIZER:
        yield Fault(f"{_TOKENIZER}model is {kind!r}, a file without tokenizer", "Tokenizer not initialized")
    if kind == "gpt2":
        yield from _merge_faults(model.metadata.get(_TOKENIZER + "merges"))
        pre = model.metadata.get(_TOKENIZER + "pre")
        if pre is None or pre == "":
            yield Fault(f"{_TOKENIZER}pre is absent: it splits text by a default of its own")
        elif isinstance(pre, str) and pre not in PRE_TOKENIZERS:
            yield Fault(f"{_TOKENIZER}pre is {pre!r}", f"unknown pre-tokenizer type: '{pre}'")
    begins = model.metadata.get(_TOKENIZER + "add_bos_token") is not False
    if kind == "llama" and is_list_of(listed, str) and _NEWLINE not in listed:
        yield Fault(f"no token is {_NEWLINE}", "SPM vocabulary, but newline token not found")
    if begins and _TOKENIZER + "bos_token_id" not in model.metadata:
        yield Fault(f"{_TOKENIZER}bos_token_id is absent, and add_bos_token does not say that none is wanted: "
                    "it takes an id of its own")  # fmt: skip
    template = model.metadata.get("tokenizer.chat_template")
    if template is not None and not isinstance(template, str):
        yield Fault(f"tokenizer.chat_template is {shown(template)}, no text: it takes a template of its own")


def _merge_faults(merges: Any) -> Iterator[Fault]:
    key = _TOKENIZER + "merges"
    if merges is None:
        yield Fault(f"{key} is absent", "cannot find tokenizer merges in model file")
    elif not is_list_of(merges, str):
        yield Fault(f"{key} is no list of texts", f"invalid gguf type for {key}")
    elif not len(merges):
        yield Fault(f"{key} is empty: text falls apart into bytes")
    else:
        odd = next((place for place, one in enumerate(merges) if " " not in one[1:]), None)
        if odd is not None:
            yield Fault(
                f"merge {odd} is {merges[odd]!r}, expected two tokens with a space between: it never merges them"
            )
