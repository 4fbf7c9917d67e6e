"""Mutations that know a format: what a blind mutation would break before it reaches the code behind."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

Mutate = Callable[[bytes, int], bytes]
"""Bytes and the most bytes wanted -> other bytes."""

Mutator = Callable[[bytes, int, Mutate, int], bytes]
"""Bytes, the most bytes wanted, a blind mutation, a seed -> other bytes."""


def safetensors_header(data: bytes, most: int, mutate: Mutate, seed: int) -> bytes:
    """Mutate the JSON header and give the file the right header length again; every fourth mutation is blind."""
    if len(data) < 8 or seed % 4 == 0:
        return mutate(data, most)
    length = min(struct.unpack_from("<Q", data)[0], len(data) - 8)
    header, rest = data[8 : 8 + length], data[8 + length :]
    changed = mutate(header, max(len(header), most - 8 - len(rest)))
    return struct.pack("<Q", len(changed)) + changed + rest


def apr_checksums(data: bytes, most: int, mutate: Mutate, seed: int) -> bytes:
    """Mutate anywhere and give header and file their right checksums again; every fourth mutation is blind."""
    changed = mutate(data, most)
    if len(changed) < HEADER_BYTES + 4 or seed % 4 == 0:
        return changed
    at = HEADER_BYTES - 24
    head = changed[:at] + struct.pack("<I", zlib.crc32(changed[:at] + bytes(20))) + bytes(20)
    body = head + changed[HEADER_BYTES:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def zip_member(data: bytes, most: int, mutate: Mutate, seed: int) -> bytes:
    """Mutate the content of one member and pack the archive anew, checksums right; every other mutation is blind."""
    if seed % 2 == 0:
        return mutate(data, most)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {one.filename: archive.read(one)[:most] for one in archive.infolist()[:_MOST_MEMBERS]}
        name = sorted(members)[seed // 2 % len(members)]
        members[name] = mutate(members[name], most)
        return _packed(members)
    except Exception:  # noqa: BLE001 - what the library cannot take apart is mutated blindly
        return mutate(data, most)


def _packed(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


HEADER_BYTES = 64
_MOST_MEMBERS = 20

MUTATORS: dict[str, Mutator] = {
    "safetensors": safetensors_header,
    "apr": apr_checksums,
    "zip": zip_member,
    "pytorch": zip_member,
    "safety": zip_member,
}
