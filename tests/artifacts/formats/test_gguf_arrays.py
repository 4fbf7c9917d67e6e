"""Arrays in GGUF metadata: where strings are found, how items are read, and that both ways of finding agree."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy  # noqa: F401  # what is loaded is used: blocks are searched, and not only walked
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.formats.gguf import strings as gguf_strings
from falsifiable.artifacts.formats.gguf.reader import GgufHeader, read_gguf
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import SourceFile

UINT8, INT32, FLOAT32, STRING, ARRAY = 0, 5, 6, 8, 9
FIRST_STRING = 24 + 9 + 4 + 12  # bytes: the fixed header, the key, its type, the head of the array
VOCABULARY = [f"token {index} é" for index in range(5000)]


def array_file(path: Path, kind: int, count: int, content: bytes) -> Path:
    """A GGUF file of one array ``a``, and a number ``b`` behind it that shows where the array ended."""
    behind = struct.pack("<Q1sIB", 1, b"b", UINT8, 7)
    array = struct.pack("<IIQ", ARRAY, kind, count) + content
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + struct.pack("<Q1s", 1, b"a") + array + behind)
    return path


def stored(texts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<Q", len(text)) + text for text in texts)


def strings_file(path: Path, texts: Sequence[str | bytes]) -> Path:
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    return array_file(path, STRING, len(encoded), stored(encoded))


def read(path: Path, limits: Limits = DEFAULT_LIMITS) -> GgufHeader:
    return read_gguf(SourceFile(path), limits)


def outcome(path: Path, limits: Limits = DEFAULT_LIMITS) -> Any:
    """What reading gives: every value as text, or what the error says, where, and of which kind."""
    try:
        metadata = read(path, limits).metadata
        return [str(list(value)) if key == "a" else repr(value) for key, value in metadata.items()]  # type: ignore[call-overload]
    except ArtifactError as fault:
        return fault.message, fault.offset, fault.expected, fault.kind


def test_a_large_vocabulary(tmp_path: Path) -> None:
    header = read(strings_file(tmp_path / "a.gguf", VOCABULARY))
    assert header.metadata["a"] == VOCABULARY
    assert header.metadata["b"] == 7


def test_a_vocabulary_longer_than_one_read(tmp_path: Path) -> None:
    path = strings_file(tmp_path / "a.gguf", VOCABULARY)
    assert outcome(path, Limits(read_block_bytes=1000)) == outcome(path)


# Strings that a search for short ones cannot tell, between some that it can.
ODD = {
    "empty": b"", "of NULs": bytes(9), "beginning with NULs": bytes(20) + b"x", "ending with NULs": b"x" + bytes(20),
    "that looks like another": struct.pack("<Q", 3) + b"abc", "of 255 bytes": b"x" * 255, "of 256 bytes": b"x" * 256,
    "of 65536 bytes": b"y" * 65536, "longer than a block": b"z" * 2**18 + b"end", "of length bytes": b"\x01" * 64,
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("times", [1, 50])
def test_strings_that_break_the_chain(case: str, times: int, tmp_path: Path) -> None:
    ordinary = [text.encode() for text in VOCABULARY]
    texts = [*ordinary[:2500], *[ODD[case]] * times, *ordinary[2500:]]
    array: Any = read(strings_file(tmp_path / "a.gguf", texts)).metadata["a"]
    assert [one.encode() for one in array] == texts


texts = st.one_of(
    st.text(max_size=12).map(str.encode),
    st.binary(max_size=12),
    st.sampled_from([b"", b"\0", bytes(7), bytes(8), bytes(40), b"\x07" + bytes(7) + b"tricked", *ODD.values()]),
    st.integers(250, 260).map(lambda length: b"x" * length),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strings=st.lists(texts, max_size=40) | st.lists(st.sampled_from([b"", b"a", b"token", bytes(8)]), max_size=60),
    more=st.sampled_from([0, 0, 0, -1, 1, 7]),
    block_bytes=st.sampled_from([16, 64, 2**18]),
    read_bytes=st.sampled_from([32, 2**20]),
    damage=st.none() | st.tuples(st.integers(0, 10_000), st.integers(0, 255)),
)
@example(strings=[b"a"] * 40, more=-7, block_bytes=2**18, read_bytes=2**20, damage=None)
@example(strings=[b"a"] * 40, more=0, block_bytes=16, read_bytes=32, damage=(8 * 9 + 7, 255))
def test_searching_blocks_is_the_walk(
    strings: list[bytes],
    more: int,
    block_bytes: int,
    read_bytes: int,
    damage: tuple[int, int] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Any bytes whatever give the same strings, or the same error in the same place."""
    content, count = stored(strings), max(0, len(strings) + more)
    if damage is not None and content:
        place = damage[0] % len(content)
        content = content[:place] + bytes([damage[1]]) + content[place + 1 :]
    path = array_file(tmp_path / "a.gguf", STRING, count, content)
    limits = Limits(read_block_bytes=read_bytes)
    monkeypatch.setattr(gguf_strings, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(gguf_strings, "_FEWEST_FOR_BLOCKS", 0)
    in_blocks = outcome(path, limits)
    monkeypatch.setattr(gguf_strings, "_FEWEST_FOR_BLOCKS", sys.maxsize)
    assert in_blocks == outcome(path, limits)


@pytest.mark.parametrize("length", [2**63, 2**40, 17 * 2**20, 300])
def test_a_wrong_length_is_refused_where_it_stands(length: int, tmp_path: Path) -> None:
    content = bytearray(stored([b"token"] * 5000))
    struct.pack_into("<Q", content, 13 * 4990, length)
    path = array_file(tmp_path / "a.gguf", STRING, 5000, bytes(content))
    with pytest.raises(ArtifactError, match=f"value of 'a': string 4990 of 5000 has {length} bytes") as caught:
        read(path)
    assert caught.value.offset == FIRST_STRING + 13 * 4990
    assert caught.value.kind == "unsound"


def test_a_limit_on_strings_below_what_a_block_can_hold_is_kept(tmp_path: Path) -> None:
    path = strings_file(tmp_path / "a.gguf", VOCABULARY)
    with pytest.raises(ArtifactError, match="string 1000 of 5000 has 13 bytes"):
        read(path, Limits(gguf_string_bytes=12))


def test_a_limit_on_the_header_is_kept(tmp_path: Path) -> None:
    path = strings_file(tmp_path / "a.gguf", VOCABULARY)
    with pytest.raises(ArtifactError, match="a header of more than 50000 bytes"):
        read(path, Limits(gguf_header_bytes=50_000, read_block_bytes=1000))


def test_items_and_slices_are_those_of_a_list(tmp_path: Path) -> None:
    strings: Any = read(strings_file(tmp_path / "a.gguf", VOCABULARY)).metadata["a"]
    numbers: Any = read(
        array_file(tmp_path / "b.gguf", INT32, 5000, struct.pack("<5000i", *range(-2500, 2500)))
    ).metadata["a"]
    for array, items in ((strings, VOCABULARY), (numbers, list(range(-2500, 2500)))):
        assert list(array) == items
        assert (array[0], array[-1], array[4999]) == (items[0], items[-1], items[-1])
        for part in (slice(3), slice(-3, None), slice(4000, 4200), slice(10, 2), slice(None, None, -1), slice(9, 2, -3),
                     slice(0, 5000, 7), slice(6000, 7000)):  # fmt: skip
            assert array[part] == items[part]
        assert items[17] in array
        assert list(reversed(array)) == items[::-1]


def test_an_array_is_equal_to_equal_items_whatever_holds_them(tmp_path: Path) -> None:
    mine: Any = read(strings_file(tmp_path / "a.gguf", VOCABULARY)).metadata["a"]
    same: Any = read(strings_file(tmp_path / "b.gguf", VOCABULARY)).metadata["a"]
    other: Any = read(strings_file(tmp_path / "c.gguf", [*VOCABULARY[:-1], "token 4999 e"])).metadata["a"]
    assert mine == same
    assert mine == VOCABULARY
    assert mine == tuple(VOCABULARY)
    assert mine != other
    assert mine != VOCABULARY[:-1]
    # The same bytes cut elsewhere are other strings.
    assert read(strings_file(tmp_path / "d.gguf", ["ab", "c"])).metadata["a"] != ["a", "bc"]


def test_text_that_is_not_utf8_is_named_by_its_index_and_place(tmp_path: Path) -> None:
    path = strings_file(tmp_path / "a.gguf", [*(text.encode() for text in VOCABULARY[:4500]), b"ok\xff", b"fine"])
    strings: Any = read(path).metadata["a"]
    assert strings[4501] == "fine"
    assert strings[:4500] == VOCABULARY[:4500]
    with pytest.raises(ArtifactError, match="string 4500 of an array is not UTF-8") as caught:
        list(strings)
    assert caught.value.offset == path.read_bytes().index(b"\xff")


def test_no_array_of_any_size_loads_numpy(tmp_path: Path) -> None:
    """Its import takes longer than the walk; what has loaded it already gains from it."""
    path = strings_file(tmp_path / "a.gguf", VOCABULARY)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from falsifiable.artifacts.sources.files import SourceFile\n"
        "from falsifiable.artifacts.formats.gguf.reader import read_gguf\n"
        "array = read_gguf(SourceFile(Path(sys.argv[1]))).metadata['a']\n"
        "sys.exit('numpy' in sys.modules or list(array) != [f'token {index} é' for index in range(5000)])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
