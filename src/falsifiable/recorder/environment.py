"""Where a run took place: the commit, the interpreter, the libraries, the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")
_MOST_NEW_FILES = 1_000


def commit_and_dirty(folder: Path) -> tuple[str | None, bool | None]:
    """The checked-out commit of the repository that holds ``folder``, and whether its tree differs from that commit.

    Files that git does not ignore count as a difference even when untracked, because the run may have used them. Both
    are None outside a repository; the commit alone is None before the first one.
    """
    status = _git(folder, "status", "--porcelain")
    if status is None:
        return None, None
    return _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"), bool(status)


def changed_paths(folder: Path, base: str, without: Path) -> list[str] | None:
    """The paths, from the repository's root, that differ from the commit ``base``; None where git cannot say.

    What was committed since, what is changed, and what is new and not ignored. ``without`` is the run's own folder,
    which the run of course writes. Of folders with very many new files the folder alone is named.
    """
    root = _git(folder, "rev-parse", "--show-toplevel")
    changed = _git(folder, "diff", "--name-only", "--no-renames", "--no-relative", "-z", base)
    new = _new_paths(folder)
    if root is None or changed is None or new is None:
        return None
    paths = {path for path in f"{changed}\0{new}".split("\0") if path}
    own = Path(os.path.relpath(without.resolve(), root)).as_posix()
    return sorted(path for path in paths if path.rstrip("/") != own and not path.startswith(f"{own}/"))


def _new_paths(folder: Path) -> str | None:
    listing = ("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", ":/")
    new = _git(folder, *listing)
    if new is None or new.count("\0") <= _MOST_NEW_FILES:
        return new
    return _git(folder, *listing[:-2], "--directory", *listing[-2:])


def describe_environment() -> dict[str, str | int | None]:
    """Versions and machine, read without importing any of the libraries named. ``cuda`` is filled in by the model."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{library: library_version(library) for library in _LIBRARIES},
        "cpu_count": os.cpu_count(),
        "cuda": None,
    }


def library_version(distribution: str) -> str | None:
    """The installed version of a distribution, or None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip("\n") if answer.returncode == 0 else None
