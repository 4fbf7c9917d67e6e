"""The header of an APR file, version 2, read strictly, with the standard library alone.

APR is the container of aprender (https://github.com/paiml/aprender, ``format::v2``): a header of 64 bytes, metadata as
JSON, a tensor index sorted by name, tensor data, and a checksum of the whole file. Everything but the checksum is
padded to 64 bytes. Stricter than aprender's reader: the version, the bounds of every section, overlaps, holes, the
size that a shape implies, and both checksums are verified; the one of the whole file only where all bytes are read
anyway, by :func:`verify_whole_file`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from falsifiable.artifacts.dtypes import APR_TYPES, ElementType
from falsifiable.artifacts.errors import ArtifactError, Fault
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.naming import tensor_name_fault
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.sources.magic import describe_start
from falsifiable.artifacts.tensors import TensorInfo
from falsifiable.artifacts.tokenizers.embedded import tokenizer_from_apr

MAGIC = b"APR\0"
ALIGNMENT_BYTES = 64
HEADER_BYTES = 64
FOOTER_BYTES = 4
# magic, major, minor, flags, tensors, metadata offset, metadata bytes, index offset, data offset, checksum, zeros
HEADER = struct.Struct("<4s2BHIQIQQI20x")
_CHECKSUM_AT = 40
_VERSION = (2, 0)
_SMALLEST_ENTRY_BYTES = 2 + 1 + 1 + 8 + 8  # name length, type, dimension count, offset, size
_CUT = "The file was cut while it was written or downloaded"

# Bits of the flags that change what the bytes mean. The writers set some of them without doing what they say, and no
# reader undoes any of it, so that such a file has no meaning that can be relied on.
_REFUSED_FLAGS: Mapping[int, str] = {
    0x1: "compressed with LZ4",
    0x2: "compressed with Zstandard",
    0x4: "encrypted with AES-GCM",
    0x10: "one shard of several",
}
_COLUMN_MAJOR = 0x800


@dataclass(frozen=True, slots=True)
class AprHeader:
    """``tensors`` stand in the order of the index, that of their names; ``gaps`` are the byte ranges (begin, end) of
    padding, fewer than 64 bytes each, which are to be zero."""

    flags: int
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]
    gaps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Sections:
    """Where the sections lie, in bytes from the start of the file; the data end where the footer begins."""

    flags: int
    tensor_count: int
    metadata_start: int
    metadata_end: int
    index_start: int
    data_start: int
    data_end: int


def read_apr(source: Source, limits: Limits = DEFAULT_LIMITS) -> AprHeader:
    """The header of an open file; neither tensor data nor the checksum of the whole file is read.

    Raises:
        ArtifactError: ``unreadable`` for another version, for compressed, encrypted or sharded files and beyond a
            limit; ``unsound`` for a file that breaks the rules of the format.
    """
    sections = _sections(source, limits)
    metadata = _metadata(source, sections, limits)
    tensors, index_end = _tensors(source, sections, limits)
    gaps = _gaps(source, sections, index_end, tensors)
    return AprHeader(sections.flags, metadata, tensors, gaps)


def verify_whole_file(source: Source, header: AprHeader, limits: Limits = DEFAULT_LIMITS) -> None:
    """Read all bytes, and raise ArtifactError (unsound) unless they give the checksum in the last four.

    Padding must be zero, too: bytes that no tensor owns are bytes that nobody vouches for.
    """
    checksum = 0
    footer_at = source.size - FOOTER_BYTES
    for block in source.blocks(0, footer_at, limits.read_block_bytes):
        checksum = zlib.crc32(block, checksum)
    (stored,) = struct.unpack("<I", source.read(footer_at, FOOTER_BYTES))
    source.verify_unchanged()
    if stored != checksum:
        raise _unsound(
            source,
            f"the bytes give the checksum {checksum:#010x}, the file ends with {stored:#010x}",
            offset=footer_at,
            hint="A byte changed since the file was written; write or download it again",
        )
    for begin, end in header.gaps:
        padding = source.read(begin, end - begin)
        if padding.strip(b"\0"):
            raise _unsound(source, f"padding holds {padding[:8].hex(' ')}", offset=begin, expected="zeros")


def _sections(source: Source, limits: Limits) -> _Sections:
    start = source.read(0, min(source.size, HEADER_BYTES))
    _check_magic(source, start)
    _, major, minor, flags, count, metadata_start, metadata_bytes, index_start, data_start, stored = HEADER.unpack(
        start
    )
    if (major, minor) != _VERSION:
        raise ArtifactError(source.path, f"an APR file of version {major}.{minor}", offset=4, expected="version 2.0")
    checksum = zlib.crc32(start[:_CHECKSUM_AT] + start[_CHECKSUM_AT + 4 :])
    if stored != checksum:
        raise _unsound(
            source,
            f"the header gives the checksum {checksum:#010x} and states {stored:#010x}",
            offset=_CHECKSUM_AT,
            hint="A byte of the header changed since the file was written; write or download it again",
        )
    _check_flags(source, flags)
    for what, number, stated_at, limit in (
        ("tensors", count, 8, limits.model_tensors),
        ("bytes of metadata", metadata_bytes, 20, limits.apr_metadata_bytes),
    ):
        if number > limit:
            raise ArtifactError(source.path, f"declares {number} {what}", offset=stated_at, expected=f"at most {limit}")
    sections = _Sections(
        flags, count, metadata_start, metadata_start + metadata_bytes, index_start, data_start,
        source.size - FOOTER_BYTES,
    )  # fmt: skip
    _check_order(source, sections)
    return sections


def _check_magic(source: Source, start: bytes) -> None:
    if not start.startswith(MAGIC):
        known = describe_start(start)
        found = known.description if known else f"begins with {start[:4].hex(' ') or 'nothing: the file is empty'}"
        hint = known.hint if known else None
        raise ArtifactError(source.path, found, offset=0, expected="an APR file, version 2", hint=hint)
    if len(start) < HEADER_BYTES:
        raise _unsound(source, f"{len(start)} of {HEADER_BYTES} header bytes", offset=len(start), hint=_CUT)


def _check_flags(source: Source, flags: int) -> None:
    for bit, meaning in _REFUSED_FLAGS.items():
        if flags & bit:
            raise ArtifactError(
                source.path,
                f"the flags {flags:#06x} say that the file is {meaning}",
                offset=6,
                expected="plain data in one file",
                hint="Write the model again without it",
            )
    if flags & _COLUMN_MAJOR:
        raise _unsound(
            source, f"the flags {flags:#06x} say that tensors are column-major", offset=6, expected="row-major"
        )


def _check_order(source: Source, sections: _Sections) -> None:
    """Header, metadata, index, data and footer follow one another inside the file."""
    edges = (
        ("the metadata begin", sections.metadata_start, 12),
        ("the metadata end", sections.metadata_end, 20),
        ("the tensor index begins", sections.index_start, 24),
        ("the tensor data begin", sections.data_start, 32),
    )
    least, before = HEADER_BYTES, "the header"
    for what, position, stated_at in edges:
        if position < least:
            raise _unsound(source, f"{what} at byte {position}, before {before} ends", offset=stated_at)
        if position > sections.data_end:
            raise _unsound(
                source,
                f"{what} at byte {position}, in a file of {source.size} bytes, the last 4 of which are a checksum",
                offset=stated_at,
                hint=_CUT,
            )
        least, before = position, what.rsplit(" ", 1)[0]


def _metadata(source: Source, sections: _Sections, limits: Limits) -> Mapping[str, object]:
    """The metadata; an embedded tokenizer is looked at here, so that a broken one is a fault of the file."""
    content = source.read(sections.metadata_start, sections.metadata_end - sections.metadata_start)
    metadata = read_json(
        content, source.path, limits=limits, kind="unsound", base_offset=sections.metadata_start
    )  # a key that stands twice, as in old checkpoints, has one meaning to each loader: refused
    if not isinstance(metadata, dict):
        raise _unsound(source, "the metadata are not a JSON object", offset=sections.metadata_start)
    tokenizer_from_apr(metadata, source.path)
    return metadata


def _tensors(source: Source, sections: _Sections, limits: Limits) -> tuple[dict[str, TensorInfo], int]:
    """The tensors, and where their index ends."""
    length = sections.data_start - sections.index_start
    least = sections.tensor_count * _SMALLEST_ENTRY_BYTES
    if least > length:
        raise _unsound(
            source,
            f"{sections.tensor_count} tensors need an index of at least {least} bytes, there is room for {length}",
            offset=sections.index_start,
        )
    if length > limits.apr_index_bytes:
        raise ArtifactError(
            source.path,
            f"a tensor index of {length} bytes",
            offset=sections.index_start,
            expected=f"at most {limits.apr_index_bytes}",
        )
    index = _Index(source, sections.index_start, source.read(sections.index_start, length))
    tensors: dict[str, TensorInfo] = {}
    previous = ""
    for number in range(sections.tensor_count):
        start = index.end
        info = index.entry(number, sections, limits)
        if tensors and info.name <= previous:
            fault = "stands twice" if info.name == previous else f"comes after {previous!r}"
            raise _unsound(source, f"the tensor index is not sorted: {info.name!r} {fault}", offset=start)
        tensors[info.name] = info
        previous = info.name
    return tensors, index.end


class _Index:
    """A position in the tensor index, all of which has been read."""

    def __init__(self, source: Source, start: int, content: bytes) -> None:
        self.source = source
        self._start = start
        self._content = content
        self._position = 0
        self._reading = ""

    @property
    def end(self) -> int:
        """Where the position is in the file."""
        return self._start + self._position

    def entry(self, number: int, sections: _Sections, limits: Limits) -> TensorInfo:
        """The description of the next tensor."""
        self._reading = f"tensor {number}"
        start = self.end
        name = self._name(limits)
        self._reading = f"tensor {name!r}"
        kind_number, dimensions = self._unpack("2B")
        if dimensions > limits.apr_tensor_dimensions:
            raise self._fault(f"has {dimensions} dimensions", start, f"at most {limits.apr_tensor_dimensions}")
        *sizes, offset, nbytes = self._unpack(f"{dimensions + 2}Q")
        shape = tuple(sizes)
        if math.prod(shape) >= 2**63:
            raise self._fault(f"has sizes {list(shape)}", start, "fewer than 2^63 elements")
        kind = APR_TYPES.get(kind_number)
        if kind is None:
            raise self._fault(f"has element type {kind_number}", start, f"one of {', '.join(map(str, APR_TYPES))}")
        wanted, strides = _stored_layout(kind, shape)
        if nbytes != wanted:
            raise self._fault(f"covers {nbytes} bytes", start, f"{wanted} for shape {list(shape)} of {kind.name}")
        if offset + nbytes > sections.data_end - sections.data_start:
            raise self._fault(
                f"lies at bytes {sections.data_start + offset} to {sections.data_start + offset + nbytes}, the data "
                f"end at {sections.data_end}",
                start,
                hint=_CUT,
            )
        place = sections.data_start + offset
        return TensorInfo(name, None, shape, kind.name, self.source.path, place, nbytes, strides)

    def _name(self, limits: Limits) -> str:
        start = self.end
        (length,) = self._unpack("H")
        content = self._take(length)
        try:
            name = content.decode()
        except UnicodeDecodeError:
            raise self._fault("has a name that is not UTF-8", start) from None
        fault = tensor_name_fault(name, limits.tensor_name_bytes)
        if fault is not None:
            raise self._fault(f"has a name, {name[:80]!r}, that {fault}", start)
        return name

    def _unpack(self, codes: str) -> tuple[int, ...]:
        layout = "<" + codes  # the struct module keeps the few there are
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._content):
            raise self._fault(
                f"is described in {count} bytes more, {len(self._content) - self._position} are left", self.end
            )
        taken = self._content[self._position : end]
        self._position = end
        return taken

    def _fault(self, found: str, offset: int, expected: str | None = None, hint: str | None = None) -> ArtifactError:
        return _unsound(self.source, f"{self._reading} {found}", offset=offset, expected=expected, hint=hint)


def _stored_layout(kind: ElementType, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...] | None]:
    """Bytes that a tensor takes, and its strides among the decoded elements where padding stands among them.

    The writer fills up the last block of a tensor, and of every row where it quantises a matrix to Q4_K or Q6_K
    (aprender, ``AprV2Writer::add_q4_tensor`` and ``quantize_q4_k_matrix``).
    """
    elements = math.prod(shape)
    by_row = len(shape) == 2 and kind.decoding == "gguf"
    line = shape[-1] if by_row else elements
    padded = -(-line // kind.block_elements) * kind.block_elements
    nbytes = kind.bytes_of(padded * (elements // line) if line else 0) or 0
    if padded == line:
        return nbytes, None
    return nbytes, (padded, 1) if by_row else tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _gaps(
    source: Source, sections: _Sections, index_end: int, tensors: Mapping[str, TensorInfo]
) -> tuple[tuple[int, int], ...]:
    """The padding between what the file holds, which must neither overlap nor leave room for more than padding."""
    gaps = []
    end, before = HEADER_BYTES, "the header"
    for start, stop, what in _extents(sections, index_end, tensors):
        if start < end:
            raise _unsound(source, f"{before} and {what} overlap by {end - start} bytes", offset=start)
        if start - end >= ALIGNMENT_BYTES:
            between = f"between {before} and {what}"
            raise _unsound(source, f"bytes {end} to {start} belong to nothing, {between}", offset=end)
        if start > end:
            gaps.append((end, start))
        end, before = stop, what
    return tuple(gaps)


def _extents(sections: _Sections, index_end: int, tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[int, int, str]]:
    """Begin and end of everything in the file, in order; the data of tensors may stand in another than their names."""
    yield sections.metadata_start, sections.metadata_end, "the metadata"
    yield sections.index_start, index_end, "the tensor index"
    yield sections.data_start, sections.data_start, "the tensor data"
    for info in sorted(tensors.values(), key=lambda one: (one.offset, one.nbytes)):
        yield info.offset, info.offset + info.nbytes, f"tensor {info.name!r}"
    yield sections.data_end, sections.data_end + FOOTER_BYTES, "the checksum at the end of the file"


def _unsound(
    source: Source,
    message: str,
    *,
    offset: int | None = None,
    expected: str | None = None,
    hint: str | None = None,
) -> ArtifactError:
    kind: Fault = "unsound"
    return ArtifactError(source.path, message, offset=offset, expected=expected, hint=hint, kind=kind)
