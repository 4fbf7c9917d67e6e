"""One pass over a model's files: every byte is read once, and hashed, counted and hashed again while it is in cache.

Tensors are read largest first, each by one thread. A tensor that is more than a thread's fair share, and a file whose
own sha256 is wanted (which only goes from front to back), are shared by two threads: one reads and hashes, the other
does the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.dtypes import ELEMENT_TYPES, UndecodableError
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.fingerprints.fingerprint import (
    Fingerprint,
    Fingerprinting,
    fingerprint_of_values,
    fingerprint_of_zeros,
)
from falsifiable.artifacts.fingerprints.statistics import kernels_for
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.tensors import NOT_IN_A_FILE, TensorInfo, read_values

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Bytes = NDArray[numpy.uint8]

Place = tuple[Path, int, int, str, tuple[int, ...] | None]
"""What decides the fingerprint of a stored tensor; see :func:`place_of`."""

_MOST_THREADS = 8
# Chunks hold the grain of every element type. One thread's stays in its second cache with all that is done to it; what
# goes from one thread to another leaves that cache anyway, and should go seldom.
_CHUNK_BYTES = 2**19
_SHARED_CHUNK_BYTES = 2**21
_ALIGNMENT_BYTES = 64  # a cache line, and the widest vector
_CHUNKS_AHEAD = 2
_CHUNKS_IN_FLIGHT = 2
_AHEAD_BYTES = 2**24  # read ahead of use: the depth that keeps a disk busy
_WORTH_A_THREAD_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass found: stored tensor name -> fingerprint, relative path -> sha256 of the files (if asked for)."""

    fingerprints: Mapping[str, Fingerprint]
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes of a file that belong together: those of a tensor, or (``of`` is None) what lies between tensors."""

    offset: int
    nbytes: int
    of: Fingerprinting | None
    info: TensorInfo | None


@dataclass(frozen=True, slots=True)
class _Stream:
    """Spans of one file, read in this order; ``sha256`` is over all of them."""

    source: Source
    spans: Sequence[_Span]
    sha256: Any = None

    @property
    def nbytes(self) -> int:
        return sum(span.nbytes for span in self.spans)


Work = Callable[[], None]


def scan_model_files(tensors: Iterable[TensorInfo], sources: Iterable[Source], *, sha256: bool = False) -> Scan:
    """Fingerprint tensors, and with ``sha256`` hash whole files too, reading each byte once.

    Tensors at the same place are computed once. Two kinds are read after the pass, again where they overlap others:
    tensors that begin inside another, and views that do not lie in row-major order. Memory: a few megabytes a thread.

    Args:
        tensors: of these files, or in none (values are then zeros).
        sources: the files. Each remembers its ``sha256``; a file that knows it already is not read for it.
        sha256: whether the digests of the files are wanted, of all bytes, those of no tensor included.

    Raises:
        ArtifactError: a file changed since it was opened, or an element type cannot be decoded.
    """
    tensors, by_path = list(tensors), {source.path: source for source in sources}
    stored = {place_of(info): info for info in tensors if info.offset != NOT_IN_A_FILE}
    in_order = {place: info for place, info in stored.items() if info.strides is None}
    kernels = kernels_for(sum(info.nbytes for info in in_order.values()))
    spans = {place: _span(info, kernels) for place, info in in_order.items()}
    whole = [source for source in by_path.values() if sha256 and source.known_sha256 is None]
    _run(_streams(spans, by_path, whole))
    found = {place: span.of.result() for place, span in spans.items() if span.of is not None}
    for place, info in stored.items():
        if info.strides is not None:
            found[place] = fingerprint_of_values(read_values(info, by_path[info.file]), info.dtype)
    return Scan(
        {
            info.name: fingerprint_of_zeros(info.elements) if info.offset == NOT_IN_A_FILE else found[place_of(info)]
            for info in tensors
        },
        {source.relative: source.sha256() for source in by_path.values()} if sha256 else {},
    )


def fingerprint_of_stored(info: TensorInfo, source: Source) -> Fingerprint:
    """The fingerprint of one tensor in a file, in row-major order; its bytes are read once.

    Raises ArtifactError if the file changed since it was opened, or if the element type cannot be decoded.
    """
    return scan_model_files([info], [source]).fingerprints[info.name]


def place_of(info: TensorInfo) -> Place:
    """File, offset, bytes and element type; of a view that is not in row-major order, its shape and strides too."""
    view = None if info.strides is None else (*info.shape, *info.strides)
    return info.file, info.offset, info.nbytes, info.dtype, view


def _span(info: TensorInfo, kernels: ModuleType | None) -> _Span:
    try:
        return _Span(info.offset, info.nbytes, Fingerprinting(ELEMENT_TYPES[info.dtype], kernels), info)
    except UndecodableError as fault:
        raise _undecodable(info, fault) from fault


def _undecodable(info: TensorInfo, fault: UndecodableError) -> ArtifactError:
    return ArtifactError(info.file, f"tensor {info.name!r}: {fault}", offset=info.offset)


# What is read in which order


def _streams(
    spans: Mapping[Place, _Span], sources: Mapping[Path, Source], whole: Sequence[Source]
) -> Iterator[_Stream]:
    """Files that are read whole, and one stream for each tensor that is not read with them."""
    hashed = {source.path for source in whole}
    for source in whole:
        inside = [span for place, span in spans.items() if place[0] == source.path]
        together, apart = _without_overlap(inside)
        yield _Stream(source, list(_with_gaps(together, source.size)), hashlib.sha256())
        yield from (_Stream(source, [span]) for span in apart)
    yield from (_Stream(sources[place[0]], [span]) for place, span in spans.items() if place[0] not in hashed)


def _without_overlap(spans: Iterable[_Span]) -> tuple[list[_Span], list[_Span]]:
    """The spans in the order of the file that begin where the one before has ended, and the others."""
    together: list[_Span] = []
    apart: list[_Span] = []
    end = 0
    for span in sorted(spans, key=lambda span: (span.offset, -span.nbytes)):
        if span.offset < end:
            apart.append(span)
        else:
            together.append(span)
            end = span.offset + span.nbytes
    return together, apart


def _with_gaps(spans: Iterable[_Span], size: int) -> Iterator[_Span]:
    """The spans, and what lies before, between and after them in a file of ``size`` bytes."""
    end = 0
    for span in spans:
        if span.offset > end:
            yield _Span(end, span.offset - end, None, None)
        yield span
        end = span.offset + span.nbytes
    if size > end:
        yield _Span(end, size - end, None, None)


# Who reads what


def _run(streams: Iterable[_Stream]) -> None:
    """Read all streams, the largest first."""
    ordered = sorted(streams, key=lambda stream: stream.nbytes, reverse=True)
    total, threads = sum(stream.nbytes for stream in ordered), _threads()
    own, passed_on = _Buffers(_CHUNK_BYTES), _Buffers(_SHARED_CHUNK_BYTES)
    if threads == 1 or total < _WORTH_A_THREAD_BYTES:
        for stream in ordered:
            _read(stream, own, shared=False)
        return
    fair = max(total / threads, _WORTH_A_THREAD_BYTES)
    shared = [stream.nbytes >= _WORTH_A_THREAD_BYTES and (stream.sha256 or stream.nbytes > fair) for stream in ordered]
    at_once = max(1, threads - sum(map(bool, shared[: threads // 2])))
    with ThreadPoolExecutor(at_once) as pool:
        futures = [
            pool.submit(_read, stream, passed_on if two else own, shared=bool(two))
            for stream, two in zip(ordered, shared, strict=True)
        ]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _threads() -> int:
    """As many as there are cores for us, up to a number beyond which memory is the limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_THREADS, cores)


