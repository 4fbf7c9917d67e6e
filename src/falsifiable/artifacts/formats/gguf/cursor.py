"""A position in the header of a GGUF file."""

from __future__ import annotations

import struct
from functools import cache
from mmap import mmap

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.files import Source


@cache
def _layout(code: str) -> struct.Struct:
    return struct.Struct("<" + code)


class Cursor:
    """Reads the header ahead in blocks, and never past the end of the file."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.position = 0
        # Reserved, not filled: only pages that are written to take memory, and none ever moves.
        self.content = mmap(-1, max(1, min(source.size, limits.gguf_header_bytes)))
        self.available = 0  # bytes of ``content`` that have been read
        self.reading = "the header"  # what is being read, for messages

    def need(self, count: int) -> int:
        """Make sure that ``count`` bytes lie ahead; the position, which moves past them."""
        start, end = self.position, self.position + count
        if end > self.available:
            self.require(count)
            self._extend(end)
        self.position = end
        return start

    def require(self, count: int) -> None:
        """Raise unless the file has ``count`` bytes more; nothing is read."""
        left = self.source.size - self.position
        if count > left:
            raise self.unsound(
                f"{self.reading} needs {count} bytes, {left} are left",
                hint="The file was cut while it was written or downloaded, or a length in it is wrong",
            )

    def _extend(self, end: int) -> None:
        if end > self.limits.gguf_header_bytes:
            raise ArtifactError(
                self.source.path,
                f"a header of more than {self.limits.gguf_header_bytes} bytes",
                expected=f"at most {self.limits.gguf_header_bytes}",
            )
        block_bytes = self.limits.read_block_bytes
        ahead = min(max(end, self.available + block_bytes), len(self.content))
        for block in self.source.blocks(self.available, ahead - self.available, block_bytes):
            self.content[self.available : self.available + len(block)] = block
            self.available += len(block)

    def unpack(self, code: str) -> int | float:
        """One little-endian number."""
        layout = _layout(code)
        value: int | float = layout.unpack_from(self.content, self.need(layout.size))[0]
        return value

    def count(self) -> int:
        """An unsigned 64-bit count or length."""
        return int(self.unpack("Q"))

    def counts(self, number: int) -> list[int]:
        """Several counts, one after the other."""
        return list(_layout(f"{number}Q").unpack_from(self.content, self.need(8 * number)))

    def text(self, limit_bytes: int) -> str:
        """A length-prefixed UTF-8 string."""
        start = self.position
        length = self.count()
        if length > limit_bytes:
            raise self.unsound(
                f"{self.reading} is a string of {length} bytes", offset=start, expected=f"at most {limit_bytes}"
            )
        begin = self.need(length)
        try:
            return self.content[begin : begin + length].decode()
        except UnicodeDecodeError as fault:
            raise self.unsound(f"{self.reading} is not UTF-8", offset=begin + fault.start) from fault

    def unsound(
        self, message: str, *, offset: int | None = None, expected: str | None = None, hint: str | None = None
    ) -> ArtifactError:
        """The fault at ``offset`` (where the cursor stands, if not given)."""
        place = self.position if offset is None else offset
        return ArtifactError(self.source.path, message, offset=place, expected=expected, hint=hint, kind="unsound")
