"""Digests and sizes of what a run leaves behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

from falsifiable.artifacts import folder_digest


def digest_of(path: Path) -> str:
    """The sha256 of a file, or of a folder: over the sorted lines ``sha256  relative/path`` of all files in it."""
    if path.is_dir():
        return folder_digest({file.relative_to(path).as_posix(): digest_of(file) for file in _files(path)})
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """The size of a file, or of all files in a folder, in bytes."""
    files = _files(path) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
