"""Where a workspace and its contracts lie; nothing of them is read here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

ARTIFACTS_FILE = "artifacts.yaml"
CONTRACTS_FOLDER = "contracts"
CONTRACT_SUFFIX = ".yaml"
YAML_SUFFIXES = (CONTRACT_SUFFIX, ".yml")
"""How the names of YAML files end, compared in lower case."""


def find_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds ``artifacts.yaml`` or contracts; ``start`` if none does."""
    return root_above(start.resolve())


def root_above(start: Path) -> Path:
    """The same along the full path ``start`` as it is written: a linked folder is of the workspace that links to it."""
    for folder in (start, *start.parents):
        if os.path.isfile(folder / ARTIFACTS_FILE) or any(_contracts(folder / CONTRACTS_FOLDER)):  # noqa: PTH113 - false where it cannot be told
            return folder
    return start


def contract_paths(folder: Path) -> list[Path]:
    """Every contract file in and below ``folder``, by path; none where there is no such folder.

    A folder that cannot be opened stands for the contracts in it, so that whoever reads it is told why it cannot be.
    """
    closed: list[str] = []
    found = [*_contracts(folder, kept_if_closed(closed)), *closed]
    by_parts = sorted(one.split(os.sep) for one in found)  # noqa: PTH206 - texts, see below
    return [Path(os.sep.join(one)) for one in by_parts]  # noqa: PTH118


def misnamed_paths(folder: Path) -> list[Path]:
    """Every YAML file in and below ``folder`` that is no contract because of how its name ends, by path."""
    return sorted(
        Path(parent, one)
        for parent, _, files in os.walk(folder)
        for one in files
        if one.lower().endswith(YAML_SUFFIXES) and not one.endswith(CONTRACT_SUFFIX)
    )


def kept_if_closed(kept: list[str]) -> Callable[[OSError], None]:
    """What ``os.walk`` tells of a folder that it cannot open: its path is ``kept``, unless no folder is there."""

    def keep(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            kept.append(error.filename)

    return keep


def _contracts(folder: Path, closed: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """The paths of the contract files, in no order; links to folders are not followed."""
    for parent, folders, files in os.walk(folder, onerror=closed):
        # Texts, because ten thousand paths take as long to make as half of the files to read.
        yield from (os.path.join(parent, one) for one in (*folders, *files) if one.endswith(CONTRACT_SUFFIX))  # noqa: PTH118
