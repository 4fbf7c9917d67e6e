"""Folders of files, here or elsewhere, asked by name: what a format of several files is read through."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.sources.files import Source, SourceFile
from falsifiable.artifacts.sources.remote_path import RemotePath


class Folder(Protocol):
    """A folder whose files are asked for by name; no name leads out of it."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""

    def holds(self, name: str) -> bool:
        """Whether there is something of this name. Raises ArtifactError where the other side does not answer."""

    def open(self, name: str) -> Source:
        """The open file ``name``, whose ``relative`` is that name. Raises ArtifactError."""

    def names(self) -> list[str] | None:
        """What the folder holds, sorted; None where it cannot be listed (HTTP)."""


class LocalFolder:
    """A folder of this machine. A symbolic link must not lead out of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, name: str) -> bool:
        """Whether there is a file or a link of this name, even one that leads nowhere."""
        return (self.path / name).exists() or (self.path / name).is_symlink()

    def open(self, name: str) -> Source:
        """The open file ``name``."""
        return SourceFile(inside(self.path, name), name)

    def names(self) -> list[str]:
        """What the folder holds, sorted."""
        return sorted(one.name for one in self.path.iterdir())


class RemoteFolder:
    """A folder elsewhere."""

    def __init__(self, path: RemotePath) -> None:
        self.path = path

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name; its first block comes along and is remembered."""
        from falsifiable.artifacts.sources.remote import identify

        return identify(self.path / name) is not None

    def open(self, name: str) -> Source:
        """The open file ``name``."""
        return open_source(self.path / name, name)

    def names(self) -> list[str] | None:
        """What the folder holds, where the protocol has a list."""
        from falsifiable.artifacts.sources.transport import names_in

        return names_in(self.path, self.path.memory.seconds)


def folder_of(path: Path) -> Folder:
    """The folder at ``path``, here or elsewhere; nothing is asked of it yet."""
    return RemoteFolder(path) if isinstance(path, RemotePath) else LocalFolder(path)


def open_source(path: Path, relative: str | None = None) -> Source:
    """The open file at ``path``, here or elsewhere. Raises ArtifactError."""
    if isinstance(path, RemotePath):
        from falsifiable.artifacts.sources.remote import RemoteFile

        return RemoteFile(path, relative)
    return SourceFile(path, relative)


def boundary_of(folder: Path) -> Path:
    """What a link in a local folder must not lead out of: the folder.

    In the cache of the Hugging Face hub, ``snapshots/REVISION/FILE`` links to ``blobs/DIGEST`` two folders up; there,
    the model's cache folder is the boundary.
    """
    root = folder.resolve()
    is_in_hub = root.parent.name == "snapshots" and (root.parent.parent / "blobs").is_dir()
    return root.parent.parent if is_in_hub else root


def inside(folder: Path, name: str) -> Path:
    """The path of a file of a local folder, which must not lead out of it through a symbolic link.

    Raises ArtifactError (unsound) where it does.
    """
    path, boundary = folder / name, boundary_of(folder)
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as fault:  # RuntimeError: a loop of links, up to Python 3.12
        raise ArtifactError(path, f"cannot be followed: {fault}") from fault
    if not target.is_relative_to(boundary):
        raise ArtifactError(
            path,
            f"is a symbolic link out of the folder, to {target}",
            expected=f"a file inside {boundary}",
            kind="unsound",
        )
    return path
