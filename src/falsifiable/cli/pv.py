"""What ``contract validate`` does with contracts in the dialect of ``pv``: they are checked as they stand."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts.diagnostics import printable
from falsifiable.contracts.places import ARTIFACTS_FILE, YAML_SUFFIXES, find_root, kept_if_closed
from falsifiable.contracts.pv.file import PvFile

if TYPE_CHECKING:
    from falsifiable.contracts import Workspace
    from falsifiable.validation.lint_cache import LintCache

_MOST_TOLD = 5


class Named(NamedTuple):
    """What the files and folders named hold.

    ``theirs`` are contracts of ``pv``, judged; ``others`` the names and files that stand for anything else;
    ``passed_over`` the files in folders that are written neither for us nor for ``pv``; ``linked`` the links in
    folders to other folders with YAML files, which are not followed.
    """

    theirs: tuple[PvFile, ...] = ()
    others: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()


def named_pv(names: Sequence[str], root: Path | None) -> Named:
    """The contracts among the files and folders named, each file once, however often and by whichever path it is named.

    A folder stands for all contracts below it that are not hidden; one that holds none is among the others. A file that
    is no YAML is judged as one of ``pv``. Tests and files that contracts of ``pv`` cite are sought in the workspace
    around ``root``, by default around this folder; contracts that they depend on may be ours, if named too.
    """
    if not names:
        return Named()
    from falsifiable.contracts.pv.check import check_pv
    from falsifiable.validation.cache import Cache
    from falsifiable.validation.lint_cache import LintCache

    known = LintCache(Cache())
    reader = _NamesReader(known)
    for name in names:
        reader.add(name)
    known.keep()
    place = root or find_root(Path.cwd())
    theirs = check_pv(reader.theirs, place, contracts=known.ours.values()) if reader.theirs else ()
    return Named(theirs, tuple(reader.others), tuple(reader.passed_over), reader.unseen_links())


class _NamesReader:
    """Sorts what is named by the dialect it is written in."""

    def __init__(self, known: LintCache) -> None:
        self._known = known
        self._is_contract: dict[str, bool] = {}
        self._real_folders: dict[str, str] = {}
        self.theirs: list[PvFile] = []
        self.others: list[str] = []
        self.passed_over: list[str] = []
        self._links: list[str] = []

    def add(self, name: str) -> None:
        """Read the file or folder of this name; what is neither is among the others."""
        paths = self._files(name)
        neither = [path.as_posix() for path in paths if not self._read(path)]
        if len(neither) == len(paths):
            self.others.append(name)
        else:
            self.passed_over += neither

    def unseen_links(self) -> tuple[str, ...]:
        """The links to folders with YAML files of which none was read by another way."""
        seen = set(self._real_folders.values())
        return tuple(one for one in self._links if os.path.realpath(one) not in seen and _holds_yaml(one))

    def _files(self, name: str) -> list[Path]:
        """The files that ``name`` stands for; one that is a link to nowhere is there, and told as unreadable."""
        if os.path.isdir(name):  # noqa: PTH112
            return _files_below(name, self._links)
        return [Path(name)] if _is_yaml(name) and os.path.lexists(name) else []

    def _read(self, path: Path) -> bool:
        """Whether the file is a contract, which is then listed unless it was before."""
        identity = self._identity(path)
        if identity not in self._is_contract:
            file = self._known.read(path)
            shown = path.as_posix()
            if file is not None:
                self.theirs.append(file)
            elif shown in self._known.ours:
                self.others.append(shown)
            self._is_contract[identity] = file is not None or shown in self._known.ours
        return self._is_contract[identity]

    def _identity(self, path: Path) -> str:
        """The real path of a file; that of its folder is sought once, because folders hold thousands of files."""
        if os.path.islink(path):  # noqa: PTH114 - a tenth of the time
            return os.path.realpath(path)
        parent, name = os.path.split(path)
        if parent not in self._real_folders:
            self._real_folders[parent] = os.path.realpath(parent)
        return f"{self._real_folders[parent]}{os.sep}{name}"


def _is_yaml(name: str) -> bool:
    return name.lower().endswith(YAML_SUFFIXES)


def _holds_yaml(folder: str) -> bool:
    try:
        return any(map(_is_yaml, os.listdir(folder)))  # noqa: PTH208
    except OSError:
        return True  # for all that can be told


def _files_below(folder: str, links: list[str]) -> list[Path]:
    """Every file in and below ``folder`` that may be a contract of ``pv``, which reads both endings; by path.

    What is hidden is left out: it belongs to tools (``.git``, ``.pre-commit-config.yaml``). artifacts.yaml is ours. A
    folder that cannot be opened is among the files, and told as unreadable. One that is only linked is not looked into,
    and added to ``links``.
    """
    found: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=kept_if_closed(found)):
        folders[:] = [one for one in folders if not one.startswith(".")]
        links += filter(os.path.islink, (os.path.join(parent, one) for one in folders))  # noqa: PTH118
        names = filter(_is_yaml, (*folders, *files))
        found += (os.path.join(parent, one) for one in names if not one.startswith(".") and one != ARTIFACTS_FILE)  # noqa: PTH118
    by_parts = sorted(one.split(os.sep) for one in found)  # noqa: PTH206 - texts, as in contract_paths
    return [Path(os.sep.join(one)) for one in by_parts]  # noqa: PTH118


def tell_passed_over(named: Named) -> None:
    """Say which files of a folder were not looked at any further."""
    _note("passed over, because written neither for contract nor for pv", named.passed_over)
    _note("passed over, because links to folders are not followed; name them too", named.linked)


def _note(said: str, paths: Sequence[str]) -> None:
    if paths:
        more = f" and {len(paths) - _MOST_TOLD} more" if len(paths) > _MOST_TOLD else ""
        sys.stderr.write(f"note: {said}: {', '.join(map(printable, paths[:_MOST_TOLD]))}{more}\n")


def code_of_pv(files: Sequence[PvFile], *, strict: bool) -> ExitCode:
    """The exit code that follows from contracts of ``pv``: valid ones hold, unless all must have been examined."""
    if not all(one.valid for one in files):
        return ExitCode.INVALID
    return ExitCode.NOTHING_EXAMINED if strict and files else ExitCode.HELD


def tell_pv(files: Sequence[PvFile], told: Collection[PvFile] = ()) -> None:
    """Print the faults of contracts of ``pv``, but of those whose faults were ``told`` already, and their count."""
    before = {_place(one) for one in told}
    new = [one for one in files if _place(one) not in before] if before else files
    sys.stderr.write("".join(f"{fault}\n" for file in new for fault in file.diagnostics))
    sys.stdout.write(f"{summary(files)}\n")


def _place(file: PvFile) -> str:
    """Where a file lies: its folder with no link in it, and its own name."""
    parent, name = os.path.split(file.source or file.path)
    return os.path.join(os.path.realpath(parent), name)  # noqa: PTH118


def only_pv() -> Workspace:
    """The repository we are in, or this folder, as a workspace without contracts: files of ``pv`` may lie anywhere."""
    from falsifiable.contracts import Workspace
    from falsifiable.report.formats.report import top_of_repository

    root = top_of_repository(Path.cwd()) or Path.cwd()
    return Workspace(root, root, (), (), {}, ())


def with_named(workspace: Workspace, named: Named) -> Workspace:
    """The workspace with the files of ``pv`` that were named beside it and are none of its own.

    A warning stands for each file that was passed over.
    """
    from dataclasses import replace

    from falsifiable.contracts.workspace import no_contract

    own = {_place(one) for one in workspace.pv}
    added = [_seen_from(workspace.root, one) for one in named.theirs if _place(one) not in own]
    faults = [fault for file in added for fault in file.diagnostics]
    faults += [no_contract(_path_from(workspace.root, os.path.realpath(one))) for one in named.passed_over]
    return replace(workspace, pv=(*workspace.pv, *added), diagnostics=(*faults, *workspace.diagnostics))


def _seen_from(root: Path, file: PvFile) -> PvFile:
    """The file with its path relative to ``root``, as reports want it; one outside of the repository stays absolute."""
    path = _path_from(root, _place(file))
    return file._replace(path=path, diagnostics=tuple(one.moved(path) for one in file.diagnostics))


def _path_from(root: Path, real: str) -> str:
    from falsifiable.report.formats.report import top_of_repository

    place = Path(real)
    if not place.is_relative_to(top_of_repository(root) or root.resolve()):
        return place.as_posix()
    return Path(os.path.relpath(place, root.resolve())).as_posix()


def summary(files: Sequence[PvFile]) -> str:
    """How many contracts of ``pv`` are valid, and what else to do with them."""
    invalid = sum(not one.valid for one in files)
    contracts = "1 contract" if len(files) == 1 else f"{len(files)} contracts"
    judged = "valid" if not invalid else f"{len(files) - invalid} valid, {invalid} invalid"
    return f"{contracts} of pv: {judged}; their tests are not run here (contract import pv FILE makes them claims)"
