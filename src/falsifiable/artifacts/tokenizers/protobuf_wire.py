"""The wire format of Protocol Buffers, strictly: fields of one message, none of them unpacked further.

A message is a sequence of a varint (field number << 3 | wire type) and a value; the wire types are varint 0, eight
bytes 1, length-delimited 2 and four bytes 5 (protobuf.dev, "Encoding"). Groups, 3 and 4, ended with version 2 of the
language; with them refused, nothing in a message makes a reader recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5

_FIXED_BYTES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
_MOST_VARINT_BYTES = 10  # 64 bits, seven to a byte
_HIGHEST_FIELD = 2**29 - 1

Field = tuple[int, int, int, int]
"""Field number; wire type; the value of a varint, else where the value begins; where it ends."""


def fields_of(content: bytes, start: int, end: int, path: Path) -> Iterator[Field]:
    """The fields of the message in ``content[start:end]``, in their order; offsets count from the start of the file.

    Raises:
        ArtifactError: of kind ``unsound``: a varint or a value that runs beyond the message, a varint beyond 64 bits,
            a group, a wire type or a field number that does not exist.
    """
    place = start
    while place < end:
        begin = place
        tag = content[place]
        place += 1
        if tag > 0x7F:
            tag, place = _varint(content, begin, end, path)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number <= _HIGHEST_FIELD:
            raise _fault(path, begin, f"has the field number {number}", f"1 to {_HIGHEST_FIELD}")
        if wire_type == VARINT:
            value, place = _varint(content, place, end, path)
            yield number, wire_type, value, place
            continue
        if wire_type == BYTES:
            size, place = _varint(content, place, end, path)
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            said = "a group" if wire_type in (3, 4) else f"the wire type {wire_type}"
            raise _fault(path, begin, f"field {number} is {said}", "a varint, bytes or a number of 4 or 8 bytes")
        if size > end - place:
            raise _fault(path, begin, f"field {number} takes {size} bytes, and {end - place} are left")
        yield number, wire_type, place, place + size
        place += size


def _varint(content: bytes, start: int, end: int, path: Path) -> tuple[int, int]:
    value = 0
    for count in range(_MOST_VARINT_BYTES):
        if start + count >= end:
            raise _fault(path, start, "a varint is cut")
        byte = content[start + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >> 64:
                break
            return value, start + count + 1
    raise _fault(path, start, "a varint is longer than 64 bits")


def _fault(path: Path, offset: int, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, offset=offset, expected=expected, kind="unsound")
