"""Broken GGUF files, each as the bytes that break it."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, open_model

UINT8, UINT32, FLOAT32, BOOL, STRING, ARRAY = 0, 4, 6, 7, 8, 9


def text(value: str | bytes, length: int | None = None) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(content) if length is None else length) + content


def entry(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, content: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + content


def tensor(name: str = "w", sizes: Sequence[int] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return (
        text(name)
        + struct.pack("<I", len(sizes))
        + struct.pack(f"<{len(sizes)}Q", *sizes)
        + struct.pack("<IQ", kind, offset)
    )


def gguf(
    *entries: bytes,
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    version: int = 3,
    tensor_count: int | None = None,
    entry_count: int | None = None,
) -> bytes:
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(entries) if entry_count is None else entry_count,
    )
    header = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(entries) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + data if tensors else header


def alignment(kind: int, value: bytes) -> bytes:
    return gguf(entry("general.alignment", kind, value), tensors=[tensor()], data=bytes(32))


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


WHOLE = gguf(entry("general.architecture", STRING, text("llama")), tensors=[tensor()], data=bytes(32))

# name -> (bytes, kind, what the message says)
BROKEN: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "unreadable", "the file is empty"),
    "magic only": (b"GGUF", "unreadable", "magic without a version"),
    "other magic": (b"GGML" + bytes(60), "unreadable", "a GGML file from before GGUF"),
    "version 1": (gguf(version=1), "unreadable", "GGUF version 1"),
    "version 99": (gguf(version=99), "unreadable", "GGUF version 99"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "unreadable", "big-endian GGUF version 3"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "unreadable", "Run git lfs pull"),
    "2^63 tensors": (gguf(tensor_count=2**63), "unreadable", "declares 9223372036854775808 tensors"),
    "2^63 key-values": (gguf(entry_count=2**63), "unreadable", "declares 9223372036854775808 key-values"),
    "counts cut": (gguf()[:12], "unsound", "the count of tensors needs 8 bytes, 4 are left"),
    "more tensors than bytes": (gguf(tensor_count=1000), "unsound", "1000 tensors and 0 key-values need at least"),
    "cut in half": (WHOLE[: len(WHOLE) // 2], "unsound", "the file was cut"),
    "cut in the data": (WHOLE[:-1], "unsound", "missing 1 bytes: tensor 'w' lies at bytes"),
    "string of 2^63 bytes": (gguf(entry("a", STRING, text("x", 2**63))), "unsound", "string of 9223372036854775808"),
    "string beyond the end": (gguf(entry("a", STRING, text("x", 1000))), "unsound", "value of 'a' needs 1000 bytes"),
    "key beyond the end": (gguf(text("x", 60_000) + bytes(16)), "unsound", "the key of key-value 0 needs 60000 bytes"),
    "key too long": (gguf(text("x", 70_000) + bytes(16)), "unsound", "a string of 70000 bytes"),
    "empty key": (gguf(entry("", UINT32, u32(1))), "unsound", "the key of key-value 0 is empty"),
    "text not UTF-8": (gguf(entry("a", STRING, text(b"\xff\xfe"))), "unsound", "the value of 'a' is not UTF-8"),
    "key not UTF-8": (gguf(entry(b"\xff", UINT32, u32(1))), "unsound", "the key of key-value 0 is not UTF-8"),
    "array of 2^63 items": (gguf(entry("a", ARRAY, array(UINT8, 2**63))), "unsound", "9223372036854775808 items"),
    "array of 2^40 items": (gguf(entry("a", ARRAY, array(STRING, 2**40))), "unsound", "array of 1099511627776"),
    "array of 2^63 items in 49 bytes": (  # gguf 0.19 does not return from it
        gguf(entry("a", ARRAY, array(UINT32, 2**63)))[:49], "unsound", "array of 9223372036854775808 items"),
    "array of 2^40 strings in 49 bytes": (
        gguf(entry("a", ARRAY, array(STRING, 2**40)))[:49], "unsound", "array of 1099511627776 items"),
    "arrays nested 3,000 deep": (
        gguf(entry("a", ARRAY, array(ARRAY, 1) * 3000 + array(UINT8, 1, b"1"))), "unsound", "an array of arrays"),
    "architecture not UTF-8": (
        gguf(entry("general.architecture", STRING, text(b"\xff"))), "unsound",
        "value of 'general.architecture' is not UTF-8"),
    "array beyond the end": (gguf(entry("a", ARRAY, array(FLOAT32, 100))), "unsound", "needs 400 bytes, 0 are left"),
    "strings beyond the end": (gguf(entry("a", ARRAY, array(STRING, 100))), "unsound", "needs 800 bytes, 0 are left"),
    "string in array too long": (
        gguf(entry("a", ARRAY, array(STRING, 2, text("x") + text("y", 99)))), "unsound", "string 1 of 2 has 99 bytes"),
    "array of arrays": (gguf(entry("a", ARRAY, array(ARRAY, 1) * 3000)), "unsound", "an array of arrays"),
    "array of unknown type": (gguf(entry("a", ARRAY, array(99, 1, bytes(8)))), "unsound", "an array of type 99"),
    "value of unknown type": (gguf(entry("a", 99, bytes(8))), "unsound", "the value of 'a' has type 99"),
    "boolean 7": (gguf(entry("a", BOOL, b"\x07")), "unsound", "a boolean of value 7"),
    "boolean 7 in array": (gguf(entry("a", ARRAY, array(BOOL, 2, b"\x01\x07"))), "unsound", "value 7 at index 1"),
    "duplicate key": (gguf(entry("a", UINT8, b"1"), entry("a", UINT8, b"2")), "unsound", "the key 'a' stands twice"),
    "duplicate tensor": (
        gguf(tensors=[tensor(), tensor(offset=32)], data=bytes(64)), "unsound", "the tensor 'w' stands twice"),
    "five dimensions": (gguf(tensors=[tensor(sizes=[1] * 5)], data=bytes(32)), "unsound", "5 dimensions"),
    "a million dimensions": (
        gguf(tensors=[text("w") + u32(10**6) + bytes(64)]), "unsound", "1000000 dimensions"),
    "size zero": (gguf(tensors=[tensor(sizes=[8, 0])]), "unsound", "sizes [8, 0]"),
    "sizes that overflow": (
        gguf(tensors=[tensor(sizes=[2**32, 2**32, 4])], data=bytes(32)), "unsound", "1 to 2^63 - 1 elements"),
    "sizes that wrap to 4": (
        gguf(tensors=[tensor(sizes=[2**62 + 1, 4])], data=bytes(32)), "unsound", "1 to 2^63 - 1 elements"),
    "unknown element type": (gguf(tensors=[tensor(kind=250)], data=bytes(32)), "unsound", "element type 250"),
    "retired element type": (gguf(tensors=[tensor(kind=4)], data=bytes(32)), "unsound", "element type 4"),
    "row not whole blocks": (
        gguf(tensors=[tensor(sizes=[8, 4], kind=8)], data=bytes(64)), "unsound", "Q8_0 has rows of 8 elements"),
    "offset unaligned": (gguf(tensors=[tensor(offset=7)], data=bytes(64)), "unsound", "the alignment, 32"),
    "offset beyond the end": (
        gguf(tensors=[tensor(offset=2**40)], data=bytes(32)), "unsound", "belong to no tensor (before 'w')"),
    "overlap": (gguf(tensors=[tensor("a"), tensor("b")], data=bytes(32)), "unsound", "'a' and 'b' overlap by 32 bytes"),
    "hole": (gguf(tensors=[tensor("a"), tensor("b", offset=64)], data=bytes(96)), "unsound", "before 'b'"),
    "trailing bytes": (WHOLE + bytes(1000), "unsound", "1000 bytes after the last tensor"),
    "empty tensor name": (gguf(tensors=[tensor("")], data=bytes(32)), "unsound", "is empty"),
    "tensor name that is a path": (gguf(tensors=[tensor("../w")], data=bytes(32)), "unsound", "is a path"),
    "tensor name too long": (gguf(tensors=[tensor("w" * 65)], data=bytes(32)), "unsound", "a string of 65 bytes"),
    "alignment 0": (alignment(UINT32, u32(0)), "unsound", "general.alignment is 0"),
    "alignment 3": (alignment(UINT32, u32(3)), "unsound", "general.alignment is 3"),
    "alignment 2^30": (alignment(UINT32, u32(2**30)), "unsound", "general.alignment is 1073741824"),
    "alignment 48": (alignment(UINT32, u32(48)), "unsound", "general.alignment is 48"),
    "alignment as a wider number": (
        alignment(10, struct.pack("<Q", 32)), "unsound", "general.alignment has the type UINT64; expected UINT32"),
    "alignment as an array": (alignment(ARRAY, array(UINT32, 1, u32(32))), "unsound", "general.alignment is <1 UINT32"),
    "alignment as text": (alignment(STRING, text("32")), "unsound", "general.alignment is '32'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    content, kind, said = BROKEN[case]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        open_model(path)
    assert caught.value.kind == kind
    assert said.lower() in str(caught.value).lower()


def test_the_file_that_the_broken_ones_are_made_from_opens(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(WHOLE)
    assert list(open_model(path).tensors) == ["w"]
    path.write_bytes(gguf(entry("general.architecture", STRING, text("llama")), version=2))
    assert open_model(path).metadata == {"general.architecture": "llama"}


def test_every_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for length in range(len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        with pytest.raises(ArtifactError) as caught:
            open_model(path)
        assert caught.value.kind == ("unreadable" if length < 8 else "unsound")


@settings(deadline=None)
@given(position=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_model_or_an_artifact_error(
    position: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "model.gguf"
    path.write_bytes(WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :])
    with suppress(ArtifactError):
        model = open_model(path)
        assert list(model.fingerprints) == list(model.tensors)
        assert model.config is not None


def test_semantic_oddities_open(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for value in (entry("general.name", UINT32, u32(1)), entry("general.architecture", UINT32, u32(7))):
        path.write_bytes(gguf(value))
        model = open_model(path)
        assert model.architecture.stored is None
        assert model.config.hidden_size is None


def test_string_of_an_array_that_is_not_utf8_is_an_error_when_it_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(entry("a", ARRAY, array(STRING, 2, text("fine") + text(b"\xff")))))
    strings = open_model(path).metadata["a"]
    assert strings[0] == "fine"  # type: ignore[index]
    with pytest.raises(ArtifactError, match="string 1 of an array is not UTF-8"):
        strings[1]  # type: ignore[index]


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.gguf")
    with pytest.raises(ArtifactError, match="is a named pipe"):
        open_model(tmp_path / "model.gguf")
