"""Compiled loops that count float values at the speed of memory, and the bytes of a block by value.

The only module with numba at its top, and only ``statistics`` imports it, late: numba keeps what it compiled on disk
for functions at the top of a module and for no others. It keeps it beside this file, or in the user's cache folder
where that cannot be written; where neither can, each process compiles anew.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy

from falsifiable.artifacts.fingerprints.statistics import Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_ELEMENTS = 2**11  # 16 KiB of float64 differences, 8 KiB of float32 and the stored bytes: a first-level cache

# Places in the running totals of a tensor: whole numbers, and float64.
_ELEMENTS, _FINITE, _ZEROS, _FIRST_NONFINITE, _LOWEST, _HIGHEST = range(6)
_ORIGIN, _MEAN, _SQUARES = range(3)

# Sums may be taken in any order, so that they run in parallel lanes; nothing is assumed about what is not finite.
_ANY_ORDER = {"reassoc", "contract", "nsz"}

# Float16 bits are moved into a float32 without correcting the exponent bias, 127 - 15: all results are off by 2^-112.
_FLOAT16_SCALE = 2.0**112


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, compiled on its first call or read from disk, that runs without the interpreter's lock."""
    compiled: Any = numba.njit(nogil=True, fastmath=_ANY_ORDER)(function)
    with contextlib.suppress(RuntimeError):  # no folder can be written
        compiled.enable_caching()
    ready: Callable[..., Any] = compiled
    return ready


@_compiled
def _look_over(bits: Any, magnitude: Any) -> Any:
    """The lowest and the highest sort key of float bit patterns, and how many are zeros of either sign."""
    kind = bits.dtype.type  # the casts keep the loop at the width of the elements
    lowest, highest, zeros = magnitude, kind(~magnitude), kind(0)
    for index in range(bits.size):
        pattern = bits[index]
        key = kind(pattern ^ kind(kind(pattern >> 63) & magnitude))
        lowest = key if key < lowest else lowest  # min() would not run in parallel lanes
        highest = key if key > highest else highest
        zeros = kind(zeros + kind(kind(pattern & magnitude) == kind(0)))
    return lowest, highest, zeros


@_compiled
def _keep_finite(bits: Any, magnitude: Any, infinity: Any, kept: Any, counts: Any) -> Any:
    """Copy finite patterns to the front of ``kept``; return how many they are."""
    count = 0
    for index in range(bits.size):
        if (bits[index] & magnitude) < infinity:
            kept[count] = bits[index]
            count += 1
        elif counts[_FIRST_NONFINITE] < 0:
            counts[_FIRST_NONFINITE] = counts[_ELEMENTS] + index
    return count


@_compiled
def _finite_block(bits: Any, magnitude: Any, infinity: Any, kept: Any, counts: Any) -> Any:
    """Count a block and return its finite patterns: the block itself if they all are."""
    lowest, highest, zeros = _look_over(bits, magnitude)
    block = bits
    if highest >= infinity or lowest <= ~infinity:
        block = kept[: _keep_finite(bits, magnitude, infinity, kept, counts)]
        lowest, highest, zeros = _look_over(block, magnitude)
    counts[_ELEMENTS] += bits.size
    counts[_ZEROS] += zeros
    counts[_LOWEST] = min(counts[_LOWEST], lowest)
    counts[_HIGHEST] = max(counts[_HIGHEST], highest)
    return block


@_compiled
def _differences(values: Any, origin: Any, differences: Any) -> Any:
    """Fill in how far each value is from ``origin``; return the sum."""
    total = 0.0
    for index in range(values.size):
        difference = numpy.float64(values[index]) - origin
        differences[index] = difference
        total += difference
    return total


@_compiled
def _squares(differences: Any, mean: Any) -> Any:
    """The sum of squares around ``mean``."""
    total = 0.0
    for index in range(differences.size):
        deviation = differences[index] - mean
        total += deviation * deviation
    return total


@_compiled
def _add_values(values: Any, differences: Any, sums: Any, counts: Any) -> None:
    """Combine finite values with the totals, by Chan's formula."""
    added, before = values.size, counts[_FINITE]
    if added == 0:
        return
    if before == 0:
        sums[_ORIGIN] = values[0]
    mean = _differences(values, sums[_ORIGIN], differences) / added
    squares = _squares(differences[:added], mean)
    counts[_FINITE] = before + added
    share = added / (before + added)
    difference = mean - sums[_MEAN]
    sums[_MEAN] += difference * share
    sums[_SQUARES] += squares + difference * (before * share) * difference


@_compiled
def _widen_bfloat16(bits: Any, wide: Any) -> None:
    for index in range(bits.size):
        wide[index] = numpy.int32(bits[index]) << numpy.int32(16)


@_compiled
def _widen_float16(bits: Any, wide: Any) -> None:
    """As float32 of 2^-112 times the value; see ``_FLOAT16_SCALE``."""
    for index in range(bits.size):
        pattern = numpy.int32(bits[index])  # the sign fills the upper half
        magnitude = numpy.int32(pattern << numpy.int32(13)) & numpy.int32(0x0FFFFFFF)
        wide[index] = magnitude | (pattern & numpy.int32(-0x80000000))


@_compiled
def _count_bfloat16(bits: Any, magnitude: Any, infinity: Any, sums: Any, counts: Any) -> None:
    kept, wide = numpy.empty(BLOCK_ELEMENTS, numpy.int16), numpy.empty(BLOCK_ELEMENTS, numpy.int32)
    differences, values = numpy.empty(BLOCK_ELEMENTS, numpy.float64), wide.view(numpy.float32)
    for start in range(0, bits.size, BLOCK_ELEMENTS):
        block = _finite_block(bits[start : start + BLOCK_ELEMENTS], magnitude, infinity, kept, counts)
        _widen_bfloat16(block, wide)
        _add_values(values[: block.size], differences, sums, counts)


