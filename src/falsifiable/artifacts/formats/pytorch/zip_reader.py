"""The directory of a zip archive, read strictly: where each member's bytes lie, and that nothing else is there.

Zip states everything twice (APPNOTE 6.3.10: in a header before each member and in the central directory), and loaders
differ in which they believe. Here both must agree, members must follow one another without holes from the first byte
of the file to the directory, and the file must end with the one end-of-directory record.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import Readable, Source

LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_DESCRIPTOR = b"PK\x07\x08"

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
_END_RECORD = struct.Struct("<4s4H2IH")
_END64_RECORD = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_LONGEST_COMMENT = 2**16 - 1
_EXTRA_READ_AHEAD = 128  # PyTorch pads up to 64 bytes in the extra field, to align the data

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_HAS_DESCRIPTOR = 0x0008
_STORED, _DEFLATED = 0, 8
_MEMBER_FLAGS = 0x0006 | _HAS_DESCRIPTOR | 0x0800  # speed of deflate, sizes behind the data, names in UTF-8
_SMALL_BYTES = 2**20  # below it a ratio does no harm


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member: its data lie at ``offset`` and take ``stored_bytes``; inflated it has ``size`` bytes."""

    name: str
    offset: int
    stored_bytes: int
    size: int
    crc32: int
    deflated: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the central directory."""

    name: bytes
    flags: int
    method: int
    crc32: int
    stored_bytes: int
    size: int
    header: int


def read_zip(source: Readable, limits: Limits = DEFAULT_LIMITS) -> Mapping[str, ZipMember]:
    """The members of an archive by name, in the order of their data; no data is read.

    Raises ArtifactError: ``unreadable`` for what is cut, empty or surrounded by other bytes, ``unsound`` where the
    archive contradicts itself, names a path outside it, or would inflate beyond all proportion.
    """
    start, size, count = _directory_place(source)
    if size > limits.zip_directory_bytes or count > limits.zip_members:
        raise ArtifactError(
            source.path,
            f"a zip directory of {count} members in {size} bytes",
            offset=start,
            expected=f"at most {limits.zip_members} members and {limits.zip_directory_bytes} bytes",
        )
    entries = _entries(source, start, size, count)
    _check_names(source, entries, limits)
    members: dict[str, ZipMember] = {}
    end = 0
    for entry in sorted(entries, key=lambda one: one.header):
        member, end = _member(source, entry, end, start)
        _check_ratio(source, member, limits)
        members[member.name] = member
    if end != start:
        raise _inconsistent(source, f"{start - end} bytes before the directory belong to no member", end)
    return members


def read_member(source: Readable, member: ZipMember, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a small member, inflated where it is deflated, and its checksum verified."""
    content = read_unverified(source, member, limits)
    if zlib.crc32(content) != member.crc32:
        raise _wrong_checksum(source, member)
    return content


