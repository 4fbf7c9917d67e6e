"""Writing a file so that a process killed at any moment leaves the old bytes or the new ones, never a part."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"

ABANDONED_SECONDS = 3600
"""A temporary file this old was left by a process that was killed; no write takes so long."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}" + re.escape(TEMPORARY_SUFFIX))


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``: a temporary file beside it, synced, renamed, and the folder synced.

    The permissions of an existing file are kept, and a symbolic link is written through. Raises OSError that names
    ``path``; what was there is then as it was.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o7777 if target.exists() else None
    with _written_beside(target, path, data, mode) as temporary:
        temporary.replace(target)
    _sync_folder(target.parent)


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write ``data`` to a file that is not there yet, with these permissions from its first byte on.

    Raises FileExistsError where ``path`` is there, and OSError that names ``path``; nothing is then written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _written_beside(path, path, data, mode) as temporary:
        os.link(temporary, path)  # unlike a rename, it replaces nothing
    _sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove ``path``, if it is there, so that it is not there after a power cut either. Raises OSError."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        _sync_folder(path.parent)


def unfinished_files(folder: Path) -> tuple[Path, ...]:
    """The temporary files in ``folder``, by name: of writers that were killed, or that write just now."""
    found = (one for one in folder.iterdir() if _TEMPORARY.fullmatch(one.name)) if folder.is_dir() else ()
    return tuple(sorted(found))


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in ``folder`` that nobody can be writing any more."""
    before = time.time() - ABANDONED_SECONDS
    for path in unfinished_files(folder):
        with contextlib.suppress(OSError):  # gone meanwhile, or not ours; it does no harm
            if path.lstat().st_mtime < before:
                path.unlink()


@contextlib.contextmanager
def _written_beside(target: Path, path: Path, data: bytes, mode: int | None) -> Iterator[Path]:
    """A synced temporary file with ``data`` beside ``target``, gone afterwards; errors name ``path``."""
    temporary = target.parent / f".{target.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(temporary, flags, 0o666 if mode is None else 0o600)
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                temporary.chmod(mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    except OSError as error:  # a full disk names no file, and whoever reads of the temporary one does not know it
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Windows cannot open a folder, and renames durably without it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