class _Buffers:
    """Buffers for chunks, used again and again so that they stay in cache."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._free: list[Bytes] = []

    def take(self) -> Bytes:
        import numpy

        try:
            return self._free.pop()
        except IndexError:
            room = numpy.empty(self.nbytes + _ALIGNMENT_BYTES, numpy.uint8)
            start = -room.ctypes.data % _ALIGNMENT_BYTES
            return room[start : start + self.nbytes]

    def give_back(self, buffer: Bytes) -> None:
        self._free.append(buffer)


def _read(stream: _Stream, buffers: _Buffers, *, shared: bool) -> None:
    """Read, hash and count a stream; with ``shared``, a second thread does all that is not the first hash."""
    if shared:
        with ThreadPoolExecutor(1) as second:
            _read_with(second, stream, buffers)
    else:
        _read_alone(stream, buffers)
    stream.source.verify_unchanged()
    if stream.sha256 is not None:
        stream.source.remember_sha256(stream.sha256.hexdigest())


def _read_alone(stream: _Stream, buffers: _Buffers) -> None:
    ahead, buffer = _Ahead(stream), buffers.take()
    for chunk in _chunks(stream.spans, buffers.nbytes):
        for work in _work(stream, _filled(buffer, chunk, stream.source, ahead)):
            work()
    buffers.give_back(buffer)


def _read_with(second: ThreadPoolExecutor, stream: _Stream, buffers: _Buffers) -> None:
    """The second thread fills some chunks ahead, so that the first hash, the longest work, never waits for a read."""
    ahead = _Ahead(stream)
    filling: deque[tuple[Future[Filled], Bytes]] = deque()
    in_flight: deque[tuple[Future[None], Bytes]] = deque()

    def hash_next() -> None:
        future, buffer = filling.popleft()
        first, rest = _work(stream, future.result())
        in_flight.append((second.submit(rest), buffer))
        first()
        if len(in_flight) > _CHUNKS_IN_FLIGHT:
            finish_next()

    def finish_next() -> None:
        future, buffer = in_flight.popleft()
        future.result()
        buffers.give_back(buffer)

    for chunk in _chunks(stream.spans, buffers.nbytes):
        buffer = buffers.take()
        filling.append((second.submit(_filled, buffer, chunk, stream.source, ahead), buffer))
        if len(filling) > _CHUNKS_AHEAD:
            hash_next()
    while filling:
        hash_next()
    while in_flight:
        finish_next()


class _Ahead:
    """Asks for the bytes of a stream some way ahead of their use."""

    def __init__(self, stream: _Stream) -> None:
        self._source = stream.source
        self._used = self._asked = stream.spans[0].offset if stream.spans else 0
        self._end = self._used + stream.nbytes

    def advance(self, nbytes: int) -> None:
        """The next ``nbytes`` are about to be used."""
        self._used += nbytes
        if self._used + _AHEAD_BYTES // 2 > self._asked < self._end:
            self._source.will_need(self._asked, min(_AHEAD_BYTES, self._end - self._asked))
            self._asked += _AHEAD_BYTES


# Chunks: as many pieces of spans as a buffer holds

Piece = tuple["_Span", int, int]
"""A part of a span: where it begins in the file, and its bytes."""

Filled = list[tuple["_Span", "Bytes"]]
"""The pieces of a chunk, each with its bytes."""


def _chunks(spans: Iterable[_Span], nbytes: int) -> Iterator[list[Piece]]:
    """The spans in chunks of ``nbytes``; one that does not fit into the rest of a chunk is cut after whole grains."""
    chunk: list[Piece] = []
    room = nbytes
    for span in spans:
        done = 0
        while done < span.nbytes:
            take = _cut(span, done, room)
            if take:
                chunk.append((span, span.offset + done, take))
                done, room = done + take, room - _aligned(take)
            if room <= 0 or not take:
                yield chunk
                chunk, room = [], nbytes
    if chunk:
        yield chunk


def _cut(span: _Span, done: int, room: int) -> int:
    """How many of a span's next bytes go into ``room`` bytes."""
    left = span.nbytes - done
    if left <= room or span.of is None:
        return min(left, room)
    prefix = span.of.prefix_bytes if done == 0 else 0
    grains = (room - prefix) // span.of.grain_bytes
    return prefix + grains * span.of.grain_bytes if grains > 0 else 0


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES


