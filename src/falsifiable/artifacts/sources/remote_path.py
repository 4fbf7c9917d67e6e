"""The place of an artifact that lies elsewhere, in the form in which everything else names files: as a path."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.contracts.urls import PROTOCOLS, looks_like_url, url_fault, without_secrets

if TYPE_CHECKING:
    from falsifiable.artifacts.sources.remote import Memory

# A name that ends so is a file; any other is a folder. HTTP does not say which is which, and a name costs no request.
_FILE_SUFFIXES = frozenset({
    ".apr", ".bin", ".ckpt", ".gguf", ".h5", ".jinja", ".json", ".model", ".msgpack", ".npz", ".onnx", ".pt", ".pth",
    ".safetensors", ".txt", ".yaml", ".zip",
})  # fmt: skip


class RemotePath(PosixPath):
    """A URL where a path is expected: for naming, joining and comparing, and to ask what is there.

    Its text is the URL without user, password and query, so that no message or record can hold a key. ``memory`` is
    what has been fetched from there in this run, shared by all paths made from this one. It can never be taken for a
    file of this machine: every operation of the system on it is a FileNotFoundError, because it has no local name.
    """

    url: str
    memory: Memory

    @classmethod
    def of(cls, url: str, memory: Memory) -> RemotePath:
        """The place at ``url``, which has been checked."""
        shown = without_secrets(url)
        one = cls(shown)
        one.url, one.memory = url, memory
        return one

    def __str__(self) -> str:
        return without_secrets(self.url) if hasattr(self, "url") else super().__str__()

    def __fspath__(self) -> str:
        raise FileNotFoundError(
            errno.ENOENT, "lies elsewhere and has no local file; read it through the artifact", str(self)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and str(self) == str(other) and self._address == other._address

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes a place goes without its memory, which is handed over as a folder."""
        return _rebuilt, (self._address,)

    @property
    def _address(self) -> str:
        return getattr(self, "url", "")

    @property
    def protocol(self) -> str:
        """The part before ``://``, such as ``https``."""
        return self.url.partition("://")[0].lower()

    @property
    def name(self) -> str:  # type: ignore[override, unused-ignore]
        """The last name in the path of the URL."""
        return unquote(str(self).rstrip("/").rpartition("/")[2])

    @property
    def parent(self) -> RemotePath:
        """The folder that holds this; at the root, the root."""
        parts = urlsplit(self.url)
        folder = parts.path.rstrip("/").rpartition("/")[0]
        return RemotePath.of(urlunsplit(parts._replace(path=f"{folder}/")), self.memory)

    def __truediv__(self, name: str | os.PathLike[str]) -> RemotePath:
        """The file ``name`` of this folder; the name is quoted, so that nothing in it is read as part of the URL."""
        parts = urlsplit(self.url)
        below = quote(str(name), safe="/") if self.protocol.startswith("http") else str(name)
        return RemotePath.of(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{below}")), self.memory)

    def is_dir(self, **_: Any) -> bool:
        """Whether it is a folder, by its name alone: one ends in ``/`` or without the suffix of a known file."""
        return urlsplit(self.url).path.endswith("/") or Path(self.name).suffix.lower() not in _FILE_SUFFIXES

    def is_file(self, **_: Any) -> bool:
        """Whether there is a file; asks the other side."""
        return not self.is_dir() and self.exists()

    def is_symlink(self) -> bool:
        """Never: what lies elsewhere is known by its name only."""
        return False

    def exists(self, **_: Any) -> bool:
        """Whether there is a file; asks the other side. Raises ArtifactError where it does not answer."""
        return self.memory.size_of(self) is not None

    def resolve(self, strict: bool = False) -> RemotePath:  # noqa: ARG002 - as of any path
        """The place itself; a URL has no symbolic links."""
        return self

    def absolute(self) -> RemotePath:
        """The place itself."""
        return self

    def iterdir(self) -> Generator[RemotePath, None, None]:
        """Refused: over HTTP there is no list of files; :class:`Folder` asks by name."""
        raise ArtifactError(self, "the files of a remote folder cannot be listed", expected="a name to ask for")

    def glob(self, *_: Any, **__: Any) -> Generator[RemotePath, None, None]:
        """Nothing: files are asked for by name."""
        yield from ()

    def with_name(self, name: str) -> RemotePath:
        """The file ``name`` beside this one."""
        return self.parent / name

    def stat(self, **_: Any) -> os.stat_result:
        """The size of the file, as a regular file that may be read; FileNotFoundError where there is none."""
        size = self.memory.size_of(self)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(self))
        return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, size, 0, 0, 0))


def _rebuilt(url: str) -> Path:
    return place_of(url) if url else Path()


def place_of(place: str | Path, memory: Memory | None = None) -> Path:
    """The path of a local file or folder, or a :class:`RemotePath` for a URL; ``file://`` is local. Nothing is opened.

    Raises:
        ArtifactError: a URL that is not read: another protocol, a chain of protocols, no host.
    """
    if isinstance(place, Path):
        return place
    if not looks_like_url(place):
        return Path(place)
    if place.lower().startswith("file://") and "::" not in place:
        return Path(url2pathname(urlsplit(place).path))
    fault = url_fault(place)
    if fault:
        raise ArtifactError(
            without_secrets(place), f"{fault} is not read", expected=f"a path, or one of {', '.join(PROTOCOLS)}"
        )
    from falsifiable.artifacts.sources.remote import Memory

    return RemotePath.of(place, memory or Memory())
