"""APR files: the specimen written as one, what the format can store, and broken ones, each with the reason."""

from __future__ import annotations

import json
import re
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, Model, open_model
from falsifiable.artifacts.limits import Limits
from falsifiable.samples import specimen
from falsifiable.samples.apr_writer import StoredTensor, write_apr
from falsifiable.samples.models import gguf_name
from falsifiers.architecture import heads_consistent
from falsifiers.artifact import sound
from falsifiers.packaging import tensor_inventory
from falsifiers.vocabulary import fits_model


def native_metadata(model: Model) -> dict[str, object]:
    """The metadata that aprender would write for a model: its own keys, and the tokenizer."""
    config, tokenizer = model.config, model.tokenizer
    assert tokenizer is not None
    return {
        "model_type": "qwen2",
        "hf_architecture": model.architecture.stored,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_hidden_layers,
        "num_heads": config.num_attention_heads,
        "num_kv_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.rms_norm_eps,
        "tie_word_embeddings": config.tie_word_embeddings,
        "tokenizer.vocabulary": list(tokenizer.tokens),
        "tokenizer.merges": list(tokenizer.merges),
        "tokenizer.bos_token_id": tokenizer.bos_token_id,
        "tokenizer.eos_token_id": tokenizer.eos_token_id,
    }


@pytest.fixture(scope="module")
def original() -> Any:
    return specimen("model", "trained")


@pytest.fixture(scope="module")
def values(original: Model) -> dict[str, Any]:
    return {name: original.tensor(name).numpy() for name in original.tensors}


@pytest.fixture
def copy(original: Model, values: dict[str, Any], tmp_path: Path) -> Model:
    return open_model(write_apr(tmp_path / "model.apr", native_metadata(original), values))


def test_the_specimen_is_the_same_model_as_an_apr_file(original: Model, copy: Model) -> None:
    assert copy.format == "apr"
    assert copy.architecture == original.architecture
    fields = [name for name in original.config.sources if name != "attention_bias"]
    assert len(fields) >= 11
    assert {name: getattr(copy.config, name) for name in fields} == {
        name: getattr(original.config, name) for name in fields
    }
    assert copy.config.sources["num_key_value_heads"] == "num_kv_heads"
    assert {name: info.shape for name, info in copy.tensors.items()} == {
        name: info.shape for name, info in original.tensors.items()
    }
    assert copy.canonical_names == original.canonical_names
    assert copy.parameters == original.parameters
    assert dict(copy.fingerprints) == dict(original.fingerprints)
    theirs, mine = original.tokenizer, copy.tokenizer
    assert theirs is not None
    assert mine is not None
    assert list(mine.tokens) == list(theirs.tokens)
    assert list(mine.merges) == list(theirs.merges)
    assert (mine.type, mine.bos_token_id, mine.eos_token_id) == ("BPE", theirs.bos_token_id, theirs.eos_token_id)


def test_the_checks_of_a_model_hold_on_it(copy: Model) -> None:
    for verdict in (sound(copy), heads_consistent(copy), tensor_inventory(copy), fits_model(None, copy)):
        assert verdict.outcome == "held", verdict.found


def test_names_may_be_those_of_gguf(original: Model, values: dict[str, Any], tmp_path: Path) -> None:
    renamed = {gguf_name(name): tensor for name, tensor in values.items()}
    model = open_model(write_apr(tmp_path / "model.apr", native_metadata(original), renamed))
    assert set(model.canonical_names) == set(original.canonical_names)
    assert model.canonical_names["layers.0.attention.query"] == "blk.0.attn_q.weight"


def test_names_of_hugging_face_count_where_the_native_key_is_absent(tmp_path: Path) -> None:
    metadata = {"num_key_value_heads": 2, "n_layers": 3, "num_layers": 4, "d_model": 8}
    config = open_model(write_apr(tmp_path / "model.apr", metadata, {})).config
    assert (config.num_key_value_heads, config.num_hidden_layers, config.hidden_size) == (2, 4, 8)
    assert dict(config.sources) == {
        "num_key_value_heads": "num_key_value_heads",
        "num_hidden_layers": "num_layers",
        "hidden_size": "d_model",
    }