def _filled(buffer: Bytes, chunk: Sequence[Piece], source: Source, ahead: _Ahead) -> Filled:
    """Pieces read into a buffer, each where numbers of its type may lie."""
    ahead.advance(sum(nbytes for _, _, nbytes in chunk))
    start, filled = 0, []
    for span, offset, nbytes in chunk:
        part = buffer[start : start + nbytes]
        source.read_into(part.data, offset)
        filled.append((span, part))
        start += _aligned(nbytes)
    return filled


def _work(stream: _Stream, filled: Filled) -> tuple[Work, Work]:
    """What is to be done with a chunk, in two parts of which neither waits for the other."""

    def hash_file() -> None:
        for _, part in filled:
            stream.sha256.update(part.data)

    def hash_tensors() -> None:
        for span, part in filled:
            if span.of is not None:
                span.of.hash(part)

    def count() -> None:
        for span, part in filled:
            _count(span, part)

    def hash_and_count() -> None:
        hash_tensors()
        count()

    return (hash_tensors, count) if stream.sha256 is None else (hash_file, hash_and_count)


def _count(span: _Span, part: Bytes) -> None:
    if span.of is None or span.info is None:
        return
    try:
        span.of.count(part)
    except UndecodableError as fault:
        raise _undecodable(span.info, fault) from fault
