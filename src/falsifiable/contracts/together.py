"""Rules that hold over all contracts of a workspace: names and ids are unique, and ``requires`` leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from falsifiable.contracts.cycles import cycles
from falsifiable.contracts.diagnostics import Position, quoted
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.nodes import ScalarNode, SequenceNode
from falsifiable.contracts.reader import ContractFile

Place = tuple[ContractFile, Position]


def check_together(files: Sequence[ContractFile], faults: Mapping[str, Faults]) -> None:
    """Report into ``faults`` (by path) what is wrong between ``files``.

    Names and ids are read from the tree rather than from the contract, so that a file with a fault elsewhere is still
    known to the others.
    """
    check_unique(files, faults)
    known = {name: file for name, (file, _) in reversed(_names(files))}
    for file in files:
        for required, (_, position) in _requires(file):
            if required not in known:
                message = f"requires: no contract of this workspace is called {quoted(required)}"
                rule = "CONTRACT-REQUIRES-UNKNOWN"
                faults[file.path].unknown(rule, position, required, message, known, "contracts")
    _cycles(known, faults)


def check_unique(files: Sequence[ContractFile], faults: Mapping[str, Faults]) -> None:
    """Report into ``faults`` (by path) each name of a contract and each id of a falsifier that is taken already."""
    ids = [(name, place) for file in files for name, place in _ids(file)]
    _unique("CONTRACT-NAME-DUPLICATE", "the contract name", _names(files), faults)
    _unique("CONTRACT-ID-DUPLICATE", "the falsifier id", ids, faults)


def _names(files: Iterable[ContractFile]) -> list[tuple[str, Place]]:
    return [(name, place) for file in files for name, place in _texts(file, "contract")]


def _texts(file: ContractFile, *trail: str | int) -> Iterable[tuple[str, Place]]:
    node = file.node(*trail)
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        yield node.value, (file, node.position)


def _items(file: ContractFile, key: str) -> range:
    node = file.node(key)
    return range(len(node.items)) if isinstance(node, SequenceNode) else range(0)


def _ids(file: ContractFile) -> Iterable[tuple[str, Place]]:
    for index in _items(file, "falsifiers"):
        yield from _texts(file, "falsifiers", index, "id")


def _requires(file: ContractFile) -> Iterable[tuple[str, Place]]:
    for index in _items(file, "requires"):
        yield from _texts(file, "requires", index)


def _unique(rule: str, what: str, names: Iterable[tuple[str, Place]], faults: Mapping[str, Faults]) -> None:
    first: dict[str, Place] = {}
    for name, (file, position) in names:
        if name in first:
            other, place = first[name]
            where = f"in line {place.line}" if other.path == file.path else f"in {other.path}:{place.line}"
            message = f"{what} {quoted(name)} is already taken {where}"
            faults[file.path].add(rule, position, message, "choose another")
        else:
            first[name] = (file, position)


def _cycles(files: Mapping[str, ContractFile], faults: Mapping[str, Faults]) -> None:
    """Report each cycle of ``requires`` once, at the requirement that closes it."""
    requires = {name: [one for one in _requires(files[name]) if one[0] in files] for name in sorted(files)}
    for cycle, (file, position) in cycles(requires):
        message = f"requires: these contracts require each other: {' -> '.join(cycle)}"
        faults[file.path].add("CONTRACT-REQUIRES-CYCLE", position, message, "remove one of these requirements")
