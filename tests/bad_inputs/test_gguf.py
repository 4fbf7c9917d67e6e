"""Cases 56 to 66 and 76: the structure of a GGUF file, through ``contract inspect`` in 512 MB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.artifacts.formats.test_gguf_hostile import (
    ARRAY,
    BROKEN,
    STRING,
    UINT8,
    UINT32,
    array,
    entry,
    gguf,
    text,
    u32,
)
from tests.bad_inputs.confined import Done

CASES: Mapping[int, tuple[str, ...]] = {
    56: ("empty", "magic only", "other magic", "version 1", "version 99", "big-endian"),
    57: ("2^63 tensors", "2^63 key-values"),
    58: ("string of 2^63 bytes", "string beyond the end"),
    59: ("array of 2^63 items", "array of 2^40 items", "array beyond the end", "strings beyond the end"),
    60: ("array of arrays",),
    61: ("value of unknown type", "array of unknown type", "boolean 7", "boolean 7 in array"),
    62: ("duplicate key", "duplicate tensor"),
    63: ("five dimensions", "a million dimensions", "size zero", "sizes that overflow", "sizes that wrap to 4"),
    64: ("unknown element type", "row not whole blocks"),
    65: ("offset unaligned", "offset beyond the end", "overlap", "trailing bytes", "cut in the data", "hole"),
    66: ("alignment 0", "alignment 3", "alignment 2^30", "alignment as text"),
}
EXIT = {"unreadable": 2, "unsound": 1}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(case)) for case, names in CASES.items() for name in names]
)
def test_it_is_refused_with_place_and_reason(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    content, kind, said = BROKEN[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    refused(path, EXIT[kind], said)


@pytest.mark.bad_input(59)
def test_an_array_of_2_to_the_40_items_in_a_file_of_49_bytes(refused: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(entry("a", ARRAY, array(UINT8, 2**40))))
    assert path.stat().st_size == 49
    done = refused(path, 1, "1099511627776")
    assert done.peak_mebibytes < 256


@pytest.mark.bad_input(67)
def test_an_architecture_that_is_not_utf8(refused: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(entry("general.architecture", STRING, text(b"\xff\xfe"))))
    refused(path, 1, "the value of 'general.architecture' is not UTF-8")


@pytest.mark.bad_input(76)
@pytest.mark.parametrize("there", [1, 2])
def test_a_part_of_a_split_model_whose_others_are_absent(
    there: int, refused: Callable[..., Done], tmp_path: Path
) -> None:
    for number in range(1, there + 1):
        part = gguf(entry("split.count", UINT32, u32(3)), entry("split.no", UINT32, u32(number - 1)))
        (tmp_path / f"model-{number:05d}-of-00003.gguf").write_bytes(part)
    refused(tmp_path / "model-00001-of-00003.gguf", 2, f"model-0000{there + 1}-of-00003.gguf")
