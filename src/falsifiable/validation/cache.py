"""What need not be done twice: digests of unchanged files, fingerprints of known bytes, verdicts already reached.

Everything here is a pure function of its key, so a lost or deleted entry costs time and nothing else. Entries are small
JSON files written beside their final name and renamed, so that concurrent validators never read half of one. They are
not synced, alone of all that this package writes: of what a power cut tears nothing is JSON, and it is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOMS: Mapping[str, str] = {
    "files": "digests of files whose size, modification time and inode are unchanged",
    "fingerprints": "what the tensors of known bytes hold",
    "verdicts": "verdicts already reached",
    "mutants": "what falsifiers said of generic mutations",
    "checks": "signatures of the installed checks",
    "lints": "what is wrong with contracts of pv, by folder",
    "specimens": "the built-in specimens, as files",
}
MOST_BYTES = 1 << 30
"""A verdict takes about 1 kB and the fingerprints of a model of 300 tensors 100 kB: this is years of both."""
TRIMMED_EVERY_SECONDS = 3600
"""How often a cache is looked through for what it need not keep: in an hour it grows by a small part of the limit."""
KEPT_SHARE = 0.8
"""How much of ``MOST_BYTES`` is left after trimming, so that not every validation has to trim."""
UNFINISHED_SECONDS = 3600
"""A temporary file this old was left by a process that is gone."""

_SHA256 = re.compile("[0-9a-f]{64}")


def cache_folder() -> Path:
    """``$FALSIFIABLE_CACHE``, else ``falsifiable`` in the user's cache folder (XDG)."""
    chosen = os.environ.get("FALSIFIABLE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "falsifiable"


def key_of(parts: Mapping[str, Any]) -> str:
    """The sha256 (hex) of ``parts`` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class RoomContents(NamedTuple):
    """How many files a room of the cache holds, and how many bytes they take."""

    entries: int
    bytes: int


class Cache:
    """JSON entries under ``folder``, by room and key. A folder that cannot be written to makes a cache that forgets."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()
        self._hashed: dict[str, str] = {}
        self._grew = False

    def get(self, room: str, key: str) -> Any | None:
        """The entry, or None where there is none or it cannot be read."""
        try:
            return json.loads(self.read(room, key) or b"null")
        except (ValueError, RecursionError):
            return None

    def put(self, room: str, key: str, entry: Any) -> None:
        """Remember ``entry`` (JSON data)."""
        self.write(room, key, json.dumps(entry).encode())

    def read(self, room: str, key: str) -> bytes | None:
        """The bytes of the entry, or None where there is none or it cannot be read."""
        try:
            return self.path(room, key).read_bytes()
        except OSError:
            return None

    def write(self, room: str, key: str, data: bytes) -> None:
        """Remember ``data`` as the bytes of an entry."""
        path = self.path(room, key)
        # A name that no other writer has; tempfile, which makes such names too, takes longer to import than to use.
        written = path.parent / f"tmp{os.getpid()}-{threading.get_ident()}-{time.monotonic_ns()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
            written.replace(path)
        except OSError:
            return
        self._grew = True

    def path(self, room: str, key: str) -> Path:
        """Where the entry is kept, whether or not there is one."""
        return self.folder / room / key[:2] / f"{key}.json"

    # Digests of files

    def file_digest(self, path: Path, *, rehash: bool = False) -> str:
        """The sha256 (hex) of a regular file.

        A file whose path, size, modification time and inode are those of an earlier call is trusted to have the same
        bytes; with ``rehash`` only where this very object read it. Raises OSError and ArtifactError.
        """
        from falsifiable.artifacts.sources.files import SourceFile

        key = file_identity(path)
        known = self._hashed.get(key) if rehash else self.known_file_digest(key)
        if known is None:
            known = SourceFile(path).sha256()
            self.put_file_digest(key, known)
        return known

    def known_file_digest(self, identity: str) -> str | None:
        """The sha256 (hex) of the file of this identity, if it has been read before."""
        known = self._hashed.get(identity) or self.get("files", identity)
        return known if isinstance(known, str) and _SHA256.fullmatch(known) else None

    def put_file_digest(self, identity: str, sha256: str) -> None:
        """Remember the digest of a file that has just been read."""
        self._hashed[identity] = sha256
        self.put("files", identity, sha256)

    # Size

    def contents(self) -> dict[str, RoomContents]:
        """What each room holds."""
        held = {}
        for room in ROOMS:
            sizes = [size for _, size, _ in _files(self.folder / room)]
            held[room] = RoomContents(len(sizes), sum(sizes))
        return held

    def trim_now_and_then(self) -> int:
        """Trim, unless that was done within ``TRIMMED_EVERY_SECONDS``: looking at every entry takes seconds."""
        stamp = self.folder / "trimmed"
        with contextlib.suppress(OSError):
            if time.time() - stamp.stat().st_mtime < TRIMMED_EVERY_SECONDS:
                return 0
        if not self._grew:
            return 0
        with contextlib.suppress(OSError):
            stamp.touch()
        return self.trim()

    def trim(self, most_bytes: int = MOST_BYTES) -> int:
        """Remove the entries written longest ago, if this object wrote and all take more than ``most_bytes``.

        Returns how many files were removed; one that another process removed first does not count. Specimens stay:
        they are folders, of which no file may be missing.
        """
        if not self._grew:
            return 0
        rooms = [room for room in ROOMS if room != "specimens"]
        files = sorted((one for room in rooms for one in _files(self.folder / room)), key=lambda one: one[2])
        excess = sum(size for _, size, _ in files) - most_bytes
        least = excess + (1 - KEPT_SHARE) * most_bytes if excess > 0 else 0
        abandoned = time.time() - UNFINISHED_SECONDS
        removed = 0
        for path, size, written in files:
            if least > 0 or (path.suffix != ".json" and path.name.startswith("tmp") and written < abandoned):
                removed += _removed(path)
                least -= size
        self._grew = False
        return removed

    def clear(self) -> int:
        """Remove every room, and nothing else that lies in the folder; how many files that were.

        What cannot be removed stays, and does not count; :meth:`contents` tells.
        """
        import shutil

        entries = sum(room.entries for room in self.contents().values())
        for room in ROOMS:
            shutil.rmtree(self.folder / room, ignore_errors=True)
        return entries - sum(room.entries for room in self.contents().values())


def file_identity(path: Path) -> str:
    """The key under which a file's digest is kept: path, size, modification time and inode. Raises OSError."""
    seen = path.stat()
    return key_of({"path": str(path.resolve()), "size": seen.st_size, "mtime": seen.st_mtime_ns, "inode": seen.st_ino})


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Every file below ``folder`` with its size in bytes and when it was written; what vanishes meanwhile is not."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                seen = path.lstat()
            except OSError:
                continue
            yield path, seen.st_size, seen.st_mtime


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
