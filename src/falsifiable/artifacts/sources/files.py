"""Files as an artifact holds them: opened once, so that what is hashed is what is read."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS

_FILE_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}

_OPEN_FAILURES = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "a loop of symbolic links",
    errno.ENXIO: "a socket or a device without a driver",
    errno.ENAMETOOLONG: "a name too long for the file system",
}


_Door = TypeVar("_Door", bound=Callable[..., Any])


def door(opens: _Door) -> _Door:
    """Make what the operating system refuses a function that opens a path an ArtifactError too.

    A file is refused when it is opened; a name that is too long, or a folder that may not be searched, before.
    """

    @wraps(opens)
    def opened(path: Path | str, **options: Any) -> Any:
        try:
            return opens(path, **options)
        except OSError as fault:
            reason = _OPEN_FAILURES.get(fault.errno or 0, f"cannot be read: {fault.strerror or fault}")
            raise ArtifactError(path, reason) from fault

    return cast("_Door", opened)


class Readable(Protocol):
    """Bytes that can be read by position: an open file, or what was unpacked from one."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""

    @property
    def size(self) -> int:
        """Bytes in the file."""

    def read(self, offset: int, count: int) -> bytes:
        """Exactly ``count`` bytes from ``offset``."""


class Source(Readable, Protocol):
    """What readers need of an open file, wherever it lies: all of it is said at :class:`SourceFile`."""

    @property
    def relative(self) -> str:
        """The name under which the file enters digests."""

    @property
    def known_sha256(self) -> str | None:
        """The digest if it has been computed."""

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` from ``offset``."""

    def will_need(self, offset: int, count: int) -> None:
        """The range is read soon."""

    def blocks(self, offset: int, count: int, block_bytes: int) -> Iterator[bytes]:
        """The range in blocks."""

    def view(self, offset: int, count: int) -> memoryview:
        """The range, for the values of a tensor."""

    def sha256(self) -> str:
        """The digest of the whole file."""

    def remember_sha256(self, digest: str) -> None:
        """Take the digest that was computed while all of the file was read."""

    def verify_unchanged(self) -> None:
        """Raise ArtifactError if the file is not the one that was opened."""


class SourceFile:
    """A regular file that stays open, read by position, that notices when it changes under the reader.

    ``relative`` is the name under which the file enters digests. All reads go through one descriptor: replacing the
    file by another of the same name changes nothing here, and rewriting it in place is an :class:`ArtifactError`.
    """

    __slots__ = ("__weakref__", "_descriptor", "_mapped", "_sha256", "_stamp", "path", "relative", "size")

    def __init__(self, path: Path, relative: str | None = None) -> None:
        self.path = path
        self.relative = path.name if relative is None else relative
        self._descriptor = _open_regular(path)
        weakref.finalize(self, os.close, self._descriptor)
        self._stamp = self._current_stamp()
        self.size = self._stamp[0]
        self._mapped: mmap.mmap | None = None
        self._sha256: str | None = None

    def __repr__(self) -> str:
        return f"SourceFile({str(self.path)!r}, {self.size} bytes)"

    def read(self, offset: int, count: int) -> bytes:
        """Exactly ``count`` bytes from ``offset``; the range must lie inside the file."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ArtifactError(
                self.path,
                f"{count} bytes were asked of a file of {self.size} bytes",
                offset=offset,
                kind="unsound",
            )
        parts = []
        while count:
            try:
                part = os.pread(self._descriptor, count, offset)
            except OSError as fault:  # a failing disk, a network file system that went away
                raise ArtifactError(self.path, f"cannot be read: {fault.strerror}", offset=offset) from fault
            if not part:
                raise self._changed()
            parts.append(part)
            offset, count = offset + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` (bytes, writable) from ``offset``; the range must lie inside the file."""
        if offset < 0 or offset + len(buffer) > self.size:
            raise ArtifactError(
                self.path,
                f"{len(buffer)} bytes were asked of a file of {self.size} bytes",
                offset=offset,
                kind="unsound",
            )
        while buffer:
            try:
                count = os.preadv(self._descriptor, [buffer], offset)
            except OSError as fault:
                raise ArtifactError(self.path, f"cannot be read: {fault.strerror}", offset=offset) from fault
            if not count:
                raise self._changed()
            buffer, offset = buffer[count:], offset + count

    def will_need(self, offset: int, count: int) -> None:
        """Let the system read the range ahead of its use, where it can."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._descriptor, offset, count, os.POSIX_FADV_WILLNEED)

    def blocks(self, offset: int, count: int, block_bytes: int) -> Iterator[bytes]:
        """The range in order, in blocks of ``block_bytes`` (the last may be shorter)."""
        for start in range(offset, offset + count, block_bytes):
            yield self.read(start, min(block_bytes, offset + count - start))

    def view(self, offset: int, count: int) -> memoryview:
        """``count`` bytes from ``offset``, at least one, memory-mapped read-only: nothing is read until it is used."""
        self.verify_unchanged()
        if self._mapped is None:
            self._mapped = mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_READ)
        return memoryview(self._mapped)[offset : offset + count]

    @property
    def known_sha256(self) -> str | None:
        """The digest if it has been computed, without computing it."""
        return self._sha256

    def sha256(self) -> str:
        """The sha256 of the whole file in hexadecimal, computed once."""
        if self._sha256 is None:
            digest = hashlib.sha256()
            for block in self.blocks(0, self.size, DEFAULT_LIMITS.read_block_bytes):
                digest.update(block)
            self.verify_unchanged()
            self._sha256 = digest.hexdigest()
        return self._sha256

    def remember_sha256(self, digest: str) -> None:
        """Take the sha256 of the whole file from a pass that read all of it for other ends too."""
        self._sha256 = digest

    def verify_unchanged(self) -> None:
        """Raise ArtifactError if the file's size or modification time is not what it was when it was opened."""
        if self._current_stamp() != self._stamp:
            raise self._changed()

    def _current_stamp(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def _changed(self) -> ArtifactError:
        return ArtifactError(
            self.path, "the file changed while it was read", hint="Validate again once nothing writes to it"
        )


def _open_regular(path: Path) -> int:
    """A descriptor of the regular file at ``path``; a pipe or a device is refused instead of waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as fault:  # a NUL in the name
        raise ArtifactError(path, f"not a file name: {fault}") from fault
    except OSError as fault:
        reason = _OPEN_FAILURES.get(fault.errno or 0, fault.strerror or str(fault))
        raise ArtifactError(path, reason) from fault
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise ArtifactError(path, f"is {_FILE_KINDS.get(kind, 'not a regular file')}", expected="a regular file")
    return descriptor


def read_small_file(path: Path, limit_bytes: int, *, relative: str | None = None) -> tuple[Source, bytes]:
    """A file, here or elsewhere, that is read whole, and its bytes; larger than the limit is refused unread."""
    from falsifiable.artifacts.sources.folders import open_source

    source = open_source(path, relative)
    return source, read_whole(source, limit_bytes)


def read_whole(source: Source, limit_bytes: int) -> bytes:
    """All bytes of an open file, which is refused unread if it is larger than the limit."""
    if source.size > limit_bytes:
        raise ArtifactError(source.path, f"{source.size} bytes", expected=f"at most {limit_bytes} bytes")
    content = source.read(0, source.size)
    source.verify_unchanged()
    return content


def folder_digest(file_digests: Mapping[str, str]) -> str:
    """The digest of several files: sha256 over the sorted lines ``<sha256>  <relative/path>\\n``."""
    lines = sorted(f"{digest}  {relative}\n" for relative, digest in file_digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
