"""Reading safetensors files, and refusing broken ones."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from falsifiable.artifacts import ArtifactError, open_model
from falsifiable.artifacts.safety.inspection import inspect_safety


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def f32(elements: int, begin: int = 0, **changed: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [elements], "data_offsets": [begin, begin + 4 * elements], **changed}


ONE = {"weight": f32(2)}
TWO_WITH = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab29\nsize 12345\n"

# name -> (bytes, kind, what the message says)
BROKEN: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "unreadable", "0 of 8 header bytes"),
    "seven bytes": (bytes(7), "unreadable", "7 of 8 header bytes"),
    "length beyond all bounds": (struct.pack("<Q", 2**63) + b"{}", "unreadable", "9223372036854775808 bytes"),
    "length of 200 MB": (struct.pack("<Q", 200_000_000) + b"{}", "unreadable", "200000000 bytes in a file of 10"),
    "git-lfs pointer": (LFS, "unreadable", "Run git lfs pull"),
    "HTML page": (b"<!DOCTYPE html><html>" + bytes(64), "unreadable", "an HTML page"),
    "zip": (b"PK\x03\x04" + bytes(64), "unreadable", "a zip archive"),
    "pickle": (b"\x80\x02}q\x00" + bytes(64), "unsound", "pickle"),
    "git-LFS under another name": (b"version https://git-lfs.github.com/spec/v1\n", "unreadable", "git lfs pull"),
    "APR": (b"APR\0" + bytes(64), "unreadable", "an APR file"),
    "JSON": (b'{"hidden_size": 64, "x": 1}', "unreadable", "a JSON text"),
    "header cut": (safetensors(ONE, bytes(8))[:40], "unsound", "the header is cut: 32 of"),
    "cut in half": (safetensors({"weight": f32(100)}, bytes(200)), "unsound", "missing 200 bytes"),
    "two bytes missing": (safetensors(ONE, bytes(6)), "unsound", "missing 2 bytes: tensor 'weight'"),
    "leading white space": (safetensors(b" " + json.dumps(ONE).encode(), bytes(8)), "unsound", "white space"),
    "not JSON": (safetensors(b"{nonsense}"), "unsound", "at byte 9: not JSON"),
    "not UTF-8": (safetensors(b'{"\xff": 1}'), "unsound", "at byte 10: not UTF-8"),
    "duplicate tensor": (safetensors(TWO_WITH.encode(), bytes(8)), "unsound", "'a' stands twice"),
    "duplicate field": (safetensors(b'{"a":{"dtype":"F32","dtype":"F16"}}'), "unsound", "'dtype' stands twice"),
    "NaN": (safetensors(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'), "unsound", "NaN"),
    "5,000-digit size": (safetensors(b'{"a": ' + b"9" * 5000 + b"}"), "unsound", "5000 digits"),
    "nested too deep": (safetensors(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"), "unsound", "nested deeper"),
    "nested beyond the parser": (safetensors(b'{"a":' + b"[" * 100_000), "unsound", "nested deeper"),
    "metadata not an object": (safetensors({"__metadata__": None}), "unsound", "__metadata__ is not an object"),
    "metadata not text": (safetensors({"__metadata__": {"a": 1}}), "unsound", "__metadata__ has 'a': 1"),
    "metadata nested": (safetensors({"__metadata__": {"a": {}}}), "unsound", "__metadata__ has 'a': {}"),
    "overlap": (safetensors({"a": f32(2), "b": f32(2, 4)}, bytes(12)), "unsound", "'a' and 'b' overlap by 4"),
    "hole": (safetensors({"a": f32(1), "b": f32(1, 8)}, bytes(12)), "unsound", "belong to no tensor (before 'b')"),
    "trailing bytes": (safetensors(ONE, bytes(8) + b"junk"), "unsound", "4 bytes after the last tensor"),
    "negative offset": (safetensors({"a": f32(1, -4)}), "unsound", "data_offsets [-4, 0]"),
    "offset as float": (safetensors({"a": f32(1, data_offsets=[0.0, 4.0])}), "unsound", "data_offsets [0.0, 4.0]"),
    "offset as boolean": (safetensors({"a": f32(1, data_offsets=[False, 4])}), "unsound", "data_offsets [False, 4]"),
    "offsets reversed": (safetensors({"a": f32(1, data_offsets=[4, 0])}, bytes(4)), "unsound", "begin <= end"),
    "three offsets": (safetensors({"a": f32(1, data_offsets=[0, 4, 8])}, bytes(4)), "unsound", "[begin, end]"),
    "size of another shape": (safetensors({"a": f32(2, shape=[3])}, bytes(8)), "unsound", "expected 12 bytes"),
    "shape that overflows": (safetensors({"a": f32(1, shape=[2**62, 8])}, bytes(4)), "unsound", "covers 4 bytes"),
    "a million dimensions": (safetensors({"a": f32(1, shape=[1] * 10**6)}, bytes(4)), "unsound", "at most 16 whole"),
    "unknown dtype": (safetensors({"a": f32(1, dtype="Q4_K")}, bytes(4)), "unsound", "dtype 'Q4_K'"),
    "dtype not text": (safetensors({"a": f32(1, dtype=["F32"])}, bytes(4)), "unsound", "dtype ['F32']"),
    "extra field": (safetensors({"a": f32(1, stride=4)}, bytes(4)), "unsound", "stride"),
    "entry not an object": (safetensors({"a": 7}), "unsound", "tensor 'a' has 7"),
    "empty name": (safetensors({"": f32(0)}), "unsound", "is empty"),
    "name with NUL": (safetensors({"a\0b": f32(0)}), "unsound", "control character"),
    "name of a megabyte": (safetensors({"a" * 2**20: f32(0)}), "unsound", "1048576 bytes"),
    "name that is a path": (safetensors({"../x": f32(0)}), "unsound", "is a path"),
    "name not Unicode": (safetensors(b'{"\\ud800":' + json.dumps(f32(0)).encode() + b"}"), "unsound", "not valid"),
    "names that look the same": (safetensors({"\u00e9": f32(0), "e\u0301": f32(0)}), "unsound", "look the same"),
    "400,000 empty tensors": (safetensors({str(one): f32(0) for one in range(400_000)}), "unreadable", "at most"),
}  # fmt: skip


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580])
def test_a_header_length_that_reads_like_the_start_of_a_pickle(length: int, tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(length)
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header + bytes(4))
    assert path.read_bytes()[0] == 0x80
    assert open_model(path).format == "safetensors"
    assert inspect_safety(path).verdict == "safe"


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    content, kind, said = BROKEN[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        open_model(path)
    assert caught.value.kind == kind
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.bad_input(100, 101)
def test_absent_file_folder_pipe_and_link_to_nothing_are_unreadable(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "dangling.safetensors").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.safetensors").symlink_to(tmp_path / "loop.safetensors")
    reasons = {
        "absent.safetensors": "no such file",
        "dangling.safetensors": "no such file",
        "folder.safetensors": "the folder holds nothing",
        "loop.safetensors": "a loop of symbolic links",
        "pipe.safetensors": "is a named pipe",
    }
    for name, reason in reasons.items():
        with pytest.raises(ArtifactError, match=reason) as caught:
            open_model(tmp_path / name)
        assert caught.value.kind == "unreadable"


def test_reads_what_the_library_wrote(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors: dict[str, Any] = {
        "model.embed_tokens.weight": numpy.arange(12, dtype=numpy.float32).reshape(4, 3),
        "half": numpy.array([0.5, -2.0], dtype=numpy.float16),
        "ids": numpy.array([[1], [2]], dtype=numpy.int64),
        "empty": numpy.empty((0, 7), dtype=numpy.float32),
    }
    save_file(tensors, path, metadata={"format": "pt"})
    model = open_model(path)
    assert model.format == "safetensors"
    assert model.metadata == {"__metadata__.format": "pt"}
    assert model.architecture.stored is None
    assert model.config.hidden_size is None
    assert model.tokenizer is None
    assert model.embedding_rows == 4
    assert model.parameters == 12 + 2 + 2
    assert {name: info.shape for name, info in model.tensors.items()} == {n: t.shape for n, t in tensors.items()}
    for name, expected in tensors.items():
        numpy.testing.assert_array_equal(model.tensor(name).numpy(), expected)


@settings(deadline=None)
@given(bits=st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=40))
def test_bfloat16_is_the_upper_half_of_float32(bits: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bf16") / "model.safetensors"
    header = {"w": {"dtype": "BF16", "shape": [len(bits)], "data_offsets": [0, 2 * len(bits)]}}
    path.write_bytes(safetensors(header, struct.pack(f"<{len(bits)}H", *bits)))
    values = open_model(path).tensor("w").numpy()
    assert values.dtype == numpy.float32
    assert (values.view(numpy.uint32) == numpy.array(bits, dtype=numpy.uint32) << 16).all()


@pytest.mark.parametrize("suffix", ["E4M3", "E5M2", "E8M0"])
def test_eight_bit_floats_are_those_of_torch(suffix: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.safetensors"
    header = {"w": {"dtype": f"F8_{suffix}", "shape": [256], "data_offsets": [0, 256]}}
    path.write_bytes(safetensors(header, bytes(range(256))))
    kind = {"E4M3": torch.float8_e4m3fn, "E5M2": torch.float8_e5m2, "E8M0": torch.float8_e8m0fnu}[suffix]
    expected = torch.arange(256, dtype=torch.uint8).view(kind).to(torch.float32).numpy()
    numpy.testing.assert_array_equal(open_model(path).tensor("w").numpy(), expected)


def test_type_that_cannot_be_decoded_opens_and_says_so_when_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"w": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}, bytes(2)))
    model = open_model(path)
    with pytest.raises(ArtifactError, match="tensor 'w': elements of type F4 cannot be decoded"):
        model.tensor("w").numpy()


@pytest.mark.bad_input(102)
def test_file_that_changes_after_opening_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(ONE, bytes(8)))
    model = open_model(path)
    path.write_bytes(safetensors(ONE, bytes(7)))
    for read in (lambda: model.digest, lambda: model.fingerprints, model.tensor("weight").numpy):
        with pytest.raises(ArtifactError, match="changed while it was read"):
            read()


@pytest.mark.bad_input(102)
def test_file_replaced_after_opening_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(ONE, bytes(8)))
    model = open_model(path)
    other = tmp_path / "other"
    other.write_bytes(safetensors(ONE, b"\xff" * 8))
    other.replace(path)
    assert model.fingerprints["weight"].zero_share == 1.0


@pytest.mark.parametrize("shape", [[0, 2**62], [0, 10**30]])
def test_no_values_in_a_shape_beyond_arrays(shape: list[int], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"w": f32(0, shape=shape)}))
    with pytest.raises(ArtifactError, match="fits into no array"):
        open_model(path).tensor("w").numpy()
