"""Zip archives read strictly: what two loaders could see differently is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.formats.pytorch.zip_reader import read_member, read_zip, verify_member
from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.artifacts.sources.files import SourceFile

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED, *, streamed: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(Unseekable(out) if streamed else out, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """Makes zipfile write sizes behind the data, as torch.save does."""

    def __init__(self, out: io.BytesIO) -> None:
        self.out = out

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        return self.out.write(content)


MEMBERS = {"a/data.pkl": b"N.", "a/data/0": bytes(range(256)) * 4}
WHOLE = archive(MEMBERS)


def opened(content: bytes, folder: Path, limits=DEFAULT_LIMITS):
    path = folder / "a.zip"
    path.write_bytes(content)
    source = SourceFile(path)
    return source, read_zip(source, limits)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_out_as_they_went_in(tmp_path, method, streamed):
    source, members = opened(archive(MEMBERS, method, streamed=streamed), tmp_path)
    assert {name: read_member(source, one) for name, one in members.items()} == MEMBERS


def test_stored_members_lie_where_the_reader_says(tmp_path):
    source, members = opened(WHOLE, tmp_path)
    one = members["a/data/0"]
    assert source.read(one.offset, one.stored_bytes) == MEMBERS["a/data/0"]
    verify_member(source, one)


def test_64_bit_sizes_are_read(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made, made.open("a/data/0", "w", force_zip64=True) as member:
        member.write(b"weights")
    source, members = opened(out.getvalue(), tmp_path)
    assert read_member(source, members["a/data/0"]) == b"weights"


def test_an_archive_beyond_4_gib(tmp_path):
    """The file is sparse: 4 GiB of zeros that take no disk, between a header and a 64-bit directory."""
    size, name = 2**32 + 64, b"a/data/0"
    extra = struct.pack("<2H2Q", 1, 16, size, size)
    header = struct.pack("<4s5H3I2H", LOCAL, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra))
    entry = struct.pack(
        "<4s6H3I5H2I", CENTRAL, 45, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0, 0, 0
    )
    start = len(header + name + extra)
    directory = entry + name + extra
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), start + size)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size + len(directory), 1)
    end = struct.pack("<4s4H2IH", END, 0, 0, 1, 1, len(directory), 2**32 - 1, 0)
    path = tmp_path / "big.zip"
    with path.open("wb") as out:
        out.write(header + name + extra)
        out.seek(start + size)
        out.write(directory + end64 + locator + end)
    member = read_zip(SourceFile(path))["a/data/0"]
    assert (member.offset, member.size) == (start, size)


def altered(at: bytes, offset: int, value: bytes, content: bytes = WHOLE) -> bytes:
    """``content`` with ``value`` written ``offset`` bytes behind the first ``at``."""
    place = content.index(at) + offset
    return content[:place] + value + content[place + len(value) :]


def renamed(old: bytes, new: bytes) -> Callable[[], bytes]:
    return lambda: WHOLE.replace(old, new)


def archive_twice() -> bytes:
    content = archive({"a/data/0": b"one", "a/data/1": b"two"})
    return content.replace(b"a/data/1", b"a/data/0")


# name -> (bytes, kind, what the message says)
BROKEN: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty": (lambda: b"", "unreadable", "0 bytes"),
    "archive of nothing": (lambda: archive({}), "unreadable", "does not begin with a member"),
    "cut": (lambda: WHOLE[:-30], "unreadable", "without its end record"),
    "cut by one": (lambda: WHOLE[:-1], "unreadable", "end record is cut"),
    "prefix junk": (lambda: b"#!/bin/sh\n" + WHOLE, "unreadable", "does not begin with a member"),
    "prefix that looks like a member": (lambda: LOCAL + bytes(96) + WHOLE, "unreadable", "does not end at byte"),
    "two archives": (lambda: WHOLE + WHOLE, "unreadable", "does not end at byte"),
    "two end records": (lambda: WHOLE + WHOLE[-22:], "unreadable", "does not end at byte"),
    "trailing bytes": (lambda: WHOLE + b"junk", "unreadable", "behind the end record"),
    "a comment": (lambda: WHOLE[:-2] + b"\x04\0junk", "unreadable", "a comment"),
    "two end records, one in a comment": (lambda: WHOLE[:-2] + b"\x16\0" + WHOLE[-22:], "unreadable", "end at byte"),
    "encrypted in the header only": (lambda: altered(LOCAL, 6, b"\1"), "unsound", "differ in name, flags"),
    "encrypted in the directory only": (lambda: altered(CENTRAL, 8, b"\1"), "unreadable", "encrypted"),
    "another name in the header": (lambda: altered(LOCAL, 30, b"b"), "unsound", "differ in name, flags"),
    "another method in the header": (lambda: altered(LOCAL, 8, b"\x08"), "unsound", "flags or method"),
    "another size in the header": (lambda: altered(LOCAL, 22, b"\x09"), "unsound", "differ in sizes"),
    "another checksum in the header": (lambda: altered(LOCAL, 14, b"\x09"), "unsound", "checksum of member"),
    "another size in the directory": (lambda: altered(CENTRAL, 24, b"\x09"), "unsound", "two sizes"),
    "size beyond the file": (lambda: altered(CENTRAL, 20, b"\xff\xff\xff\x7f" * 2), "unsound", "reaches into"),
    "size of 64 bits that is not there": (lambda: altered(CENTRAL, 20, b"\xff" * 8), "unsound", "does not state its"),
    "another place in the directory": (lambda: altered(CENTRAL, 42, b"\x04"), "unsound", "belong to no member"),
    "another count": (lambda: altered(END, 8, b"\3\0\3\0"), "unsound", "has 2 members and declares 3"),
    "one of several disks": (lambda: altered(END, 4, b"\1"), "unsound", "one part of several"),
    "an unknown method": (lambda: altered(CENTRAL, 10, b"\x0e"), "unreadable", "method 14"),
    "an absolute name": (renamed(b"a/data/0", b"/etc/pwd"), "unsound", "leads out of it"),
    "a name that goes up": (renamed(b"a/data/0", b"../../00"), "unsound", "leads out of it"),
    "a Windows name that goes up": (renamed(b"a/data/0", b"..\\..\\00"), "unsound", "leads out of it"),
    "a name with a drive": (renamed(b"a/data/0", b"C:\\data0"), "unsound", "leads out of it"),
    "a name with NUL": (renamed(b"a/data/0", b"a/data\0\0"), "unsound", "is called"),
    "a name not UTF-8": (renamed(b"a/data/0", b"a/data\xff0"), "unsound", "not UTF-8"),
    "two of one name": (archive_twice, "unsound", "two members are called"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_archive_is_refused(tmp_path, case):
    make, kind, said = BROKEN[case]
    with pytest.raises(ArtifactError) as caught:
        opened(make(), tmp_path)
    assert (caught.value.kind, said in str(caught.value)) == (kind, True), str(caught.value)


def test_bytes_between_members_are_refused(tmp_path):
    first = archive({"a": b"one"})
    hidden = archive({"h": b"hidden"})[:37]
    place = first.index(CENTRAL)
    content = first[:place] + hidden + first[place:]
    moved = altered(END, 16, struct.pack("<I", place + len(hidden)), content)
    with pytest.raises(ArtifactError, match="belong to no member"):
        opened(moved, tmp_path)


def test_a_bomb_is_refused_unread(tmp_path):
    bomb = archive({"a/data.pkl": bytes(64 * 2**20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtifactError, match=r"inflates .* to 67108864") as caught:
        opened(bomb, tmp_path)
    assert caught.value.kind == "unsound"


def test_a_member_that_inflates_to_more_than_it_says_is_stopped(tmp_path):
    content = archive({"a": bytes(5_000)}, zipfile.ZIP_DEFLATED)
    for place in (content.index(LOCAL) + 22, content.index(CENTRAL) + 24):
        content = content[:place] + struct.pack("<I", 100) + content[place + 4 :]
    source, members = opened(content, tmp_path)
    with pytest.raises(ArtifactError, match="does not inflate to its 100 bytes"):
        read_member(source, members["a"])


def test_a_flipped_bit_is_found(tmp_path):
    source, members = opened(altered(bytes(range(256)), 9, b"\xff"), tmp_path)
    with pytest.raises(ArtifactError, match="CRC-32") as caught:
        verify_member(source, members["a/data/0"])
    assert caught.value.kind == "unsound"
    with pytest.raises(ArtifactError, match="CRC-32"):
        read_member(source, members["a/data/0"])


def test_a_directory_beyond_the_limit_is_refused_unread(tmp_path):
    with pytest.raises(ArtifactError, match="2 members") as caught:
        opened(WHOLE, tmp_path, replace(DEFAULT_LIMITS, zip_members=1))
    assert caught.value.kind == "unreadable"


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_any_changed_byte_gives_an_archive_or_one_error(tmp_path_factory, place, value):
    content = WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :]
    try:
        source, members = opened(content, tmp_path_factory.mktemp("zip"))
        held = {name: read_member(source, one) for name, one in members.items()}
    except ArtifactError:
        return
    # times, versions and attributes may change, and what both headers say together
    assert held == MEMBERS
