"""Where a workspace and its contracts lie; nothing of them is read here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ARTIFACTS_FILE = "artifacts.yaml"
CONTRACTS_FOLDER = "contracts"
CONTRACT_SUFFIX = ".yaml"


def find_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds ``artifacts.yaml`` or contracts; ``start`` if none does."""
    return root_above(start.resolve())


def root_above(start: Path) -> Path:
    """The same along the full path ``start`` as it is written: a linked folder is of the workspace that links to it."""
    for folder in (start, *start.parents):
        if (folder / ARTIFACTS_FILE).is_file() or any(_contracts(folder / CONTRACTS_FOLDER)):
            return folder
    return start


def contract_paths(folder: Path) -> list[Path]:
    """Every contract file in and below ``folder``, by path; none where there is no such folder."""
    by_parts = sorted(one.split(os.sep) for one in _contracts(folder))  # noqa: PTH206 - texts, see below
    return [Path(os.sep.join(one)) for one in by_parts]  # noqa: PTH118


def _contracts(folder: Path) -> Iterator[str]:
    """The paths of the contract files, in no order; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        # Texts, because ten thousand paths take as long to make as half of the files to read.
        yield from (os.path.join(parent, one) for one in (*folders, *files) if one.endswith(CONTRACT_SUFFIX))  # noqa: PTH118