@pytest.mark.parametrize(
    ("metadata", "stored", "family", "role"),
    [
        ({"hf_architecture": "Qwen2ForCausalLM", "architecture": "llama"}, "Qwen2ForCausalLM", "qwen2", "decoder"),
        ({"architecture": "qwen2"}, "qwen2", "qwen2", "decoder"),
        ({"architecture": "Mistral", "model_type": "mistral"}, "Mistral", None, None),
        ({"architecture": "command-r"}, "command-r", "cohere", "decoder"),
        ({"hf_architecture": "NonesuchForCausalLM"}, "NonesuchForCausalLM", None, "decoder"),
        ({"hf_model_type": "bert", "model_type": "Custom"}, "bert", "bert", "encoder"),
        ({"model_type": "Custom"}, None, None, None),
        ({"architecture": 7}, None, None, None),
    ],
)
def test_architecture(
    metadata: dict[str, object], stored: str | None, family: str | None, role: str | None, tmp_path: Path
) -> None:
    found = open_model(write_apr(tmp_path / "model.apr", metadata, {})).architecture
    assert (found.stored, found.family, found.role) == (stored, family, role)


def test_mutants_follow(copy: Model) -> None:
    assert copy.with_config(num_key_value_heads=14).metadata["num_kv_heads"] == 14
    assert copy.with_config(head_dim=None).config.head_dim is None
    assert copy.with_architecture("BertModel").architecture.role == "encoder"
    assert copy.tokenizer is not None
    longer = copy.with_tokenizer(copy.tokenizer.with_tokens(302))
    assert len(longer.metadata["tokenizer.vocabulary"]) == 302  # type: ignore[arg-type]
    without = copy.with_tokenizer(None)
    assert not any(key.startswith("tokenizer.") for key in without.metadata)


def test_state_of_the_optimiser_is_listed_and_is_no_part_of_the_model(tmp_path: Path) -> None:
    state = "__training__.optim.model.norm.weight.exp_avg"
    odd = "__training__.embeddings.word_embeddings.weight"
    path = write_apr(tmp_path / "model.ckpt.apr", {}, dict.fromkeys((state, odd, "model.norm.weight"), numpy.ones(3)))
    model = open_model(path)
    assert set(model.tensors) == {state, odd, "model.norm.weight"}
    assert dict(model.canonical_names) == {"final_norm": "model.norm.weight"}


# Element types

PLAIN = {"F32": "float32", "F16": "float16", "F64": "float64", "I32": "int32", "I64": "int64", "I8": "int8"}


@pytest.mark.parametrize("dtype", PLAIN)
def test_plain_types(dtype: str, tmp_path: Path) -> None:
    written = numpy.arange(-3, 3).astype(PLAIN[dtype]).reshape(2, 3)
    tensor = open_model(write_apr(tmp_path / "model.apr", {}, {"a": written})).tensor("a")
    assert tensor.dtype == dtype
    numpy.testing.assert_array_equal(tensor.numpy(), written)


def test_bfloat16(tmp_path: Path) -> None:
    stored = StoredTensor("BF16", (2,), struct.pack("<2H", 0x3F80, 0xC000))
    tensor = open_model(write_apr(tmp_path / "model.apr", {}, {"a": stored})).tensor("a")
    assert tensor.numpy().tolist() == [1.0, -2.0]


def test_apr_q4_has_a_scale_per_32_values_and_the_low_half_of_a_byte_first(tmp_path: Path) -> None:
    steps = bytes(low | (15 - low) << 4 for low in range(16))
    block = numpy.float16(0.5).tobytes() + steps
    interleaved = [step for low in range(16) for step in (low, 15 - low)]
    expected = [(step - 8) * 0.5 for step in interleaved]
    whole = StoredTensor("APR_Q4", (4, 8), block)
    padded = StoredTensor("APR_Q4", (4, 10), block + block)  # 40 values in two blocks; the last 24 are padding
    model = open_model(write_apr(tmp_path / "model.apr", {}, {"whole": whole, "padded": padded}))
    assert model.tensor("whole").numpy().tolist() == numpy.reshape(expected, (4, 8)).tolist()
    assert model.tensor("padded").numpy().reshape(-1).tolist() == expected + expected[:8]
    assert model.fingerprint("padded").maximum == max(expected)


