"""Windows of a sequence, found again in another at every offset, in time and memory linear in what is read.

A window of N symbols is known by the hash of a polynomial over them, computed for all offsets at once from running sums
modulo 2^64. Two windows with one hash are compared symbol by symbol before anything is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64: 2^64 divided by the golden ratio
_INVERSE = pow(_BASE, -1, 2**64)
_BLOCK_SYMBOLS = 1 << 20


@dataclass(frozen=True, slots=True)
class Overlap:
    """The same symbols in two sequences: where in the one, where in the other, and how many in a row."""

    held_out_at: int
    train_at: int
    length: int


def window_hashes(symbols: NDArray[Any], window: int) -> NDArray[Any]:
    """A 64-bit hash of every window of so many symbols, by offset; none where the sequence is shorter."""
    import numpy

    if len(symbols) < window:
        return numpy.zeros(0, numpy.uint64)
    with numpy.errstate(over="ignore"):
        powers = _powers(_BASE, len(symbols))
        sums = numpy.concatenate((numpy.zeros(1, numpy.uint64), numpy.cumsum(_mixed(symbols) * powers)))
        hashes: NDArray[Any] = (sums[window:] - sums[:-window]) * _powers(_INVERSE, len(symbols) - window + 1)
    return hashes


def _powers(base: int, count: int) -> NDArray[Any]:
    import numpy

    factors = numpy.full(count, base, numpy.uint64)
    factors[0] = 1
    return numpy.multiply.accumulate(factors)


def _mixed(symbols: NDArray[Any]) -> NDArray[Any]:
    """Every symbol spread over 64 bits, so that neighbouring ids do not cancel out."""
    import numpy

    spread = (symbols.astype(numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0xBF58476D1CE4E5B9)
    mixed: NDArray[Any] = spread ^ (spread >> numpy.uint64(29))
    return mixed


def first_overlap(held_out: NDArray[Any], train: Iterable[NDArray[Any]], window: int) -> Overlap | None:
    """The first place in ``train``, read part by part, that repeats a window of ``held_out``, to its full length."""
    import numpy

    hashes = window_hashes(held_out, window)
    if not len(hashes):
        return None
    order = numpy.argsort(hashes, kind="stable")
    known = hashes[order]
    for start, block in _blocks(train, window):
        found = window_hashes(block, window)
        places = numpy.minimum(numpy.searchsorted(known, found), len(known) - 1)
        for at in numpy.flatnonzero(known[places] == found):
            for place in range(int(places[at]), len(known)):
                if known[place] != found[at]:
                    break
                mine = int(order[place])
                if numpy.array_equal(held_out[mine : mine + window], block[at : at + window]):
                    return _extended(held_out, block, mine, int(at), window, start)
    return None


def _blocks(parts: Iterable[NDArray[Any]], window: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Offset and symbols of blocks that overlap, so that every window of the whole lies in one of them."""
    import numpy

    start, rest = 0, None
    for part in parts:
        for begin in range(0, len(part), _BLOCK_SYMBOLS):
            piece = part[begin : begin + _BLOCK_SYMBOLS]
            block = piece if rest is None else numpy.concatenate((rest, piece))
            yield start, block
            kept = min(window - 1, len(block))
            start += len(block) - kept
            rest = block[len(block) - kept :]


def _extended(held_out: NDArray[Any], block: NDArray[Any], mine: int, theirs: int, window: int, start: int) -> Overlap:
    """The overlap that a window is part of, as far as it reaches to both sides inside the block."""
    before = _equal_run(held_out[:mine][::-1], block[:theirs][::-1])
    after = _equal_run(held_out[mine + window :], block[theirs + window :])
    return Overlap(mine - before, start + theirs - before, before + window + after)


def _equal_run(one: NDArray[Any], other: NDArray[Any]) -> int:
    """How many symbols two sequences begin with in common."""
    import numpy

    count = min(len(one), len(other))
    different = numpy.flatnonzero(one[:count] != other[:count])
    return int(different[0]) if len(different) else count


@dataclass(frozen=True, slots=True)
class Repeated:
    """How much of a sequence repeats itself: the share of windows that stood there before, and the usual distance."""

    share: float
    period: int
    windows: int


def repetition(symbols: NDArray[Any], window: int) -> Repeated:
    """The share of windows that occurred before, and the distance at which most of them did (0 where none did)."""
    import numpy

    hashes = window_hashes(symbols, window)
    order = numpy.argsort(hashes, kind="stable")  # windows of one hash stay in the order of their offsets
    again = hashes[order][1:] == hashes[order][:-1]
    distances = (order[1:] - order[:-1])[again]
    if not len(distances):
        return Repeated(0.0, 0, len(hashes))
    values, counts = numpy.unique(distances, return_counts=True)
    return Repeated(len(distances) / len(hashes), int(values[counts.argmax()]), len(hashes))
