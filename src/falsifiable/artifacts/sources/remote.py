"""Files that lie elsewhere, read by range: a header costs its own bytes, a tensor those of the tensor.

What has been read is remembered for the run, so that every falsifier opening the same model again asks for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.remote_path import RemotePath
from falsifiable.artifacts.sources.transport import SECONDS, Absent, Identity, changed, fetch

_BLOCK_BYTES = 64 * 2**10  # most headers of safetensors shards, and every config.json, are one
_LARGEST_REQUEST_BYTES = 2**20
_MOST_SPANS = _LARGEST_REQUEST_BYTES // _BLOCK_BYTES
_ABSENT = b"absent"

REMOTE_MARK = "remote:"


class Memory:
    """What has been fetched from elsewhere in this run: by URL, what the file is, and its blocks.

    With a ``folder`` it is shared with the other processes of the run, which are given the folder's name. Up to
    ``limits.remote_bytes`` are kept; what comes after is fetched again when it is wanted again.
    """

    def __init__(
        self, folder: Path | None = None, *, limits: Limits = DEFAULT_LIMITS, seconds: float = SECONDS
    ) -> None:
        self.folder = folder
        self.limits = limits
        self.seconds = seconds
        self._kept: dict[tuple[str, str], bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @classmethod
    def shared(cls) -> Memory:
        """One whose folder is new, readable by this user alone, and removed when the memory is forgotten."""
        folder = tempfile.mkdtemp(prefix="falsifiable-remote-")
        memory = cls(Path(folder))
        weakref.finalize(memory, shutil.rmtree, folder, ignore_errors=True)
        return memory

    def get(self, path: RemotePath, name: str) -> bytes | None:
        """What is kept under ``name`` of the file at ``path``."""
        kept = self._kept.get((path.url, name))
        if kept is None and self.folder is not None:
            with contextlib.suppress(OSError):
                kept = self._place(self.folder, path, name).read_bytes()
        return kept

    def put(self, path: RemotePath, name: str, content: bytes) -> None:
        """Keep ``content``, unless the memory is full."""
        with self._lock:
            if self._bytes + len(content) > self.limits.remote_bytes:
                return
            self._bytes += len(content)
            self._kept[path.url, name] = content
        if self.folder is not None:
            with contextlib.suppress(OSError):  # a full disk costs a second fetch
                place = self._place(self.folder, path, name)
                place.parent.mkdir(mode=0o700, exist_ok=True)
                with tempfile.NamedTemporaryFile("wb", dir=place.parent, delete=False) as file:
                    file.write(content)
                Path(file.name).replace(place)  # so that no process reads half of it

    def size_of(self, path: RemotePath) -> int | None:
        """The size of the file at ``path`` in bytes, None where there is none. Raises ArtifactError."""
        identity = identify(path)
        return None if identity is None else identity.size

    @staticmethod
    def _place(folder: Path, path: RemotePath, name: str) -> Path:
        return folder / hashlib.sha256(path.url.encode()).hexdigest() / name


def identify(path: RemotePath) -> Identity | None:
    """What the file at ``path`` is, or None where there is none; its first block comes along and is remembered.

    Raises:
        ArtifactError: the other side does not answer, or not in a way that can be read by range.
    """
    memory = path.memory
    kept = memory.get(path, "identity")
    if kept is not None:
        return None if kept == _ABSENT else Identity(*json.loads(kept))
    try:
        content, identity = fetch(path, 0, _BLOCK_BYTES, memory.seconds)
    except Absent:
        memory.put(path, "identity", _ABSENT)
        return None
    memory.put(path, "0", content)
    memory.put(path, "identity", json.dumps(astuple(identity)).encode())
    return identity


def remote_digest(place: RemotePath, files: Iterable[Path]) -> str:
    """What stands for the digest of an artifact whose bytes have not all been read: ``remote:<url>#<version>``.

    It is no sha256, so that no verdict on it can be recorded as evidence. The version is made of sizes and strong tags;
    where a file has none, it is one of its own for every call, and nothing known of it serves for another run.
    """
    lines = []
    for file in files:
        identity = identify(file) if isinstance(file, RemotePath) else None
        if identity is None or not identity.strong:
            return f"{REMOTE_MARK}{place}#unidentified-{secrets.token_hex(8)}"
        lines.append(f"{identity.size} {identity.tag}  {file}\n")
    if not lines:
        return f"{REMOTE_MARK}{place}#unidentified-{secrets.token_hex(8)}"
    return f"{REMOTE_MARK}{place}#{hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest()[:32]}"


class RemoteFile:
    """A file elsewhere that is read like a :class:`~falsifiable.artifacts.sources.files.SourceFile`: by position.

    Every answer must come from the version that was opened; another size or tag is an :class:`ArtifactError`. What
    :meth:`read` and :meth:`blocks` fetch is remembered, what :meth:`view` fetches (tensors) is not.
    """

    __slots__ = ("_ahead", "_sha256", "identity", "path", "relative", "size")

    def __init__(self, path: RemotePath, relative: str | None = None) -> None:
        self.path = path
        self.relative = path.name if relative is None else relative
        identity = identify(path)
        if identity is None:
            raise Absent(path, "no such file", hint="Check the address")
        self.identity = identity
        self.size = identity.size
        self._sha256: str | None = None
        self._ahead = (1, 1)  # the block after the last one fetched, and how many came with it

    def __repr__(self) -> str:
        return f"RemoteFile({str(self.path)!r}, {self.size} bytes)"

    def read(self, offset: int, count: int) -> bytes:
        """Exactly ``count`` bytes from ``offset``; the range must lie inside the file."""
        self._check_range(offset, count)
        self._check_amount(offset, count)
        if not count:
            return b""
        first, last = offset // _BLOCK_BYTES, (offset + count - 1) // _BLOCK_BYTES
        content = b"".join(self._blocks_of(first, last))
        start = offset - first * _BLOCK_BYTES
        return content[start : start + count]

    def blocks(self, offset: int, count: int, block_bytes: int) -> Iterator[bytes]:
        """The range in order, in blocks of ``block_bytes`` (the last may be shorter)."""
        self._check_amount(offset, count)
        for start in range(offset, offset + count, block_bytes):
            yield self.read(start, min(block_bytes, offset + count - start))

    def view(self, offset: int, count: int) -> memoryview:
        """``count`` bytes from ``offset``, fetched now and kept by nobody but the caller."""
        self._check_range(offset, count)
        self._check_range(offset, count)
        content = memoryview(bytearray(count))
        self._fill(content, offset)
        return content.toreadonly()

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` (bytes, writable) from ``offset``; the range must lie inside the file."""
        self._check_range(offset, len(buffer))
        self._check_amount(offset, len(buffer))
        self._fill(buffer, offset)

    def _fill(self, buffer: memoryview, offset: int) -> None:
        for start in range(0, len(buffer), _LARGEST_REQUEST_BYTES):
            length = min(_LARGEST_REQUEST_BYTES, len(buffer) - start)
            buffer[start : start + length] = self._fetch(offset + start, length)

    def will_need(self, offset: int, count: int) -> None:
        """Nothing: what is not asked for is not fetched."""

    @property
    def known_sha256(self) -> str | None:
        """The digest if it has been computed, without computing it."""
        return self._sha256

    def sha256(self) -> str:
        """The sha256 of the whole file, which is fetched for it; refused for one of more than the limit."""
        if self._sha256 is None:
            digest = hashlib.sha256()
            for block in self.blocks(0, self.size, _LARGEST_REQUEST_BYTES):
                digest.update(block)
            self._sha256 = digest.hexdigest()
        return self._sha256

    def remember_sha256(self, digest: str) -> None:
        """Take the digest that was computed while all of the file was read."""
        self._sha256 = digest

    def verify_unchanged(self) -> None:
        """Raise ArtifactError if the file is no longer the one that was opened.

        Every answer has been held against a strong tag already, so that one needs no further request.
        """
        if not self.identity.strong and self.size:
            self._fetch(0, 1)

    def _blocks_of(self, first: int, last: int) -> Iterator[bytes]:
        number = first
        while number <= last:
            kept = self.path.memory.get(self.path, str(number))
            if kept is not None:
                yield kept
                number += 1
                continue
            fetched = self._fetch_blocks(number, last)
            yield from fetched[: last + 1 - number]
            number += len(fetched)

    def _fetch_blocks(self, number: int, last: int) -> list[bytes]:
        """Blocks from ``number`` on: those that are wanted up to ``last``, and more where reading goes straight on."""
        expected, came = self._ahead
        spans = min(_MOST_SPANS, max(last + 1 - number, 2 * came if number == expected else 1))
        start = number * _BLOCK_BYTES
        content = self._fetch(start, min(spans * _BLOCK_BYTES, self.size - start))
        blocks = [content[at : at + _BLOCK_BYTES] for at in range(0, len(content), _BLOCK_BYTES)]
        for place, block in enumerate(blocks, number):
            self.path.memory.put(self.path, str(place), block)
        self._ahead = number + len(blocks), len(blocks)
        return blocks

    def _fetch(self, offset: int, count: int) -> bytes:
        content, identity = fetch(self.path, offset, count, self.path.memory.seconds)
        if identity != self.identity or len(content) != count:
            raise changed(self.path, offset)
        return content

    def _check_amount(self, offset: int, count: int) -> None:
        """Whoever asks for more than headers are asks for the whole file, and should say so by fetching it."""
        limit = self.path.memory.limits.remote_bytes
        if count > limit:
            raise ArtifactError(
                self.path,
                f"{count} bytes of it would have to be fetched",
                offset=offset,
                expected=f"at most {limit} bytes",
                hint="Fetch the file and give its path",
            )

    def _check_range(self, offset: int, count: int) -> None:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ArtifactError(
                self.path,
                f"{count} bytes were asked of a file of {self.size} bytes",
                offset=offset,
                kind="unsound",
            )
