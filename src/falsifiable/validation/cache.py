"""What need not be done twice: digests of unchanged files, fingerprints of known bytes, verdicts already reached.

Everything here is a pure function of its key, so a lost or deleted entry costs time and nothing else. Entries are small
JSON files written beside their final name and renamed, so that concurrent validators never read half of one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falsifiable.artifacts.files import SourceFile


def cache_folder() -> Path:
    """``$FALSIFIABLE_CACHE``, else ``falsifiable`` in the user's cache folder (XDG)."""
    chosen = os.environ.get("FALSIFIABLE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "falsifiable"


def key_of(parts: Mapping[str, Any]) -> str:
    """The sha256 (hex) of ``parts`` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Cache:
    """JSON entries under ``folder``, by room and key. A folder that cannot be written to makes a cache that forgets."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()

    def get(self, room: str, key: str) -> Any | None:
        """The entry, or None where there is none or it cannot be read."""
        try:
            return json.loads(self.path(room, key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, room: str, key: str, entry: Any) -> None:
        """Remember ``entry`` (JSON data)."""
        path = self.path(room, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
                json.dump(entry, file)
            Path(file.name).replace(path)
        except OSError:
            return

    def path(self, room: str, key: str) -> Path:
        """Where the entry is kept, whether or not there is one."""
        return self.folder / room / key[:2] / f"{key}.json"

    def file_digest(self, path: Path, *, rehash: bool = False) -> str:
        """The sha256 (hex) of a regular file.

        Unless ``rehash``, a file whose path, size, modification time and inode are those of an earlier call is trusted
        to have the same bytes. Raises OSError and ArtifactError.
        """
        seen = path.stat()
        identity = {"path": str(path.resolve()), "size": seen.st_size, "mtime": seen.st_mtime_ns, "inode": seen.st_ino}
        key = key_of(identity)
        known = None if rehash else self.get("files", key)
        if known is None:
            known = SourceFile(path).sha256()
            self.put("files", key, known)
        return str(known)
