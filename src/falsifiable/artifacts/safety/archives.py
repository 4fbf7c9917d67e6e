"""Archives looked at for pickles and code: zip, tar, gzip, zlib and NumPy files, and those in one another.

Where the directory of a zip archive lies, it is looked at by its local headers as well.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.zip_reader import LOCAL, ZipMember, read_unverified, read_zip
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.safety.findings import Finding
from falsifiable.artifacts.safety.pickles import hidden_pickle_findings, pickle_findings, starts_as_pickle
from falsifiable.artifacts.sources.files import Readable

TAR_MAGIC, TAR_MAGIC_OFFSET = b"ustar", 257
GZIP_MAGIC = b"\x1f\x8b"
NUMPY_MAGIC = b"\x93NUMPY"
_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_START_BYTES = TAR_MAGIC_OFFSET + len(TAR_MAGIC)
_LOCAL_BYTES = 30
_TAR_BLOCK_BYTES = 512
_DEEPEST_ARCHIVES = 4  # in one another
_MOST_GZIP_MEMBERS = 1024
# What NumPy writes before numbers. Other headers may say in many ways that a pickle follows: they are Python literals.
_NUMPY_NUMBERS = re.compile(
    rb"\{'descr': '[<>|=][?biufcmMSUV]\d*(?:\[\w+\])?', 'fortran_order': (?:True|False), "
    rb"'shape': \([\d, ]*\),? ?\} *\n?"
)
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".pck", ".joblib", ".dill", ".pth", ".pt", ".bin")
_CODE_SUFFIXES = (".py", ".pyc", ".so", ".dll")


class Budget:
    """How much of one archive is still looked into; an archive of bombs must not take longer than one bomb."""

    def __init__(self, limits: Limits) -> None:
        self.depth = 0
        self._bytes = limits.safety_archive_bytes
        self._pickles = limits.safety_archive_pickles

    def spend(self, count: int) -> bool:
        """Take one pickle of ``count`` bytes off; False once nothing is left."""
        self._bytes -= count
        self._pickles -= 1
        return self._bytes >= 0 and self._pickles >= 0


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an archive's member: all of them, or their beginning."""

    name: str
    content: bytes
    offset: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """An archive's member as a file of its own."""

    path: Path
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, count: int) -> bytes:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ArtifactError(self.path, f"{count} bytes were asked of {self.size}", offset=offset, kind="unsound")
        return self.content[offset : offset + count]


def packed_findings(
    source: Readable, start: bytes, file: str, limits: Limits, budget: Budget | None = None
) -> Iterator[Finding] | None:
    """Findings in an archive that begins with ``start``, or None for what is none."""
    budget = budget or Budget(limits)
    if start.startswith(LOCAL):
        return zip_findings(source, file, limits, budget)
    if start[TAR_MAGIC_OFFSET:].startswith(TAR_MAGIC):
        return tar_findings(source, file, limits, budget)
    if start.startswith((GZIP_MAGIC, *_ZLIB_STARTS)):
        return _deflated_findings(source, start, file, limits, budget)
    if start.startswith(NUMPY_MAGIC):
        return numpy_findings(source, file, limits)
    return None


def zip_findings(source: Readable, file: str, limits: Limits, budget: Budget) -> Iterator[Finding]:
    """Findings in a file that begins as a zip archive."""
    try:
        members = read_zip(source, limits)
    except ArtifactError as fault:
        yield Finding(
            "archive", "suspicious", file, fault.offset, fault.message,
            "loaders may see other members in it than scanners do",
        )  # fmt: skip
        yield from loose_findings(source, file, limits)
        return
    for member in members.values():
        label = f"{file}:{member.name}"
        if member.name.endswith(_CODE_SUFFIXES):
            yield Finding(
                "custom-code", "suspicious", label, member.offset, "code in an archive", "it runs if it is used"
            )
        if member.name.endswith("config.json") and member.size <= limits.read_block_bytes:
            yield from keras_findings(_content(source, member, limits), label)
        yield from _member_findings(source, member, label, limits, budget)


