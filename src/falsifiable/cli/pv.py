"""What ``contract validate`` does with contracts in the dialect of ``pv``: they are checked as they stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.pv.reader import PvFile, pv_file
from falsifiable.contracts.reader import SHORTER
from falsifiable.contracts.workspace import CONTRACT_SUFFIX, find_root
from falsifiable.contracts.yaml_reader import read_yaml

_SUFFIXES = (CONTRACT_SUFFIX, ".yml")


def named_pv(names: Sequence[str]) -> tuple[tuple[PvFile, ...], tuple[str, ...]]:
    """The contracts of ``pv`` among the files and folders named, and the names that stand for anything else.

    A folder stands for all contracts below it. A file that is no YAML is among the first: it can be judged as it is.
    """
    theirs: list[PvFile] = []
    others: list[str] = []
    for name in names:
        for path in _files(name):
            file = read_yaml(path, shown=path.as_posix(), shorter=SHORTER)
            if file.root is None or speaks_pv(file.root):
                theirs.append(pv_file(file, path))
            else:
                others.append(path.as_posix())
        if not _files(name):
            others.append(name)
    return tuple(theirs), tuple(others)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(path.rglob(f"*{CONTRACT_SUFFIX}"))
    return [path] if name.endswith(_SUFFIXES) and path.exists() else []


def judge_pv(files: Sequence[PvFile], root: Path | None) -> tuple[PvFile, ...]:
    """The same files, with what ``pv`` misses; tests and files that they cite are sought in the workspace."""
    return check_pv(files, root or find_root(Path.cwd()))


def tell_pv(files: Sequence[PvFile], form: str, *, strict: bool) -> ExitCode:
    """Print what is wrong with contracts of ``pv``, and how many are valid; the exit code that follows."""
    if form == "json":
        click.echo(json.dumps({"pv": [_as_json(one) for one in files]}, indent=2))
    else:
        faults = "".join(f"{fault}\n" for file in files for fault in file.diagnostics)
        click.echo(faults, err=True, nl=False)
        click.echo(summary(files))
    if not all(one.valid for one in files):
        return ExitCode.INVALID
    return ExitCode.NOTHING_EXAMINED if strict else ExitCode.HELD


def summary(files: Sequence[PvFile]) -> str:
    """How many contracts of ``pv`` are valid, and what else to do with them."""
    invalid = sum(not one.valid for one in files)
    contracts = "1 contract" if len(files) == 1 else f"{len(files)} contracts"
    judged = "valid" if not invalid else f"{len(files) - invalid} valid, {invalid} invalid"
    return f"{contracts} of pv: {judged}; their tests are not run here (contract import pv FILE makes them claims)"


def _as_json(file: PvFile) -> dict[str, object]:
    return {"path": file.path, "valid": file.valid, "diagnostics": [one.to_json() for one in file.diagnostics]}