def read_unverified(source: Readable, member: ZipMember, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a small member whatever its checksum says, as loaders take them."""
    most = limits.zip_inflated_bytes
    if max(member.size, member.stored_bytes) > most:
        raise ArtifactError(
            source.path, f"{member.name} has {member.size} bytes", offset=member.offset, expected=f"at most {most}"
        )
    stored = source.read(member.offset, member.stored_bytes)
    if not member.deflated:
        return stored
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(stored, member.size + 1)
    except zlib.error as fault:
        raise _inconsistent(source, f"{member.name} cannot be inflated ({fault})", member.offset) from fault
    if len(content) != member.size or not inflater.eof or inflater.unused_data:
        raise _inconsistent(source, f"{member.name} does not inflate to its {member.size} bytes", member.offset)
    return content


def verify_member(source: Source, member: ZipMember, limits: Limits = DEFAULT_LIMITS) -> None:
    """Read all of a stored member and compare its checksum. Raises ArtifactError (unsound)."""
    checksum = 0
    for block in source.blocks(member.offset, member.stored_bytes, limits.read_block_bytes):
        checksum = zlib.crc32(block, checksum)
    if checksum != member.crc32:
        raise _wrong_checksum(source, member)


def _directory_place(source: Readable) -> tuple[int, int, int]:
    """Where the central directory begins, its bytes and its members."""
    if source.size < _END_RECORD.size:
        raise _unreadable(source, f"{source.size} bytes", "a zip archive", "The file is empty or was cut")
    if source.read(0, len(LOCAL)) != LOCAL:
        raise _unreadable(
            source, "does not begin with a member of the zip archive", "a zip archive and nothing else", None
        )
    place, record = _end_record(source)
    _, disk, directory_disk, on_disk, count, size, start, _ = record
    if disk or directory_disk or on_disk != count:
        raise _inconsistent(source, "it is one part of several", place)
    end = place
    if place >= _LOCATOR.size and source.read(place - _LOCATOR.size, 4) == _LOCATOR64:
        end, start, size, count = _zip64(source, place, (start, size, count))
    if start + size != end:
        raise _unreadable(
            source,
            f"the zip directory of {size} bytes at byte {start} does not end at byte {end}, where its end record lies",
            "one zip archive, with nothing before, between or behind",
            "The file was joined to another, or cut",
        )
    return start, size, count


def _end_record(source: Readable) -> tuple[int, tuple[int, ...]]:
    """The end-of-directory record, which must be the only one behind the last member."""
    tail_start = max(0, source.size - _END_RECORD.size - _LONGEST_COMMENT)
    place = source.size - _END_RECORD.size
    tail = source.read(place, _END_RECORD.size)
    if not tail.startswith(END) or tail[-2:] != b"\0\0":
        tail = source.read(tail_start, source.size - tail_start)
        found = tail.rfind(END)
        if found < 0:
            hint = "The file was cut while it was written or downloaded"
            raise _unreadable(source, "a zip archive without its end record", "an end-of-directory record", hint)
        place = tail_start + found
        tail = tail[found:]
    if len(tail) < _END_RECORD.size:
        raise _unreadable(source, "a zip archive whose end record is cut", "an end-of-directory record", None)
    record = _END_RECORD.unpack_from(tail)
    if place + _END_RECORD.size + record[-1] != source.size:
        raise _unreadable(source, "bytes behind the end record of the zip archive", "the end of the file", None)
    if record[-1]:
        raise _unreadable(source, "a comment behind the zip archive", "an archive without one", None)
    return place, record


def _zip64(source: Readable, place: int, narrow: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Where the 64-bit end record lies, and the directory's start, size and count in it."""
    _, disk, end, disks = _LOCATOR.unpack(source.read(place - _LOCATOR.size, _LOCATOR.size))
    if end + _END64_RECORD.size != place - _LOCATOR.size or disk or disks > 1:
        raise _inconsistent(source, "its 64-bit end record does not lie before its locator", place - _LOCATOR.size)
    magic, length, _, _, disk, directory_disk, on_disk, count, size, start = _END64_RECORD.unpack(
        source.read(end, _END64_RECORD.size)
    )
    wide = (start, size, count)
    agree = all(
        one in (other, top) for one, other, top in zip(narrow, wide, (2**32 - 1, 2**32 - 1, 2**16 - 1), strict=True)
    )
    if magic != _END64 or length != _END64_RECORD.size - 12 or disk or directory_disk or on_disk != count or not agree:
        raise _inconsistent(source, "its two end records differ", end)
    return end, start, size, count


def _entries(source: Readable, start: int, size: int, count: int) -> list[_Entry]:
    content = source.read(start, size)
    entries: list[_Entry] = []
    position = 0
    while position < size:
        entry, position = _entry(source, content, position, start)
        entries.append(entry)
    if len(entries) != count:
        raise _inconsistent(source, f"its directory has {len(entries)} members and declares {count}", start)
    return entries


def _entry(source: Readable, content: bytes, position: int, start: int) -> tuple[_Entry, int]:
    if content[position : position + 4] != _CENTRAL or position + _CENTRAL_HEADER.size > len(content):
        raise _inconsistent(source, "its directory is cut or holds other bytes", start + position)
    (_, _, _, flags, method, _, _, crc32, stored, size, name_length, extra_length, comment_length, _, _, _, header) = (
        _CENTRAL_HEADER.unpack_from(content, position)
    )
    position += _CENTRAL_HEADER.size
    end = position + name_length + extra_length + comment_length
    if end > len(content):
        raise _inconsistent(source, "its directory is cut", start + position)
    name = content[position : position + name_length]
    extra = content[position + name_length : position + name_length + extra_length]
    stated = {"size": size, "stored": stored, "header": header}
    _widen(source, extra, stated, start + position)
    return _Entry(name, flags, method, crc32, stated["stored"], stated["size"], stated["header"]), end


def _widen(source: Readable, extra: bytes, stated: dict[str, int], place: int) -> None:
    """Replace what stands as 0xFFFFFFFF by the 64-bit values of extra field 1, in their fixed order."""
    wide = [name for name, value in stated.items() if value == 2**32 - 1]
    position = 0
    while wide and position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            if length < 8 * len(wide) or position + 4 + length > len(extra):
                break
            for index, name in enumerate(wide):
                (stated[name],) = struct.unpack_from("<Q", extra, position + 4 + 8 * index)
            return
        position += 4 + length
    if wide:
        raise _inconsistent(source, "a member of more than 4 GiB does not state its size", place)


def _check_names(source: Readable, entries: list[_Entry], limits: Limits) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = _name(source, entry, limits)
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\", "~")) or ".." in parts or ":" in parts[0]:
            raise _inconsistent(source, f"member {name[:80]!a} leads out of it", entry.header)
        if name in seen:
            raise _inconsistent(source, f"two members are called {name[:80]!a}", entry.header)
        seen.add(name)


def _name(source: Readable, entry: _Entry, limits: Limits) -> str:
    if not entry.name or len(entry.name) > limits.tensor_name_bytes or b"\0" in entry.name:
        raise _inconsistent(source, f"a member is called {entry.name[:80]!r}", entry.header)
    try:
        return entry.name.decode()
    except UnicodeDecodeError as fault:
        raise _inconsistent(source, f"the name of member {entry.name[:80]!r} is not UTF-8", entry.header) from fault


def _member(source: Readable, entry: _Entry, expected: int, directory: int) -> tuple[ZipMember, int]:
    """The member of an entry whose header must lie at ``expected``, and where the next must begin."""
    name = entry.name.decode()
    if entry.header != expected:
        raise _inconsistent(
            source, f"bytes {expected} to {entry.header} belong to no member (before {name!a})", expected
        )
    _check_flags(source, entry, name)
    have = source.read(expected, min(_LOCAL_HEADER.size + len(entry.name) + _EXTRA_READ_AHEAD, directory - expected))
    if len(have) < _LOCAL_HEADER.size or have[:4] != LOCAL:
        raise _inconsistent(source, f"there is no header of member {name!a}", expected)
    _, _, flags, method, _, _, crc32, stored, size, name_length, extra_length = _LOCAL_HEADER.unpack_from(have)
    start = expected + _LOCAL_HEADER.size + name_length + extra_length
    if start + entry.stored_bytes > directory:
        raise _inconsistent(source, f"member {name!a} reaches into the directory", expected)
    if name_length + extra_length > len(have) - _LOCAL_HEADER.size:
        have = source.read(expected, start - expected)
    name_end = _LOCAL_HEADER.size + name_length
    if (flags, method, have[_LOCAL_HEADER.size : name_end]) != (entry.flags, entry.method, entry.name):
        raise _inconsistent(
            source, f"header and directory differ in name, flags or method of member {name!a}", expected
        )
    end = start + entry.stored_bytes
    stated = {"size": size, "stored": stored}
    if flags & _HAS_DESCRIPTOR and not (crc32 or size or stored):
        end = _behind_descriptor(source, entry, end, name)
    else:
        _widen(source, have[name_end : name_end + extra_length], stated, expected)
        if (crc32, stated["stored"], stated["size"]) != (entry.crc32, entry.stored_bytes, entry.size):
            raise _inconsistent(
                source, f"header and directory differ in sizes or checksum of member {name!a}", expected
            )
        if flags & _HAS_DESCRIPTOR:
            end = _behind_descriptor(source, entry, end, name)
    return ZipMember(name, start, entry.stored_bytes, entry.size, entry.crc32, entry.method == _DEFLATED), end


def _check_flags(source: Readable, entry: _Entry, name: str) -> None:
    if entry.flags & _ENCRYPTED:
        raise _unreadable(source, f"member {name!a} is marked as encrypted", "members that can be read", None)
    if entry.flags & ~_MEMBER_FLAGS or entry.method not in (_STORED, _DEFLATED):
        message = f"member {name!a} has flags 0x{entry.flags:04x} and method {entry.method}"
        raise _unreadable(source, message, "members stored or deflated", None)
    if entry.method == _STORED and entry.stored_bytes != entry.size:
        raise _inconsistent(source, f"stored member {name!a} has two sizes", entry.header)


def _behind_descriptor(source: Readable, entry: _Entry, start: int, name: str) -> int:
    """The end of the data descriptor at ``start``, which must repeat the directory, with 32 or with 64 bits."""
    have = source.read(start, min(24, source.size - start))
    for layout in (struct.Struct("<4s3I"), struct.Struct("<4sI2Q")):
        if len(have) >= layout.size and layout.unpack_from(have) == (
            _DESCRIPTOR,
            entry.crc32,
            entry.stored_bytes,
            entry.size,
        ):
            return start + layout.size
    raise _inconsistent(source, f"the sizes behind member {name!a} are not those of the directory", start)


def _check_ratio(source: Readable, member: ZipMember, limits: Limits) -> None:
    if member.size > _SMALL_BYTES and member.size > limits.zip_ratio_times * member.stored_bytes:
        raise ArtifactError(
            source.path,
            f"member {member.name!a} inflates {member.stored_bytes} bytes to {member.size}",
            offset=member.offset,
            expected=f"at most {limits.zip_ratio_times} times its size",
            kind="unsound",
        )


def _wrong_checksum(source: Readable, member: ZipMember) -> ArtifactError:
    return ArtifactError(
        source.path,
        f"the bytes of {member.name} are not those that were saved: their CRC-32 is another",
        offset=member.offset,
        expected=f"{member.crc32:08x}",
        hint="The file was damaged or altered after it was written; fetch or save it again",
        kind="unsound",
    )


def _inconsistent(source: Readable, what: str, offset: int) -> ArtifactError:
    return ArtifactError(source.path, f"the zip archive is inconsistent: {what}", offset=offset, kind="unsound")


def _unreadable(source: Readable, what: str, expected: str, hint: str | None) -> ArtifactError:
    return ArtifactError(source.path, what, expected=expected, hint=hint)