def _member_findings(
    source: Readable, member: ZipMember, label: str, limits: Limits, budget: Budget
) -> Iterator[Finding]:
    named = member.name.endswith(_PICKLE_SUFFIXES)
    start = source.read(member.offset, min(_START_BYTES, member.stored_bytes))
    if not (named or member.deflated or starts_as_pickle(start) or _is_packed(start)):
        return
    size = min(member.size, limits.pickle_bytes)
    if not budget.spend(size):
        yield _exhausted(label)
        return
    try:
        found = _content(source, member, limits) if member.deflated else source.read(member.offset, size)
    except ArtifactError as fault:
        yield Finding("archive", "suspicious", label, fault.offset, fault.message, "it was not looked into")
        return
    content = Content(label, found, 0 if member.deflated else member.offset, size == member.size)
    yield from content_findings(source.path, content, limits, budget, named=named)


def _is_packed(start: bytes) -> bool:
    magic = start.startswith((LOCAL, GZIP_MAGIC + b"\x08", NUMPY_MAGIC))
    return magic or start[TAR_MAGIC_OFFSET:].startswith(TAR_MAGIC)


def _exhausted(file: str) -> Finding:
    return Finding("not-looked-into", "suspicious", file, None, "more pickles than are looked into", "it may hold any")


def _content(source: Readable, member: ZipMember, limits: Limits) -> bytes:
    return read_unverified(source, member, limits)


def content_findings(path: Path, one: Content, limits: Limits, budget: Budget, *, named: bool) -> Iterator[Finding]:
    """Findings in unpacked content; ``named`` says that it must be a pickle by its name."""
    limits = limits if one.name.endswith("/data.pkl") else _short(limits)
    if named and starts_as_pickle(one.content):
        yield from pickle_findings(one.content, path, one.name, limits, base_offset=one.offset, complete=one.complete)
        return
    yield from hidden_pickle_findings(one.content, path, one.name, limits, base_offset=one.offset)
    if _is_packed(one.content[:_START_BYTES]):
        yield from _nested_findings(_Unpacked(path, one.content), one, limits, budget)


def _nested_findings(inner: _Unpacked, one: Content, limits: Limits, budget: Budget) -> Iterator[Finding]:
    """Findings in an archive within an archive, which takes its share of the same budget."""
    if budget.depth == _DEEPEST_ARCHIVES:
        what = f"more than {_DEEPEST_ARCHIVES} archives in one another"
        yield Finding("not-looked-into", "suspicious", one.name, None, what, "the innermost may hold anything")
        return
    budget.depth += 1
    yield from packed_findings(inner, one.content[:_START_BYTES], one.name, limits, budget) or ()
    budget.depth -= 1


def loose_findings(source: Readable, file: str, limits: Limits) -> Iterator[Finding]:
    """Findings behind every local header of a zip archive whose directory cannot be trusted."""
    size = min(source.size, limits.pickle_bytes)
    content = source.read(0, size)
    position = content.find(LOCAL)
    budget = Budget(limits)
    for _ in range(limits.zip_members):
        if position < 0:
            return
        yield from _behind_header(source, content, position, file, limits, budget)
        position = content.find(LOCAL, position + 4)


def _behind_header(
    source: Readable, content: bytes, position: int, file: str, limits: Limits, budget: Budget
) -> Iterator[Finding]:
    header = content[position : position + _LOCAL_BYTES]
    if len(header) < _LOCAL_BYTES:
        return
    deflated = header[8:10] != b"\0\0"
    name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    start = position + _LOCAL_BYTES + name_bytes + extra_bytes
    name = content[position + _LOCAL_BYTES : position + _LOCAL_BYTES + name_bytes].decode("utf-8", "replace")[:80]
    label = f"{file}:{name}"
    if not deflated and not starts_as_pickle(content[start : start + 2]) and not name.endswith(_PICKLE_SUFFIXES):
        return
    if not budget.spend(limits.read_block_bytes):
        yield _exhausted(label)
        return
    found = content[start : start + limits.read_block_bytes]
    if deflated:
        inflated = inflate(found, -zlib.MAX_WBITS, limits.read_block_bytes)
        found, start = (inflated[0] if inflated else b""), 0
    yield from hidden_pickle_findings(found, source.path, label, _short(limits), base_offset=start)