@_compiled
def _count_float16(bits: Any, magnitude: Any, infinity: Any, sums: Any, counts: Any) -> None:
    kept, wide = numpy.empty(BLOCK_ELEMENTS, numpy.int16), numpy.empty(BLOCK_ELEMENTS, numpy.int32)
    differences, values = numpy.empty(BLOCK_ELEMENTS, numpy.float64), wide.view(numpy.float32)
    for start in range(0, bits.size, BLOCK_ELEMENTS):
        block = _finite_block(bits[start : start + BLOCK_ELEMENTS], magnitude, infinity, kept, counts)
        _widen_float16(block, wide)
        _add_values(values[: block.size], differences, sums, counts)


@_compiled
def _count_float32(bits: Any, magnitude: Any, infinity: Any, sums: Any, counts: Any) -> None:
    kept, differences = numpy.empty(BLOCK_ELEMENTS, numpy.int32), numpy.empty(BLOCK_ELEMENTS, numpy.float64)
    for start in range(0, bits.size, BLOCK_ELEMENTS):
        block = _finite_block(bits[start : start + BLOCK_ELEMENTS], magnitude, infinity, kept, counts)
        _add_values(block.view(numpy.float32), differences, sums, counts)


@_compiled
def _count_float64(bits: Any, magnitude: Any, infinity: Any, sums: Any, counts: Any) -> None:
    kept, differences = numpy.empty(BLOCK_ELEMENTS, numpy.int64), numpy.empty(BLOCK_ELEMENTS, numpy.float64)
    for start in range(0, bits.size, BLOCK_ELEMENTS):
        block = _finite_block(bits[start : start + BLOCK_ELEMENTS], magnitude, infinity, kept, counts)
        _add_values(block.view(numpy.float64), differences, sums, counts)


@_compiled
def _count_bytes(content: Any, bins: Any) -> None:
    """Count bytes by value in eight tables, ``bins[8, 256]``: equal neighbours do not wait for each other."""
    whole = content.size - content.size % 8
    for start in range(0, whole, 8):
        for lane in range(8):
            bins[lane, content[start + lane]] += 1
    for index in range(whole, content.size):
        bins[0, content[index]] += 1


# Element type -> its loop, the integer type of its bit patterns, the bit pattern of infinity, what results are off by.
_LOOPS: dict[str, tuple[Callable[..., None], Any, int, float]] = {
    "BF16": (_count_bfloat16, numpy.int16, 0x7F80, 1.0),
    "F16": (_count_float16, numpy.int16, 0x7C00, _FLOAT16_SCALE),
    "F32": (_count_float32, numpy.int32, 0x7F800000, 1.0),
    "F64": (_count_float64, numpy.int64, 0x7FF0000000000000, 1.0),
}


class CompiledCounter:
    """Counts the stored bytes of a float tensor; see :class:`falsifiable.artifacts.fingerprints.statistics.Counter`."""

    grain_elements = BLOCK_ELEMENTS
    names = frozenset(_LOOPS)

    def __init__(self, name: str) -> None:
        self._count, self._bits, infinity, self._scale = _LOOPS[name]
        self._infinity = self._bits(infinity)
        self._magnitude = numpy.iinfo(self._bits).max
        self._magnitude = self._bits(self._magnitude)
        self._sums = numpy.zeros(3, numpy.float64)
        self._counts = numpy.zeros(6, numpy.int64)
        self._counts[_FIRST_NONFINITE] = -1
        self._counts[_LOWEST], self._counts[_HIGHEST] = numpy.iinfo(numpy.int64).max, numpy.iinfo(numpy.int64).min

    def add(self, content: NDArray[numpy.uint8]) -> None:
        """Count bytes that continue the tensor; all but the last call bring whole blocks."""
        bits = content.view(self._bits)
        if not (bits.flags.aligned and bits.flags.writeable):  # numba would compile a loop of its own for such arrays
            bits = bits.copy()
        self._count(bits, self._magnitude, self._infinity, self._sums, self._counts)

    def result(self) -> Statistics:
        """The statistics of everything added so far."""
        elements, finite, zeros, first, lowest, highest = (int(count) for count in self._counts)
        origin, mean, squares = (float(total) for total in self._sums)
        return Statistics(
            elements=elements,
            nonfinite=elements - finite,
            first_nonfinite=None if first < 0 else first,
            minimum=self._value(lowest) if finite else math.nan,
            maximum=self._value(highest) if finite else math.nan,
            mean=(origin + mean) * self._scale if finite else math.nan,
            std=math.sqrt(squares / finite) * self._scale if finite else math.nan,
            zeros=zeros,
        )

    def _value(self, key: int) -> float:
        """The float that sorts as ``key``; a negative zero as zero."""
        pattern = numpy.array([key if key >= 0 else key ^ int(self._magnitude)], self._bits)
        if self._scale != 1.0:
            return float(pattern.view(numpy.float16)[0]) + 0.0
        if self._bits is numpy.int16:
            return float((pattern.astype(numpy.int32) << 16).view(numpy.float32)[0]) + 0.0
        return float(pattern.view(numpy.float64 if self._bits is numpy.int64 else numpy.float32)[0]) + 0.0


def bytes_by_value(content: NDArray[numpy.uint8]) -> NDArray[numpy.int64]:
    """How many of the bytes have each of the 256 values."""
    bins = numpy.zeros((8, 256), numpy.int64)
    _count_bytes(content if content.flags.writeable else content.copy(), bins)
    counts: NDArray[numpy.int64] = bins.sum(axis=0)
    return counts
