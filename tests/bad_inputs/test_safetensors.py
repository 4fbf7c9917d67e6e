"""Cases 32 to 50: one safetensors file, through ``contract inspect`` in 512 MB."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.artifacts.formats.test_gguf_hostile import WHOLE as GGUF
from tests.artifacts.formats.test_safetensors import BROKEN, ONE, f32, safetensors
from tests.bad_inputs.confined import Done

CASES: Mapping[int, tuple[str, ...]] = {
    32: ("empty", "seven bytes"),
    33: ("length beyond all bounds", "length of 200 MB", "header cut"),
    34: ("duplicate tensor",),
    35: ("duplicate field",),
    36: ("leading white space",),
    37: ("overlap", "hole", "trailing bytes"),
    38: ("two bytes missing", "cut in half"),
    39: ("negative offset", "offset as float", "offset as boolean", "offsets reversed", "three offsets"),
    40: ("shape that overflows", "a million dimensions", "size of another shape"),
    41: ("unknown dtype", "dtype not text", "extra field", "entry not an object"),
    42: ("metadata not an object", "metadata not text", "metadata nested"),
    43: ("empty name", "name with NUL", "name of a megabyte", "name that is a path", "names that look the same"),
    44: ("400,000 empty tensors",),
    48: ("git-lfs pointer",),
    49: ("HTML page",),
}
"""Case -> names in the table of broken files, which says what each must be answered with."""

EXIT = {"unreadable": 2, "unsound": 1}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(case)) for case, names in CASES.items() for name in names]
)
def test_it_is_refused_with_place_and_reason(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    content, kind, said = BROKEN[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    refused(path, EXIT[kind], said)


MORE: Mapping[str, tuple[int, bytes, int, str]] = {
    "a key twice in the metadata": (
        35, safetensors(b'{"__metadata__":{"a":"1","a":"2"}}'), 1, "'a' stands twice"),
    "the metadata twice": (
        35, safetensors(b'{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}'), 1, "'__metadata__' stands twice"),
    "bytes behind the data, shown": (
        37, safetensors(ONE, bytes(8) + b"PK\x03\x04"), 1, "4 bytes after the last tensor, beginning with 50 4b 03 04"),
    "a gzip archive": (49, b"\x1f\x8b\x08\x00" + bytes(60), 2, "a gzip archive"),
    "a 7z archive": (49, b"7z\xbc\xaf\x27\x1c" + bytes(60), 2, "a 7z archive"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(one[0])) for name, one in MORE.items()]
)
def test_it_is_refused(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    _, content, code, said = MORE[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    refused(path, code, said)


@pytest.mark.bad_input(44)
def test_a_million_tensors_without_elements(refused: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entries = ",".join(f'"{one}":{json.dumps(f32(0))}' for one in range(10**6))
    path.write_bytes(safetensors(b"{" + entries.encode() + b"}"))
    done = refused(path, 2, "a header of", "at most")
    assert done.peak_mebibytes < 256


@pytest.mark.bad_input(49)
def test_a_gguf_file_under_this_name_is_read_as_what_it_is(confined: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(GGUF)
    done = confined("inspect", path, "--format", "json")
    assert done.code == 0
    assert json.loads(done.out)["format"] == "gguf"


@pytest.mark.bad_input(33)
def test_a_length_beyond_the_file_names_both_numbers(refused: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    refused(path, 2, "at byte 0: a header of 9223372036854775808 bytes in a file of 10 bytes")
