"""What ``contract validate`` does with contracts in the dialect of ``pv``: they are checked as they stand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts.places import CONTRACT_SUFFIX, contract_paths, find_root
from falsifiable.contracts.pv.file import PvFile

if TYPE_CHECKING:
    from falsifiable.contracts import Workspace

_SUFFIXES = (CONTRACT_SUFFIX, ".yml")


def named_pv(names: Sequence[str], root: Path | None) -> tuple[tuple[PvFile, ...], tuple[str, ...]]:
    """The contracts of ``pv`` among the files and folders named, judged, and the names that stand for anything else.

    A folder stands for all contracts below it. A file that is no YAML is among the first: it can be judged as it is.
    Tests and files that they cite are sought in the workspace around ``root``, by default around this folder.
    """
    if not names:
        return (), ()
    from falsifiable.contracts.pv.check import check_pv
    from falsifiable.validation.cache import Cache
    from falsifiable.validation.lint_cache import LintCache

    theirs: list[PvFile] = []
    others: list[str] = []
    known = LintCache(Cache())
    for name in names:
        paths = _files(name)
        for path in paths:
            file = known.read(path)
            if file is not None:
                theirs.append(file)
            else:
                others.append(path.as_posix())
        if not paths:
            others.append(name)
    known.keep()
    return check_pv(theirs, root or find_root(Path.cwd())) if theirs else (), tuple(others)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return contract_paths(path)
    return [path] if name.endswith(_SUFFIXES) and path.exists() else []


def tell_pv(files: Sequence[PvFile], *, strict: bool, text: bool) -> ExitCode:
    """The exit code that follows from contracts of ``pv``; with ``text``, also print their faults and their count."""
    if text:
        sys.stderr.write("".join(f"{fault}\n" for file in files for fault in file.diagnostics))
        sys.stdout.write(f"{summary(files)}\n")
    if not all(one.valid for one in files):
        return ExitCode.INVALID
    return ExitCode.NOTHING_EXAMINED if strict else ExitCode.HELD


def only_pv() -> Workspace:
    """The folder we are in, as a workspace without contracts: files of ``pv`` may lie anywhere."""
    from falsifiable.contracts import Workspace

    return Workspace(Path.cwd(), Path.cwd(), (), (), {}, ())


def with_pv(workspace: Workspace, files: Sequence[PvFile]) -> Workspace:
    """The workspace with files of ``pv`` that were named beside it."""
    from dataclasses import replace

    faults = [fault for file in files for fault in file.diagnostics]
    return replace(workspace, pv=(*workspace.pv, *files), diagnostics=(*faults, *workspace.diagnostics))


def summary(files: Sequence[PvFile]) -> str:
    """How many contracts of ``pv`` are valid, and what else to do with them."""
    invalid = sum(not one.valid for one in files)
    contracts = "1 contract" if len(files) == 1 else f"{len(files)} contracts"
    judged = "valid" if not invalid else f"{len(files) - invalid} valid, {invalid} invalid"
    return f"{contracts} of pv: {judged}; their tests are not run here (contract import pv FILE makes them claims)"