def test_apr_q8_has_one_scale_for_the_whole_tensor(tmp_path: Path) -> None:
    content = struct.pack("<f6b", 0.25, -127, -1, 0, 1, 2, 127)
    tensors = {"a": StoredTensor("APR_Q8", (2, 3), content), "empty": StoredTensor("APR_Q8", (0, 3), b"")}
    model = open_model(write_apr(tmp_path / "model.apr", {}, tensors))
    assert model.tensor("a").numpy().tolist() == [[-31.75, -0.25, 0.0], [0.25, 0.5, 31.75]]
    assert model.tensor("a").numpy().dtype == numpy.float32
    assert (model.fingerprint("a").minimum, model.fingerprint("a").maximum) == (-31.75, 31.75)
    assert model.fingerprint("a").zero_share == 1 / 6
    assert model.tensor("empty").shape == (0, 3)


def test_the_scale_of_a_large_apr_q8_tensor_holds_to_its_end(tmp_path: Path) -> None:
    """A fingerprint is counted in chunks, and only the first bytes of the tensor hold the scale."""
    steps = numpy.ones(300_000, dtype=numpy.int8)
    steps[-1] = 4
    large = StoredTensor("APR_Q8", (300, 1000), struct.pack("<f", 0.5) + steps.tobytes())
    printed = open_model(write_apr(tmp_path / "model.apr", {}, {"a": large})).fingerprint("a")
    assert (printed.minimum, printed.maximum, printed.zero_share) == (0.5, 2.0, 0.0)


@pytest.mark.parametrize("kind", ["Q4_K", "Q6_K"])
def test_matrices_of_q4_k_and_q6_k_have_whole_blocks_in_every_row(kind: str, tmp_path: Path) -> None:
    quants = pytest.importorskip("gguf.quants")
    number = quants.GGMLQuantizationType[kind]
    row_bytes = {"Q4_K": 144, "Q6_K": 210}[kind]
    content = numpy.random.default_rng(0).integers(0, 16, 3 * row_bytes, dtype=numpy.uint8)
    decoded = quants.dequantize(content.reshape(3, row_bytes), number)
    tensors = {
        "whole": StoredTensor(kind, (3, 256), content.tobytes()),
        "rows": StoredTensor(kind, (3, 200), content.tobytes()),
        "vector": StoredTensor(kind, (700,), content.tobytes()),
    }
    model = open_model(write_apr(tmp_path / "model.apr", {}, tensors))
    numpy.testing.assert_array_equal(model.tensor("whole").numpy(), decoded)
    numpy.testing.assert_array_equal(model.tensor("rows").numpy(), decoded[:, :200])
    numpy.testing.assert_array_equal(model.tensor("vector").numpy(), decoded.reshape(-1)[:700])


# Broken files


def apr(
    *entries: bytes,
    data: bytes = b"",
    metadata: bytes = b"{}",
    flags: int = 0x400,
    version: tuple[int, int] = (2, 0),
    **stated: int,
) -> bytes:
    """An APR file whose parts may lie; both checksums are right, so that only the lie is left to be found."""
    index_at = 64 + len(padded(metadata))
    index = b"".join(entries)
    values = {
        "count": len(entries),
        "metadata_at": 64,
        "metadata_bytes": len(metadata),
        "index_at": index_at,
        "data_at": index_at + len(padded(index)),
        **stated,
    }
    head = struct.pack("<4s2BHIQIQQ", b"APR\0", *version, flags, *values.values())
    content = head + struct.pack("<I20x", zlib.crc32(head + bytes(20))) + padded(metadata) + padded(index) + data
    return content + struct.pack("<I", zlib.crc32(content))


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 64)


