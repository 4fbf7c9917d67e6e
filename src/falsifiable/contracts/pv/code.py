"""Where the code of a workspace lies: what decides the outcome of a test that a contract cites."""

from __future__ import annotations

from pathlib import Path

from falsifiable.contracts.bindings import path_fault
from falsifiable.contracts.pv.cited_tests import NOT_OURS, sources_below

_CODE = (".py", ".rs", ".toml", ".lock", ".cfg", ".ini")
"""Endings of files at the top of a workspace that are code, or say how code is built and tested."""


def code_of(root: Path) -> tuple[str, ...]:
    """The files and folders at the top of ``root`` that hold code, sorted.

    The top itself would do as well, but for what programs write there while they run: caches, builds, the folder of
    git.
    """
    names = sorted(one.name for one in root.iterdir() if not one.name.startswith(".") and one.name not in NOT_OURS)
    return tuple(one for one in names if not path_fault(one) and _holds_code(root / one))


def _holds_code(path: Path) -> bool:
    if path.is_dir():
        return next(sources_below(path), None) is not None
    return path.is_file() and path.name.endswith(_CODE)
