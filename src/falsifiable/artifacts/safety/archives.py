"""Archives looked at for pickles and code: zip, tar and gzip; by their headers as well where a zip directory lies."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.zip_reader import LOCAL, ZipMember, read_unverified, read_zip
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.safety.findings import Finding
from falsifiable.artifacts.safety.pickles import hidden_pickle_findings, pickle_findings, starts_as_pickle
from falsifiable.artifacts.sources.files import SourceFile

_LOCAL_BYTES = 30
_TAR_BLOCK_BYTES = 512
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".pck", ".joblib", ".dill", ".pth", ".pt", ".bin")
_CODE_SUFFIXES = (".py", ".pyc", ".so", ".dll")


class Budget:
    """How much of one archive is still looked into; an archive of bombs must not take longer than one bomb."""

    def __init__(self, limits: Limits) -> None:
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


def zip_findings(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
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
    budget = Budget(limits)
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
    source: SourceFile, member: ZipMember, label: str, limits: Limits, budget: Budget
) -> Iterator[Finding]:
    named = member.name.endswith(_PICKLE_SUFFIXES)
    if not (named or member.deflated or starts_as_pickle(source.read(member.offset, min(2, member.stored_bytes)))):
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
    yield from content_findings(source, content, limits, named=named)


def _exhausted(file: str) -> Finding:
    return Finding("not-looked-into", "suspicious", file, None, "more pickles than are looked into", "it may hold any")


def _content(source: SourceFile, member: ZipMember, limits: Limits) -> bytes:
    return read_unverified(source, member, limits)


def content_findings(source: SourceFile, one: Content, limits: Limits, *, named: bool) -> Iterator[Finding]:
    """Findings in unpacked content; ``named`` says that it must be a pickle by its name."""
    limits = limits if one.name.endswith("/data.pkl") else _short(limits)
    if named and starts_as_pickle(one.content):
        yield from pickle_findings(
            one.content, source.path, one.name, limits, base_offset=one.offset, complete=one.complete
        )
    else:
        yield from hidden_pickle_findings(one.content, source.path, one.name, limits, base_offset=one.offset)


def loose_findings(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
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
    source: SourceFile, content: bytes, position: int, file: str, limits: Limits, budget: Budget
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
    """Deflated bytes, up to a limit, and whether that is all of them; None if they are not deflated."""
    inflater = zlib.decompressobj(window)
    try:
        found = inflater.decompress(content, limit_bytes)
    except zlib.error:
        return None
    return found, inflater.eof


def gzip_findings(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    """Findings in what a gzip file holds."""
    inflated = inflate(
        source.read(0, min(source.size, limits.pickle_bytes)), zlib.MAX_WBITS | 16, limits.zip_inflated_bytes
    )
    if inflated is None or not inflated[1]:
        yield Finding(
            "not-looked-into", "suspicious", file, 0, "a gzip file that cannot be unpacked within limits",
            "what it holds is not known",
        )  # fmt: skip
    if inflated is not None:
        one = Content(f"{file}:unpacked", inflated[0], 0, inflated[1])
        yield from content_findings(source, one, limits, named=True)


def tar_findings(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    """Findings in the members of a tar archive."""
    position = 0
    budget = Budget(limits)
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
            yield from content_findings(source, one, limits, named=True)
        position = start + -(-max(size, 0) // _TAR_BLOCK_BYTES) * _TAR_BLOCK_BYTES


def keras_findings(content: bytes, file: str) -> Iterator[Finding]:
    """A Lambda layer holds marshalled Python code, which Keras runs when it loads the model."""
    place = content.find(b'"Lambda"')
    if place >= 0 and b"class_name" in content:
        yield Finding("custom-code", "suspicious", file, place, "a Keras Lambda layer", "it holds Python code")
