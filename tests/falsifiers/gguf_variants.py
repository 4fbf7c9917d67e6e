"""Variants of a GGUF file, broken and harmless, each made from the metadata and tensors of a sound one.

``llama_cpp_verdicts.yaml`` says of each what llama.cpp does with it and which falsifiers see it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from falsifiable.samples import write_gguf

Fields = dict[str, Any]
Tensors = dict[str, np.ndarray]
Content = tuple[Fields, Tensors]

CHANGES: dict[str, Callable[[Fields, Tensors], None]] = {}
"""Variant -> what it does, in place, to the metadata and the tensors before they are written."""
DAMAGES: dict[str, Callable[[bytearray], bytes | bytearray]] = {}
"""Variant -> what it does to the bytes of the file."""

KEY, TOKEN = "qwen2.", "tokenizer.ggml."
HEADS, KEY_VALUE_HEADS = KEY + "attention.head_count", KEY + "attention.head_count_kv"
EPSILON = KEY + "attention.layer_norm_rms_epsilon"
MATRIX, QUERY, KEYS = "blk.1.ffn_up.weight", "blk.1.attn_q.weight", "blk.1.attn_k.weight"


SOUND = "as-it-was"


def change(function: Callable[[Fields, Tensors], None]) -> Callable[[Fields, Tensors], None]:
    """Register a change under its name with dashes."""
    CHANGES[function.__name__.replace("_", "-")] = function
    return function


def damage(function: Callable[[bytearray], bytes | bytearray]) -> Callable[[bytearray], bytes | bytearray]:
    """Register a damage under its name with dashes."""
    DAMAGES[function.__name__.replace("_", "-")] = function
    return function


def write_variant(name: str, path: Path, fields: Fields, tensors: Tensors) -> Path:
    """Write the variant ``name`` of a file of these fields and tensors; neither is changed."""
    fields, tensors = dict(fields), dict(tensors)
    if name in WRITERS:
        WRITERS[name](path, fields, tensors)
        return path
    if name in CHANGES:
        CHANGES[name](fields, tensors)
    write_gguf(path, fields, tensors)
    if name in DAMAGES:
        path.write_bytes(DAMAGES[name](bytearray(path.read_bytes())))
    return path


def _drop(*keys: str) -> Callable[[Fields, Tensors], None]:
    def dropped(fields: Fields, tensors: Tensors) -> None:
        for key in keys:
            del fields[key]

    return dropped


def _set(values: Fields) -> Callable[[Fields, Tensors], None]:
    return lambda fields, tensors: fields.update(values)


def _renamed_architecture(name: str) -> Callable[[Fields, Tensors], None]:
    """Another architecture, the keys of the file under its prefix."""

    def renamed(fields: Fields, tensors: Tensors) -> None:
        moved = {key.replace(KEY, name + ".", 1) if key.startswith(KEY) else key: one for key, one in fields.items()}
        fields.clear()
        fields.update(moved | {"general.architecture": name})

    return renamed


CHANGES |= {
    # The architecture
    "class-name": _set({"general.architecture": "LlamaForCausalLM"}),
    "unknown-architecture": _renamed_architecture("frobnicator"),
    "no-architecture": _drop("general.architecture"),
    "numeric-architecture": _set({"general.architecture": 7}),
    "empty-architecture": _set({"general.architecture": ""}),
    "keys-of-another-architecture": _set({"general.architecture": "llama"}),
    # Sizes
    "no-block-count": _drop(KEY + "block_count"),
    "no-context-length": _drop(KEY + "context_length"),
    "no-embedding-length": _drop(KEY + "embedding_length"),
    "no-feed-forward-length": _drop(KEY + "feed_forward_length"),
    "no-epsilon": _drop(EPSILON),
    "no-head-count": _drop(HEADS),
    "no-key-value-heads": _drop(KEY_VALUE_HEADS),
    "rope-base-as-an-integer": _set({KEY + "rope.freq_base": 10_000}),
    "no-rope-base": _drop(KEY + "rope.freq_base"),
    "text-for-block-count": _set({KEY + "block_count": "four"}),
    "fraction-for-block-count": _set({KEY + "block_count": 4.0}),
    "integer-for-epsilon": _set({EPSILON: 1}),
    "zero-heads": _set({HEADS: 0}),
    "zero-key-value-heads": _set({KEY_VALUE_HEADS: 0}),
    "uneven-share": _set({KEY_VALUE_HEADS: 3}),
    "half-the-heads": _set({HEADS: 7}),
    "key-value-heads-per-layer": _set({KEY_VALUE_HEADS: [2, 2, 2, 2]}),
    "key-value-heads-of-too-few-layers": _set({KEY_VALUE_HEADS: [2, 2]}),
    "heads-of-too-few-layers": _set({HEADS: [14, 14]}),
    "one-layer-more": _set({KEY + "block_count": 5}),
    "one-layer-less": _set({KEY + "block_count": 3}),
    "no-layers": _set({KEY + "block_count": 0}),
    "wider-embedding": _set({KEY + "embedding_length": 256}),
    "narrower-feed-forward": _set({KEY + "feed_forward_length": 447}),
    "another-head-size": _set({KEY + "attention.key_length": 32, KEY + "attention.value_length": 32}),
    "another-rope-dimension": _set({KEY + "rope.dimension_count": 8}),
    "context-of-nothing": _set({KEY + "context_length": 0}),
    "negative-epsilon": _set({EPSILON: -1.0}),
    "zero-rope-base": _set({KEY + "rope.freq_base": 0.0}),
    "rope-scaling-unknown": _set({KEY + "rope.scaling.type": "bogus"}),
    "vocab-size-of-another": _set({KEY + "vocab_size": 4095}),
    "experts": _set({KEY + "expert_count": 8}),
    # The tokenizer
    "no-tokenizer-model": _drop(TOKEN + "model"),
    "unknown-tokenizer-model": _set({TOKEN + "model": "bogus"}),
    "no-tokens": _drop(TOKEN + "tokens"),
    "numbers-for-tokens": _set({TOKEN + "tokens": list(range(4096))}),
    "no-tokens-at-all": _set({TOKEN + "tokens": []}),
    "no-merges": _drop(TOKEN + "merges"),
    "no-token-types": _drop(TOKEN + "token_type"),
    "no-pre": _drop(TOKEN + "pre"),
    "unknown-pre": _set({TOKEN + "pre": "bogus"}),
    "empty-pre": _set({TOKEN + "pre": ""}),
    "numeric-pre": _set({TOKEN + "pre": 3}),
    "no-begin": _drop(TOKEN + "bos_token_id", TOKEN + "add_bos_token"),
    "no-end": _drop(TOKEN + "eos_token_id"),
    "end-outside": _set({TOKEN + "eos_token_id": 999_999}),
    "padding-outside": _set({TOKEN + "padding_token_id": 4096}),
    "text-for-end": _set({TOKEN + "eos_token_id": "0"}),
    "text-for-add-bos": _set({TOKEN + "add_bos_token": "no"}),
    "too-few-types": _set({TOKEN + "token_type": [1] * 4000}),
    "fractions-for-types": _set({TOKEN + "token_type": [1.0] * 4096}),
    "impossible-type": _set({TOKEN + "token_type": [77] * 4096}),
    "too-few-scores": _set({TOKEN + "scores": [0.0] * 10}),
    "integers-for-scores": _set({TOKEN + "scores": [0] * 4096}),
    "numeric-template": _set({"tokenizer.chat_template": 3}),
}  # fmt: skip


@change
def too_few_tokens(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "tokens"] = fields[TOKEN + "tokens"][:-5]
    fields[TOKEN + "token_type"] = fields[TOKEN + "token_type"][:-5]


@change
def one_token_more(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "tokens"] = [*fields[TOKEN + "tokens"], "[PAD4096]"]
    fields[TOKEN + "token_type"] = [*fields[TOKEN + "token_type"], 5]


@change
def a_token_twice(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "tokens"] = [
        *fields[TOKEN + "tokens"][:300],
        fields[TOKEN + "tokens"][301],
        *fields[TOKEN + "tokens"][301:],
    ]


@change
def an_empty_token(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "tokens"] = [*fields[TOKEN + "tokens"][:300], "", *fields[TOKEN + "tokens"][301:]]


@change
def a_byte_token_below_zero(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "tokens"] = [*fields[TOKEN + "tokens"][:300], "<0x-1>", *fields[TOKEN + "tokens"][301:]]
    fields[TOKEN + "token_type"] = [*fields[TOKEN + "token_type"][:300], 6, *fields[TOKEN + "token_type"][301:]]


@change
def a_merge_without_a_space(fields: Fields, tensors: Tensors) -> None:
    fields[TOKEN + "merges"] = ["ab", *fields[TOKEN + "merges"][1:]]


@change
def sentencepiece_tokenizer(fields: Fields, tensors: Tensors) -> None:
    """As Llama 2 has it: three control tokens, one per byte, then pieces with a score each; no merges."""
    pieces = [f"\u2581{row}" for row in range(4096 - 259)]
    for key in ("merges", "pre", "padding_token_id"):
        del fields[TOKEN + key]
    fields |= {
        TOKEN + "model": "llama",
        TOKEN + "tokens": ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces],
        TOKEN + "token_type": [2, 3, 3, *[6] * 256, *[1] * len(pieces)],
        TOKEN + "scores": [0.0] * 259 + [-float(row) for row in range(len(pieces))],
        TOKEN + "bos_token_id": 1,
        TOKEN + "eos_token_id": 2,
        TOKEN + "unknown_token_id": 0,
    }


@change
def sentencepiece_without_scores(fields: Fields, tensors: Tensors) -> None:
    sentencepiece_tokenizer(fields, tensors)
    del fields[TOKEN + "scores"]


@change
def a_byte_token_below_zero_of_sentencepiece(fields: Fields, tensors: Tensors) -> None:
    sentencepiece_tokenizer(fields, tensors)
    fields[TOKEN + "tokens"][3] = "<0x-1>"


@change
def bpe_tokenizer_of_other_tokens(fields: Fields, tensors: Tensors) -> None:
    """Letters and their pairs, without a token for what ends a text but one of its own name."""
    letters = [chr(code) for code in range(33, 127)] + ["\u0120", "\u010a"]
    pairs = [first + second for first in letters for second in letters][: 4096 - len(letters) - 1]
    tokens = ["<end>", *letters, *pairs]
    fields |= {
        TOKEN + "tokens": tokens,
        TOKEN + "token_type": [3] + [1] * (len(tokens) - 1),
        TOKEN + "merges": [f"{pair[0]} {pair[1]}" for pair in pairs],
        TOKEN + "pre": "gpt-2",
        TOKEN + "padding_token_id": 0,
    }


# Tensors


@change
def tensor_missing(fields: Fields, tensors: Tensors) -> None:
    del tensors[MATRIX]


@change
def bias_missing(fields: Fields, tensors: Tensors) -> None:
    del tensors["blk.1.attn_q.bias"]


@change
def all_biases_missing(fields: Fields, tensors: Tensors) -> None:
    for name in [name for name in tensors if name.endswith(".bias")]:
        del tensors[name]


@change
def norm_missing(fields: Fields, tensors: Tensors) -> None:
    del tensors["output_norm.weight"]


@change
def embedding_missing(fields: Fields, tensors: Tensors) -> None:
    del tensors["token_embd.weight"]


@change
def no_tensors(fields: Fields, tensors: Tensors) -> None:
    tensors.clear()


@change
def tensor_extra(fields: Fields, tensors: Tensors) -> None:
    tensors["extra.weight"] = tensors[MATRIX]


@change
def tensor_renamed(fields: Fields, tensors: Tensors) -> None:
    tensors["model.layers.1.mlp.up_proj.weight"] = tensors.pop(MATRIX)


@change
def tensor_transposed(fields: Fields, tensors: Tensors) -> None:
    tensors[MATRIX] = np.ascontiguousarray(tensors[MATRIX].T)


@change
def keys_of_another_width(fields: Fields, tensors: Tensors) -> None:
    tensors[KEYS] = np.concatenate([tensors[KEYS]] * 2)


@change
def embedding_of_more_rows(fields: Fields, tensors: Tensors) -> None:
    tensors["token_embd.weight"] = np.concatenate([tensors["token_embd.weight"], tensors["token_embd.weight"][:64]])


@change
def embedding_of_one_row_less(fields: Fields, tensors: Tensors) -> None:
    tensors["token_embd.weight"] = tensors["token_embd.weight"][:-1]


@change
def output_of_other_rows(fields: Fields, tensors: Tensors) -> None:
    tensors["output.weight"] = tensors["token_embd.weight"][:-1]


@change
def norm_of_half_precision(fields: Fields, tensors: Tensors) -> None:
    for name in [name for name in tensors if name.endswith("norm.weight")]:
        tensors[name] = tensors[name].astype(np.float16)


@change
def bias_of_half_precision(fields: Fields, tensors: Tensors) -> None:
    for name in [name for name in tensors if name.endswith(".bias")]:
        tensors[name] = tensors[name].astype(np.float16)


# What llama.cpp swallows


@change
def nan_in_attention(fields: Fields, tensors: Tensors) -> None:
    tensors[QUERY] = tensors[QUERY].copy()
    tensors[QUERY][3, 5] = np.nan


@change
def nan_in_norm(fields: Fields, tensors: Tensors) -> None:
    tensors["output_norm.weight"] = tensors["output_norm.weight"].copy()
    tensors["output_norm.weight"][5] = np.nan


@change
def nan_in_an_embedding_row(fields: Fields, tensors: Tensors) -> None:
    tensors["token_embd.weight"] = tensors["token_embd.weight"].copy()
    tensors["token_embd.weight"][4000, 5] = np.nan


@change
def infinity_in_a_matrix(fields: Fields, tensors: Tensors) -> None:
    tensors[MATRIX] = tensors[MATRIX].copy()
    tensors[MATRIX][3, 5] = np.inf


@damage
def trailing_junk(content: bytearray) -> bytes:
    return bytes(content) + b"junk" * 250


@damage
def cut_by_100_bytes(content: bytearray) -> bytearray:
    return content[:-100]


@damage
def cut_in_half(content: bytearray) -> bytearray:
    return content[: len(content) // 2]


@damage
def cut_in_the_header(content: bytearray) -> bytearray:
    return content[:1000]


@damage
def cut_in_the_tensor_table(content: bytearray) -> bytearray:
    return content[: bytes(content).index(b"blk.2.attn_q.weight")]


@damage
def empty(content: bytearray) -> bytes:
    return b""


@damage
def other_magic(content: bytearray) -> bytes:
    return b"GGML" + content[4:]


@damage
def version_99(content: bytearray) -> bytes:
    return content[:4] + struct.pack("<I", 99) + content[8:]


@damage
def version_1(content: bytearray) -> bytes:
    return content[:4] + struct.pack("<I", 1) + content[8:]


@damage
def version_big_endian(content: bytearray) -> bytes:
    return content[:4] + struct.pack(">I", 3) + content[8:]


@damage
def more_keys_than_there_are(content: bytearray) -> bytes:
    return content[:16] + struct.pack("<Q", 1000) + content[24:]


@damage
def unknown_tensor_type(content: bytearray) -> bytearray:
    return _in_tensor_entry(content, 24, struct.pack("<I", 250))


@damage
def tensor_offset_unaligned(content: bytearray) -> bytearray:
    return _in_tensor_entry(content, 28, struct.pack("<Q", 7))


@damage
def tensor_offset_beyond_the_end(content: bytearray) -> bytearray:
    return _in_tensor_entry(content, 28, struct.pack("<Q", 2**40))


@damage
def a_key_twice(content: bytearray) -> bytes:
    return bytes(content).replace(b"tokenizer.ggml.bos_token_id", b"tokenizer.ggml.eos_token_id")


def _in_tensor_entry(content: bytearray, behind_name: int, new: bytes) -> bytearray:
    """Bytes of the entry of MATRIX replaced, counted from the end of its name: 4 + 2 * 8 bytes of dimensions, type."""
    at = bytes(content).index(MATRIX.encode()) + len(MATRIX) + behind_name - 4
    content[at : at + len(new)] = new
    return content


# Harmless ones

CHANGES |= {
    SOUND: lambda fields, tensors: None,
    "unknown-keys": _set({"general.made_up": "x", "made.up": [1, 2], "qwen2.made_up": 3}),
    "a-description": _set({"general.description": "x" * 10_000, "general.url": "https://example.org"}),
    "no-name": _drop("general.name"),
    "no-file-type": _drop("general.file_type"),
    "no-quantization-version": _drop("general.quantization_version"),
    "no-vocab-size": _drop(KEY + "vocab_size"),
    "no-rope-dimension": _drop(KEY + "rope.dimension_count"),
    "begin-added": _set({TOKEN + "add_bos_token": True}),
    "a-chat-template": _set({"tokenizer.chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}),
    "no-padding-id": _drop(TOKEN + "padding_token_id"),
    "scores": _set({TOKEN + "scores": [0.0] * 4096}),
    "explicit-head-size": _set({KEY + "attention.key_length": 16, KEY + "attention.value_length": 16}),
    "longer-context": _set({KEY + "context_length": 4096}),
    "rotary-frequencies": lambda fields, tensors: tensors.update({"rope_freqs.weight": np.ones(8, np.float32)}),
    "no-rope-scaling": _set({KEY + "rope.scaling.type": "none"}),
    "unknown-id": _set({TOKEN + "unknown_token_id": 0}),
    "alignment-stated": _set({"general.alignment": 32}),
}


@change
def keys_in_reverse(fields: Fields, tensors: Tensors) -> None:
    turned = dict(reversed(fields.items()))
    fields.clear()
    fields.update(turned)


@change
def tensors_in_reverse(fields: Fields, tensors: Tensors) -> None:
    turned = dict(reversed(tensors.items()))
    tensors.clear()
    tensors.update(turned)


@change
def all_in_float32(fields: Fields, tensors: Tensors) -> None:
    tensors.update({name: values.astype(np.float32) for name, values in tensors.items()})
    fields["general.file_type"] = 0


@change
def output_stored_apart(fields: Fields, tensors: Tensors) -> None:
    tensors["output.weight"] = tensors["token_embd.weight"]


# Written by the library that most exporters use, which knows more types than our own writer

WRITERS: dict[str, Callable[[Path, Fields, Tensors], None]] = {}


def _with_library(
    alignment: int | None = None, quantised: str = "", name: str = ""
) -> Callable[[Path, Fields, Tensors], None]:
    def written(path: Path, fields: Fields, tensors: Tensors) -> None:
        import gguf

        writer = gguf.GGUFWriter(path, fields["general.architecture"])
        if alignment:
            writer.add_custom_alignment(alignment)
        for key, value in fields.items():
            if key != "general.architecture":
                _add(writer, key, value)
        for tensor, values in tensors.items():
            if quantised and values.ndim == 2 and values.shape[1] % 32 == 0:
                kind = gguf.GGMLQuantizationType[quantised]
                writer.add_tensor(tensor, gguf.quants.quantize(values.astype(np.float32), kind), raw_dtype=kind)
            else:
                writer.add_tensor(tensor, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return written


def _add(writer: Any, key: str, value: Any) -> None:
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    kinds.get(type(value), writer.add_array)(key, value)


WRITERS |= {
    "written-by-gguf": _with_library(),
    "alignment-64": _with_library(alignment=64),
    "alignment-4096": _with_library(alignment=4096),
    "q8_0": _with_library(quantised="Q8_0"),
    "q4_0": _with_library(quantised="Q4_0"),
    "q4_1": _with_library(quantised="Q4_1"),
    "q5_0": _with_library(quantised="Q5_0"),
    "bf16": _with_library(quantised="BF16"),
}
