"""What ``contract validate`` does with contracts in the dialect of ``pv``: they are checked as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts import Workspace
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.pv.reader import PvFile, pv_file
from falsifiable.contracts.reader import SHORTER
from falsifiable.contracts.workspace import CONTRACT_SUFFIX, find_root
from falsifiable.contracts.yaml_reader import read_yaml

_SUFFIXES = (CONTRACT_SUFFIX, ".yml")


def named_pv(names: Sequence[str], root: Path | None) -> tuple[tuple[PvFile, ...], tuple[str, ...]]:
    """The contracts of ``pv`` among the files and folders named, judged, and the names that stand for anything else.

    A folder stands for all contracts below it. A file that is no YAML is among the first: it can be judged as it is.
    Tests and files that they cite are sought in the workspace around ``root``, by default around this folder.
    """
    theirs: list[PvFile] = []
    others: list[str] = []
    for name in names:
        paths = _files(name)
        for path in paths:
            file = read_yaml(path, shown=path.as_posix(), shorter=SHORTER)
            if file.root is None or speaks_pv(file.root):
                theirs.append(pv_file(file, path))
            else:
                others.append(path.as_posix())
        if not paths:
            others.append(name)
    return check_pv(theirs, root or find_root(Path.cwd())) if theirs else (), tuple(others)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(path.rglob(f"*{CONTRACT_SUFFIX}"))
    return [path] if name.endswith(_SUFFIXES) and path.exists() else []


def tell_pv(files: Sequence[PvFile], *, strict: bool, text: bool) -> ExitCode:
    """The exit code that follows from contracts of ``pv``; with ``text``, also print their faults and their count."""
    if text:
        click.echo("".join(f"{fault}\n" for file in files for fault in file.diagnostics), err=True, nl=False)
        click.echo(summary(files))
    if not all(one.valid for one in files):
        return ExitCode.INVALID
    return ExitCode.NOTHING_EXAMINED if strict else ExitCode.HELD


def only_pv() -> Workspace:
    """The folder we are in, as a workspace without contracts: files of ``pv`` may lie anywhere."""
    return Workspace(Path.cwd(), Path.cwd(), (), (), {}, ())


def with_pv(workspace: Workspace, files: Sequence[PvFile]) -> Workspace:
    """The workspace with files of ``pv`` that were named beside it."""
    faults = [fault for file in files for fault in file.diagnostics]
    return replace(workspace, pv=(*workspace.pv, *files), diagnostics=(*faults, *workspace.diagnostics))


def summary(files: Sequence[PvFile]) -> str:
    """How many contracts of ``pv`` are valid, and what else to do with them."""
    invalid = sum(not one.valid for one in files)
    contracts = "1 contract" if len(files) == 1 else f"{len(files)} contracts"
    judged = "valid" if not invalid else f"{len(files) - invalid} valid, {invalid} invalid"
    return f"{contracts} of pv: {judged}; their tests are not run here (contract import pv FILE makes them claims)"