def entry(
    name: str | bytes = "w", sizes: tuple[int, ...] = (16,), kind: int = 0, offset: int = 0, size: int = 64
) -> bytes:
    text = name.encode() if isinstance(name, str) else name
    numbers = struct.pack(f"<2B{len(sizes)}Q2Q", kind, len(sizes), *sizes, offset, size)
    return struct.pack("<H", len(text)) + text + numbers


def with_header_byte(position: int, value: int) -> bytes:
    return WHOLE[:position] + bytes([value]) + WHOLE[position + 1 :]


WHOLE = apr(entry(), data=bytes(64), metadata=b'{"model_type": "qwen2"}')
TOKENS = b'{"tokenizer.vocabulary": ["a", "b", 12, "c"]}'

# name -> (bytes, kind, what the message says)
BROKEN: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "unreadable", "the file is empty"),
    "magic only": (b"APR\0", "unsound", "4 of 64 header bytes"),
    "version 1": (b"APRN" + bytes(60), "unreadable", "an APR file, version 1 (MessagePack metadata)"),
    "variant APR1": (b"APR1" + bytes(60), "unreadable", "the variant APR1, which aprender names and does not read"),
    "variant APR2": (b"APR2" + bytes(60), "unreadable", "Save or convert the model again with a current aprender"),
    "other magic": (b"GGML" + bytes(60), "unreadable", "a GGML file from before GGUF"),
    "unknown magic": (b"abcd" + bytes(60), "unreadable", "begins with 61 62 63 64"),
    "version 3": (apr(version=(3, 0)), "unreadable", "version 3.0; expected version 2.0"),
    "header changed": (with_header_byte(8, 2), "unsound", "at byte 40: the header gives the checksum"),
    "checksum of the header changed": (with_header_byte(40, 0), "unsound", "at byte 40: the header gives"),
    "compressed with LZ4": (apr(flags=0x401), "unreadable", "0x0401 say that the file is compressed with LZ4"),
    "compressed with ZSTD": (apr(flags=0x402), "unreadable", "compressed with Zstandard"),
    "encrypted": (apr(flags=0x404), "unreadable", "encrypted with AES-GCM"),
    "sharded": (apr(flags=0x410), "unreadable", "one shard of several"),
    "column-major": (apr(flags=0x800), "unsound", "0x0800 say that tensors are column-major"),
    "2^32 - 1 tensors": (apr(count=2**32 - 1), "unreadable", "declares 4294967295 tensors"),
    "2^32 - 1 bytes of metadata": (apr(metadata_bytes=2**32 - 1), "unreadable", "declares 4294967295 bytes of"),
    "more tensors than room": (apr(entry(), data=bytes(64), count=9), "unsound", "need an index of at least 180 bytes"),
    "metadata in the header": (apr(metadata_at=8), "unsound", "the metadata begin at byte 8, before the header ends"),
    "metadata beyond the end": (apr(metadata_at=2**63), "unsound", "at byte 9223372036854775808, in a file of 132"),
    "metadata reaching beyond the end": (apr(metadata_bytes=5000), "unsound", "the metadata end at byte 5064, in a"),
    "index before the metadata end": (apr(index_at=65), "unsound", "index begins at byte 65, before the metadata ends"),
    "index beyond the end": (apr(index_at=2**64 - 1), "unsound", "index begins at byte 18446744073709551615"),
    "data beyond the end": (apr(data_at=10_000), "unsound", "the tensor data begin at byte 10000, in a file of 132"),
    "data before the index": (apr(entry(), data=bytes(64), data_at=64), "unsound", "data begin at byte 64, before"),
    "hole before the index": (apr(index_at=192, data_at=192, data=bytes(128)), "unsound", "bytes 66 to 192 belong to"),
    "metadata not JSON": (apr(metadata=b"{"), "unsound", "at byte 65: not JSON"),
    "metadata empty": (apr(metadata=b""), "unsound", "not JSON"),
    "metadata not UTF-8": (apr(metadata=b'{"a": "\xff"}'), "unsound", "at byte 71: not UTF-8"),
    "metadata a list": (apr(metadata=b"[]"), "unsound", "the metadata are not a JSON object"),
    "metadata with NaN": (apr(metadata=b'{"a": NaN}'), "unsound", "NaN is not a JSON number"),
    "metadata too deep": (apr(metadata=b"[" * 100_000 + b"]" * 100_000), "unsound", "nested deeper than"),
    "duplicate key": (apr(metadata=b'{"a": 1, "a": 2}'), "unsound", "the key 'a' stands twice"),
    "vocabulary with a number": (apr(metadata=TOKENS), "unsound", "tokenizer.vocabulary[2] is 12"),
    "vocabulary a text": (apr(metadata=b'{"tokenizer.vocabulary": "ab"}'), "unsound", "is 'ab'; expected a list of"),
    "merges of pairs": (apr(metadata=b'{"tokenizer.merges": [["a", "b"]]}'), "unsound", "tokenizer.merges[0] is"),
    "special id a text": (apr(metadata=b'{"tokenizer.eos_token_id": "2"}'), "unsound", "eos_token_id is '2'"),
    "special id negative": (apr(metadata=b'{"tokenizer.bos_token_id": -1}'), "unsound", "bos_token_id is -1"),
    "template a number": (
        apr(metadata=b'{"tokenizer.vocabulary": [], "chat_template": 7}'), "unsound", "chat_template is 7"),
    "index cut": (apr(entry(), data=bytes(64), data_at=148), "unsound", "described in 24 bytes more, 15 are left"),
    "name beyond the index": (apr(struct.pack("<H", 500) + bytes(62), count=1), "unsound", "500 bytes more, 62 are"),
    "name not UTF-8": (apr(entry(b"\xff"), data=bytes(64)), "unsound", "tensor 0 has a name that is not UTF-8"),
    "name empty": (apr(entry(""), data=bytes(64)), "unsound", "has a name, '', that is empty"),
    "name a path": (apr(entry("../w"), data=bytes(64)), "unsound", "that is a path"),
    "index not sorted": (
        apr(entry("b"), entry("a", offset=64), data=bytes(128)), "unsound", "not sorted: 'a' comes after 'b'"),
    "duplicate tensor": (
        apr(entry(), entry(offset=64), data=bytes(128)), "unsound", "not sorted: 'w' stands twice"),
    "nine dimensions": (apr(entry(sizes=(1,) * 9)), "unsound", "tensor 'w' has 9 dimensions; expected at most 8"),
    "sizes that overflow": (apr(entry(sizes=(2**63, 2**63))), "unsound", "fewer than 2^63 elements"),
    "sizes that wrap to 16": (apr(entry(sizes=(2**60 + 1, 16)), data=bytes(64)), "unsound", "fewer than 2^63"),
    "unknown element type": (apr(entry(kind=2), data=bytes(64)), "unsound", "tensor 'w' has element type 2"),
    "size and shape disagree": (
        apr(entry(sizes=(17,)), data=bytes(64)), "unsound", "covers 64 bytes; expected 68 for shape [17] of F32"),
    "Q8_0 under a former number": (
        apr(entry(sizes=(32,), kind=8, size=34), data=bytes(64)), "unsound", "expected 18 for shape [32] of APR_Q4"),
    "tensor beyond the data": (apr(entry(offset=64), data=bytes(64)), "unsound", "the data end at 256"),
    "tensor at 2^64 - 1": (apr(entry(offset=2**64 - 1), data=bytes(64)), "unsound", "tensor 'w' lies at bytes"),
    "overlap": (apr(entry("a"), entry("b", offset=4), data=bytes(128)), "unsound", "'a' and tensor 'b' overlap by 60"),
    "hole": (apr(entry("a"), entry("b", offset=128), data=bytes(192)), "unsound", "between tensor 'a' and tensor 'b'"),
    "trailing bytes": (apr(entry(), data=bytes(128)), "unsound", "tensor 'w' and the checksum at the end of the file"),
    "cut in half": (WHOLE[: len(WHOLE) // 2], "unsound", "the file was cut"),
    "cut by a byte": (WHOLE[:-1], "unsound", "tensor 'w' lies at bytes 192 to 256, the data end at 255"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    content, kind, said = BROKEN[case]
    path = tmp_path / "model.apr"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        open_model(path)
    assert said.lower() in str(caught.value).lower()
    assert caught.value.kind == kind


def test_the_file_that_the_broken_ones_are_made_from_opens_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(WHOLE)
    model = open_model(path)
    assert (model.format, list(model.tensors), model.metadata["model_type"]) == ("apr", ["w"], "qwen2")
    assert sound(model).outcome == "held"


def test_limits_are_those_that_are_given(tmp_path: Path) -> None:
    path = tmp_path / "model.apr"
    path.write_bytes(WHOLE)
    for limits, said in (
        (Limits(model_tensors=0), "declares 1 tensors"),
        (Limits(apr_metadata_bytes=8), "declares 23 bytes of metadata"),
        (Limits(apr_index_bytes=8), "a tensor index of 64 bytes"),
    ):
        with pytest.raises(ArtifactError, match=said):
            open_model(path, limits=limits)


def test_every_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.apr"
    for length in range(len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        with pytest.raises(ArtifactError) as caught:
            open_model(path)
        assert caught.value.kind == ("unreadable" if length < 4 else "unsound")


@settings(deadline=None)
@given(position=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_when_the_file_is_opened_or_its_checksum_is_verified(
    position: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "model.apr"
    path.write_bytes(with_header_byte(position, WHOLE[position] ^ (1 << bit)))
    with pytest.raises(ArtifactError):
        open_model(path).verify_checksums()


@settings(deadline=None)
@given(position=st.integers(64, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_model_or_an_artifact_error(
    position: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("changed") / "model.apr"
    path.write_bytes(with_header_byte(position, byte))
    with suppress(ArtifactError):
        model = open_model(path)
        assert list(model.fingerprints) == list(model.tensors)
        assert model.tokenizer is None


def test_a_byte_of_a_tensor_that_changed_falsifies_the_file(copy: Model) -> None:
    """Nothing in the header gives it away: the file opens, and only the checksum of all its bytes is wrong."""
    place = copy.tensors["model.norm.weight"].offset + 2
    content = bytearray(copy.path.read_bytes())
    content[place] ^= 1
    copy.path.write_bytes(content)
    verdict = sound(open_model(copy.path))
    assert verdict.outcome == "falsified"
    assert re.search(r"the bytes give the checksum 0x[0-9a-f]{8}, the file ends with 0x[0-9a-f]{8}", verdict.found)


def test_padding_that_holds_something_falsifies_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.apr"
    path.write_bytes(apr(entry(sizes=(8,), size=32), data=bytes(32) + b"hidden" + bytes(26)))
    verdict = sound(open_model(path))
    assert verdict.outcome == "falsified"
    assert "at byte 224: padding holds 68 69 64 64 65 6e 00 00; expected zeros" in verdict.found


# What a file says about itself is for falsifiers to judge, not for the reader


def test_a_tokenizer_that_is_absent_or_empty(original: Model, values: dict[str, Any], tmp_path: Path) -> None:
    metadata = {key: value for key, value in native_metadata(original).items() if not key.startswith("tokenizer.")}
    without = open_model(write_apr(tmp_path / "without.apr", metadata, values))
    assert without.tokenizer is None
    empty = open_model(write_apr(tmp_path / "empty.apr", {**metadata, "tokenizer.vocabulary": []}, values))
    assert empty.tokenizer is not None
    assert empty.tokenizer.size == 0
    for model in (without, empty):
        verdict = fits_model(None, model)
        assert verdict.outcome != "held"
        assert "0 tokens" in str(verdict.to_json())


def test_metadata_that_tensors_contradict(original: Model, values: dict[str, Any], tmp_path: Path) -> None:
    metadata = {**native_metadata(original), "hidden_size": 112, "head_dim": 8, "num_layers": 3}
    model = open_model(write_apr(tmp_path / "model.apr", metadata, values))
    verdict = tensor_inventory(model)
    assert verdict.outcome == "falsified"
    assert json.dumps(verdict.to_json())
