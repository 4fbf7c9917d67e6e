"""Folders as sets of files: what lies where, how large, with which sha256; nothing is made of what they hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import SourceFile, door
from falsifiable.artifacts.sources.folders import inside


# Not slotted: the digests are computed when first asked for, and kept.
@dataclass(frozen=True, eq=False, repr=False)
class FileSet:
    """A folder with all files below it, relative path -> size in bytes. Files are hashed when a digest is asked for.

    ``replaced`` holds the sha256 of files that a mutation put in; the others are those on disk.
    """

    path: Path
    sizes: Mapping[str, int]
    replaced: Mapping[str, str] = field(default_factory=dict)
    _original: FileSet | None = None
    _mutation: str = ""

    kind: ClassVar[str] = "files"

    def __repr__(self) -> str:
        return f"<FileSet {str(self.path)!r}, {len(self.sizes)} files>"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file, sorted by its relative path."""
        return tuple(self.path / name for name in self.sizes)

    @cached_property
    def file_digests(self) -> Mapping[str, str]:
        """Relative path -> sha256. Raises ArtifactError where a file has gone or another size since."""
        known = self._original.file_digests if self._original is not None else {}
        return MappingProxyType(
            {name: self.replaced.get(name) or known.get(name) or self._hashed(name) for name in self.sizes}
        )

    @cached_property
    def digest(self) -> str:
        """sha256 over the sorted lines ``sha256  relative/path``."""
        if self._original is not None:
            return mutant_digest(self._original.digest, self._mutation)
        return digest_of_files(self.path, self.file_digests)

    def without_file(self, name: str) -> FileSet:
        """The same without a file. Raises KeyError where there is none of this name."""
        _ = self.sizes[name]
        kept = {one: size for one, size in self.sizes.items() if one != name}
        return self._with(kept, self.replaced, f"without {name}")

    def with_file(self, name: str, size: int, sha256: str) -> FileSet:
        """The same with a file of this size and sha256, in the place of one of this name or beside the others."""
        sizes = dict(sorted({**self.sizes, name: size}.items()))
        return self._with(sizes, {**self.replaced, name: sha256}, f"with {name}")

    def rewritten(self) -> FileSet:
        """The same files, written once more: the digest is marked as a mutant's and nothing else differs."""
        return self._with(self.sizes, self.replaced, "rewritten")

    def _with(self, sizes: Mapping[str, int], replaced: Mapping[str, str], mutation: str) -> FileSet:
        return replace(self, sizes=MappingProxyType(sizes), replaced=replaced, _original=self, _mutation=mutation)

    def _hashed(self, name: str) -> str:
        source = SourceFile(inside(self.path, name), name)
        if source.size != self.sizes[name]:
            raise ArtifactError(source.path, f"has {source.size} bytes, and had {self.sizes[name]} before")
        return source.sha256()


@door
def open_files(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> FileSet:
    """The files of the folder at ``path``, those in folders below included; none is read.

    Raises:
        ArtifactError: ``unreadable`` where there is no folder, or it holds what is no file, or more than the limits
            allow; ``unsound`` where a symbolic link leads out of it.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ArtifactError(folder, "is no folder" if folder.exists() else "no such folder", expected="a folder")
    sizes: dict[str, int] = {}
    for name, size in _sizes(folder, "", 0, limits):
        if len(sizes) == limits.set_files:
            raise ArtifactError(folder, f"holds more than {limits.set_files} files", expected="at most so many")
        sizes[name] = size
    return FileSet(folder, MappingProxyType(dict(sorted(sizes.items()))))


def _sizes(root: Path, below: str, level: int, limits: Limits) -> Iterator[tuple[str, int]]:
    """Relative path and size of every file. A folder that a link leads to is not entered, so that no loop is walked."""
    if level > limits.set_folder_levels:
        raise ArtifactError(root / below, f"lies more than {limits.set_folder_levels} folders deep")
    with os.scandir(root / below) as entries:
        for entry in entries:
            name = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(root, f"{name}/", level + 1, limits)
                continue
            status = inside(root, name).stat()
            if stat.S_ISDIR(status.st_mode):
                raise ArtifactError(root / name, "is a link to a folder", expected="files and folders", kind="unsound")
            if not stat.S_ISREG(status.st_mode):
                raise ArtifactError(root / name, "is neither a file nor a folder", expected="a regular file")
            yield name, status.st_size
