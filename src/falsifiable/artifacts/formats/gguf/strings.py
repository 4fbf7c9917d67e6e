"""Where the strings of a GGUF array begin: the one long loop of the header reader.

Strings lie one after the other, each as an 8-byte length and its text, so only a walk finds them. Where numpy is
loaded the walk goes over whole blocks at once: a string shorter than 256 bytes shows as seven zero bytes behind its
first length byte, and a place that shows so is taken for a string only if the chain of lengths leads to it. Wherever
the chain breaks (an empty or a long string, zero bytes in a text, a wrong length, the end of what has been read) the
walk goes on string by string, so that both ways find the same starts and refuse the same files in the same words.
"""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.formats.gguf.arrays import LENGTH_BYTES, StringArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from falsifiable.artifacts.formats.gguf.cursor import Cursor

_LONGEST_IN_BLOCK = 255  # bytes of text that a length with seven zero bytes can state
_FEWEST_FOR_BLOCKS = 2048  # below, walking costs less than setting up arrays
_BLOCK_BYTES = 2**18  # stays in the processor's second-level cache with the flags computed from it
_LONG_RUN = 64  # strings; a shorter run costs more than walking over it
_MOST_STEPS = 4096


def locate_strings(cursor: Cursor, count: int) -> StringArray:
    """The array of ``count`` strings that begins where the cursor stands, which then stands behind it.

    No string is decoded. Raises ArtifactError (unsound) for a length beyond the limit or the end of the file.
    """
    cursor.require(LENGTH_BYTES * count)
    first = cursor.position
    starts = array("Q", bytes(8 * (count + 1)))
    if _blocks_pay(cursor, count):
        _walk_in_blocks(cursor, starts, count)
    else:
        _walk(cursor, starts, range(count))
    end = starts[count] = cursor.position
    cursor.position = first
    cursor.need(end - first)
    return StringArray(cursor.content, starts, cursor.source.path)


def _blocks_pay(cursor: Cursor, count: int) -> bool:
    """Whether to search whole blocks. Importing numpy for it would cost more than the walk through any vocabulary."""
    return (
        count >= _FEWEST_FOR_BLOCKS and "numpy" in sys.modules and cursor.limits.gguf_string_bytes >= _LONGEST_IN_BLOCK
    )


def _walk(cursor: Cursor, starts: array[int], indices: range) -> None:
    """Find the strings of these indices one by one, the first of them where the cursor stands."""
    position, count = cursor.position, len(starts) - 1
    read_length = struct.Struct("<Q").unpack_from
    limit, size, available = cursor.limits.gguf_string_bytes, cursor.source.size, cursor.available
    for index in indices:
        if position + LENGTH_BYTES > available:
            cursor.position = position
            cursor.need(LENGTH_BYTES)
            available = cursor.available
        (length,) = read_length(cursor.content, position)
        end = position + LENGTH_BYTES + length
        if length > limit or end > size:
            raise cursor.unsound(
                f"{cursor.reading}: string {index} of {count} has {length} bytes",
                offset=position,
                expected=f"at most {min(limit, max(0, size - position - LENGTH_BYTES))}",
                hint="The file was cut while it was written or downloaded, or a length in it is wrong",
            )
        starts[index] = position
        position = end
    cursor.position = position


def _walk_in_blocks(cursor: Cursor, starts: array[int], count: int) -> None:
    """Find all strings: as many at once as the chain of lengths allows, then a step or more of the plain walk.

    The steps double while runs are short, so that a file made of breaks costs what the plain walk costs.
    """
    import numpy

    block = _Block.at(cursor)
    table = numpy.frombuffer(starts, dtype=numpy.uint64)
    index, steps = 0, 1
    while index < count:
        if cursor.position >= block.end:
            block = _Block.at(cursor)
        run = block.run(cursor.position)[: count - index + 1]
        found = max(0, len(run) - 1)
        if found:
            table[index : index + found] = run[:-1]
            index, cursor.position = index + found, int(run[-1])
        steps = 1 if found >= _LONG_RUN else min(2 * steps, _MOST_STEPS)
        stop = min(index + steps, count)
        _walk(cursor, starts, range(index, stop))
        index = stop


@dataclass(frozen=True, slots=True)
class _Block:
    """A stretch of what has been read: where a short string may begin, and at which of those the chain breaks.

    Positions count from the start of the file. A string at ``candidates[i]`` ends at ``candidates[i + 1]`` unless ``i``
    is among ``breaks``; the last candidate always is.
    """

    end: int
    candidates: NDArray[Any]
    breaks: NDArray[Any]

    @classmethod
    def at(cls, cursor: Cursor) -> _Block:
        """The block that begins where the cursor stands. It holds on to none of the cursor's bytes."""
        import numpy

        begin = cursor.position
        end = max(begin, min(cursor.available, begin + _BLOCK_BYTES))
        content = numpy.frombuffer(cursor.content, dtype=numpy.uint8)[begin:end]
        zero = content[1:] == 0
        zero = zero[:-1] & zero[1:]  # two zero bytes
        zero = zero[:-2] & zero[2:]  # four
        zero = zero[:-3] & zero[3:]  # seven
        places = numpy.flatnonzero(zero)
        ends = places + content[places] + LENGTH_BYTES
        breaks = numpy.append(numpy.flatnonzero(ends[:-1] != places[1:]), len(places) - 1)
        last = int(places[-1]) if len(places) else len(content)
        return cls(begin + max(last, 1), places + begin, breaks)

    def run(self, position: int) -> NDArray[Any]:
        """Where the strings from ``position`` on begin, as far as the chain holds; the last of them is not yet known
        to be whole. Empty where no string shows at ``position``."""
        at = int(self.candidates.searchsorted(position))
        if at == len(self.candidates) or self.candidates[at] != position:
            return self.candidates[:0]
        return self.candidates[at : int(self.breaks[self.breaks.searchsorted(at)]) + 1]
