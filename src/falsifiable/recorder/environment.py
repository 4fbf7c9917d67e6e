"""Where a run took place: the commit, the interpreter, the libraries, the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")


def commit_and_dirty(folder: Path) -> tuple[str | None, bool | None]:
    """The checked-out commit of the repository that holds ``folder``, and whether its tree differs from that commit.

    Files that git does not ignore count as a difference even when untracked, because the run may have used them. Both
    are None outside a repository; the commit alone is None before the first one.
    """
    status = _git(folder, "status", "--porcelain")
    if status is None:
        return None, None
    return _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"), bool(status)


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
    return answer.stdout.strip() if answer.returncode == 0 else None
