"""Contracts in the ``pv`` dialect, checked alone and together for what ``pv`` misses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from falsifiable.contracts.cycles import cycles
from falsifiable.contracts.diagnostics import quoted, suggestion
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.places import YAML_SUFFIXES
from falsifiable.contracts.pv.doubts import Workplace
from falsifiable.contracts.pv.file import PvFile
from falsifiable.contracts.pv.lint import place_of

_MOST_COMPARED = 100
"""Names that are not there, for which the nearest of all contracts is sought: each is compared with every one."""


def check_pv(
    files: Sequence[PvFile],
    root: Path,
    *,
    contracts: Collection[str] = (),
    limits: ContractLimits = DEFAULT_LIMITS,
) -> tuple[PvFile, ...]:
    """The same files, with everything added that pv does not notice.

    Args:
        files: the files as read.
        root: the folder that cited tests and files are relative to.
        contracts: names of contracts of ours, on which one of theirs may depend too.
        limits: how many faults are reported of one file.
    """
    collected = {file.path: Faults(file.path, limits) for file in files}
    workplace = Workplace(root)
    for file in files:
        workplace.report_standing(file.lint.doubts, collected[file.path])
    _reused(files, collected)
    _dependencies(files, set(contracts), collected)
    return tuple(file.with_diagnostics(collected[file.path].sorted()) for file in files)


def _reused(files: Sequence[PvFile], faults: Mapping[str, Faults]) -> None:
    """Report each id that another file has: of tests and of harnesses."""
    first: dict[str, tuple[PvFile, int]] = {}
    for file in files:
        for named in file.lint.ids:
            name, line, _ = named
            other, where = first.setdefault(name, (file, line))
            if other is not file:
                message = f"the id {quoted(name)} stands already in {other.path}:{where}"
                hint = "choose another; reports name a test by its id"
                faults[file.path].add("PV-ID-REUSED", place_of(named), message, hint)


def _dependencies(files: Sequence[PvFile], contracts: Collection[str], faults: Mapping[str, Faults]) -> None:
    by_stem = {file.stem: file for file in reversed(files)}

    hints: dict[str, str] = {}
    for file in files:
        for named in file.lint.depends_on:
            name = named[0]
            if name in by_stem or name in contracts or _lies_beside(file, name):
                continue
            message = f"depends_on: there is no contract {quoted(name)}, neither given nor beside this file"
            if name not in hints and len(hints) < _MOST_COMPARED:
                hints[name] = suggestion(name, by_stem, "contracts")
            faults[file.path].add("PV-DEPENDS-UNKNOWN", place_of(named), message, hints.get(name, ""))
    edges = {
        name: [(named[0], (file, place_of(named))) for named in file.lint.depends_on if named[0] in by_stem]
        for name, file in sorted(by_stem.items())
    }
    for cycle, (file, place) in cycles(edges):
        message = f"depends_on: these contracts depend on each other: {' -> '.join(cycle)}"
        faults[file.path].add("PV-DEPENDS-CYCLE", place, message, "remove one of these dependencies")


def _lies_beside(file: PvFile, name: str) -> bool:
    """Whether the folder of ``file`` holds a contract of this name, which was not asked for."""
    if file.source is None or "/" in name:
        return False
    return any((file.source.parent / f"{name}{suffix}").is_file() for suffix in YAML_SUFFIXES)