def _short(limits: Limits) -> Limits:
    return replace(limits, pickle_opcodes=min(limits.pickle_opcodes, limits.safety_pickle_opcodes))


def inflate(content: bytes, window: int, limit_bytes: int) -> tuple[bytes, bool] | None:
    """Deflated bytes, up to a limit, and whether that is all of them; None if they are not deflated.

    Members of a gzip file that follow one another are one content to whoever unpacks it.
    """
    parts: list[bytes] = []
    complete = True
    while content and limit_bytes:
        inflater = zlib.decompressobj(window)
        try:
            parts.append(inflater.decompress(content, limit_bytes))
        except zlib.error:
            return (b"".join(parts), False) if parts else None
        limit_bytes -= len(parts[-1])
        complete = inflater.eof
        rest = inflater.unused_data
        if not complete or not rest.startswith(GZIP_MAGIC) or len(parts) == _MOST_GZIP_MEMBERS:
            return b"".join(parts), complete and not rest.startswith(GZIP_MAGIC)
        content = rest
    return b"".join(parts), complete and not content


def _deflated_findings(source: Readable, start: bytes, file: str, limits: Limits, budget: Budget) -> Iterator[Finding]:
    """Findings in what a gzip file holds, or what zlib compressed, which is told by nothing but that it inflates."""
    content = source.read(0, min(source.size, limits.pickle_bytes))
    inflated = inflate(content, _GZIP_OR_ZLIB, limits.zip_inflated_bytes)
    is_gzip = start.startswith(GZIP_MAGIC)
    if (inflated is None and is_gzip) or (inflated is not None and not inflated[1]):
        yield Finding(
            "not-looked-into", "suspicious", file, 0, f"a {'gzip' if is_gzip else 'zlib'} file that cannot be "
            "unpacked within limits", "what it holds is not known",
        )  # fmt: skip
    if inflated is not None:
        one = Content(f"{file}:unpacked", inflated[0], 0, inflated[1])
        yield from content_findings(source.path, one, limits, budget, named=True)


def numpy_findings(source: Readable, file: str, limits: Limits) -> Iterator[Finding]:
    """Findings in a NumPy file, where an array of objects is a pickle behind the header."""
    content = source.read(0, min(source.size, limits.pickle_bytes))
    width = 2 if content[6:7] == b"\1" else 4
    begin = 8 + width + int.from_bytes(content[8 : 8 + width], "little")
    rest = content[begin:]
    if _NUMPY_NUMBERS.fullmatch(content, 8 + width, begin):
        return
    complete = len(content) == source.size
    if starts_as_pickle(rest):
        yield from pickle_findings(rest, source.path, file, _short(limits), base_offset=begin, complete=complete)
    else:
        yield from hidden_pickle_findings(rest, source.path, file, _short(limits), base_offset=begin)


def tar_findings(source: Readable, file: str, limits: Limits, budget: Budget) -> Iterator[Finding]:
    """Findings in the members of a tar archive."""
    position = 0
    for _ in range(limits.safety_files):
        if position + _TAR_BLOCK_BYTES > source.size:
            return
        header = source.read(position, _TAR_BLOCK_BYTES)
        if not header.strip(b"\0"):
            return
        name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
        try:
            size = int(header[124:136].strip(b" \0") or b"0", 8)
        except ValueError:
            yield Finding("archive", "suspicious", file, position, "a tar header without a size", "its rest is unknown")
            return
        start = position + _TAR_BLOCK_BYTES
        available = max(0, min(size, source.size - start, limits.pickle_bytes))
        if available and not budget.spend(available):
            yield _exhausted(f"{file}:{name}")
        elif available:
            one = Content(f"{file}:{name}", source.read(start, available), start, available == size)
            yield from content_findings(source.path, one, limits, budget, named=True)
        position = start + -(-max(size, 0) // _TAR_BLOCK_BYTES) * _TAR_BLOCK_BYTES


def keras_findings(content: bytes, file: str) -> Iterator[Finding]:
    """A Lambda layer holds marshalled Python code, which Keras runs when it loads the model."""
    place = content.find(b'"Lambda"')
    if place >= 0 and b"class_name" in content:
        yield Finding("custom-code", "suspicious", file, place, "a Keras Lambda layer", "it holds Python code")
