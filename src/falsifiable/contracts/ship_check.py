"""What ship files mean: do the ids they name exist, and does the roadmap lead anywhere?

Names are read from the tree rather than from the built file, so that a file with a fault in one place is still checked
in all others, and known to the other files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from falsifiable.contracts.criteria import values_allowed
from falsifiable.contracts.cycles import cycles
from falsifiable.contracts.diagnostics import Diagnostic, Position, quoted
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import Contract
from falsifiable.contracts.nodes import ScalarNode, Trail
from falsifiable.contracts.ship import SHIP_FILE, Ship, ShipFile, groups_of, read_ship

_CRITERION = ("deliverables", str, "criteria", int)
_STEP = ("roadmap", int)

_IDS = (((*_CRITERION, "id"), "criterion"), ((*_STEP, "step"), "step"))
"""Where the ids stand that must be unique in the workspace."""

_REFERENCES = (
    ((*_CRITERION, "falsifiers", int), "falsifier"),
    ((*_CRITERION, "tripwires", int, "falsifier"), "falsifier"),
    ((*_STEP, "done_when", int), "falsifier"),
    ((*_STEP, "done_when", "falsifiers", int), "falsifier"),
    ((*_STEP, "requires", int), "step"),
    ((*_STEP, "atomic_with", int), "step"),
    ((*_STEP, "earns", int), "criterion"),
    (("waivers", int, "criterion"), "criterion"),
    (("stages", str, int), "contract"),
)
"""Where names stand that must lead somewhere: steps and criteria within the file, the others in the workspace."""

_RULE = {
    "falsifier": "SHIP-FALSIFIER-UNKNOWN",
    "step": "SHIP-STEP-UNKNOWN",
    "criterion": "SHIP-CRITERION-UNKNOWN",
    "contract": "SHIP-CONTRACT-UNKNOWN",
}
_SAID = {
    "falsifier": ("no contract of this workspace has the falsifier", "falsifiers"),
    "step": ("this roadmap has no step", "steps"),
    "criterion": ("no deliverable of this file has the criterion", "criteria"),
    "contract": ("no contract of this workspace is called", "contracts"),
}

Pattern = tuple[str | type, ...]
Named = tuple[Trail, str, Position]


@dataclass(frozen=True, slots=True)
class Ships:
    """All ship files of a workspace, in the order of their specs, and those of them that are sound."""

    files: tuple[ShipFile, ...] = ()
    passed_over: tuple[Diagnostic, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything that is wrong with them."""
        return (*(one for file in self.files for one in file.diagnostics), *self.passed_over)

    @property
    def sound(self) -> tuple[Ship, ...]:
        """The ships of the files without an error."""
        return tuple(one.ship for one in self.files if one.ship is not None)

    def of(self, spec: str) -> ShipFile | None:
        """The ship file of ``spec``, sound or not."""
        return next((one for one in self.files if one.spec == spec), None)


def load_ships(root: Path, contracts: Sequence[Contract], *, limits: ContractLimits = DEFAULT_LIMITS) -> Ships:
    """Read and check every ``spec/<spec>/ship.yaml`` under ``root``; ``contracts`` are all of the workspace."""
    read = [
        read_ship(path, path.parent.name, shown=path.relative_to(root).as_posix(), limits=limits)
        for path in sorted(root.glob(f"spec/*/{SHIP_FILE}"))
    ]
    return Ships(check_ships(read, contracts, limits=limits), tuple(_passed_over(root)))


def check_ships(
    files: Sequence[ShipFile], contracts: Sequence[Contract], *, limits: ContractLimits = DEFAULT_LIMITS
) -> tuple[ShipFile, ...]:
    """The same files, with everything added that is wrong with what they name; a faulty one has no ``ship``.

    Args:
        files: all ship files of a workspace, as read.
        contracts: all contracts of the workspace.
        limits: how many faults are reported of one file.
    """
    collected = {file.path: Faults(file.path, limits) for file in files}
    _unique(files, collected)
    for file in files:
        faults = collected[file.path]
        _named_like_its_folder(file, faults)
        _references(file, contracts, faults)
        _quorums(file, contracts, faults)
        _order(file, faults)
        _repeated(file, faults)
    return tuple(_with(file, collected[file.path].sorted()) for file in files)


def _with(file: ShipFile, found: Sequence[Diagnostic]) -> ShipFile:
    both = tuple(sorted((*file.diagnostics, *found), key=lambda one: (one.line, one.column)))
    sound = not any(one.severity == "error" for one in both)
    return replace(file, diagnostics=both, ship=file.ship if sound else None)


def _passed_over(root: Path) -> Iterator[Diagnostic]:
    for path in sorted(root.glob("spec/*/ship.yml")):
        faults = Faults(path.relative_to(root).as_posix())
        faults.add("SHIP-FILE-SUFFIX", Position(), "a .yml file is not read", f"rename it to {SHIP_FILE}")
        yield from faults.sorted()


def _found(file: ShipFile, pattern: Pattern) -> Iterator[Named]:
    """Every text at a place like ``pattern``, in which a type stands for any key or index."""
    for trail, (_, node) in file.places.items():
        fits = len(trail) == len(pattern) and all(map(_same, trail, pattern))
        if fits and isinstance(node, ScalarNode) and isinstance(node.value, str):
            yield trail, node.value, node.position


def _same(key: str | int, wanted: str | type) -> bool:
    return isinstance(key, wanted) if isinstance(wanted, type) else key == wanted


def _in_order(named: Iterable[Named]) -> list[Named]:
    return sorted(named, key=lambda one: one[2])


def _unique(files: Sequence[ShipFile], faults: Mapping[str, Faults]) -> None:
    """Criteria and steps share one space of names: whoever asks after an id gets one answer."""
    first: dict[str, tuple[ShipFile, Position]] = {}
    for file in files:
        named = [(one, what) for pattern, what in _IDS for one in _found(file, pattern)]
        for (_, name, position), what in sorted(named, key=lambda one: one[0][2]):
            if name in first:
                other, place = first[name]
                where = f"in line {place.line}" if other.path == file.path else f"in {other.path}:{place.line}"
                message = f"the {what} {quoted(name)} is already taken {where}"
                faults[file.path].add("SHIP-ID-DUPLICATE", position, message, "choose another")
            else:
                first[name] = (file, position)


def _named_like_its_folder(file: ShipFile, faults: Faults) -> None:
    for _, name, position in _found(file, ("ship",)):
        if name != file.spec:
            message = f"ship: this file stands in spec/{file.spec} and calls itself {quoted(name)}"
            faults.add("SHIP-NAME", position, message, f"write 'ship: {file.spec}'")


def _references(file: ShipFile, contracts: Sequence[Contract], faults: Faults) -> None:
    known = {
        "falsifier": {one.id for contract in contracts for one in contract.falsifiers},
        "contract": {one.contract for one in contracts},
        **{what: {name for _, name, _ in _found(file, pattern)} for pattern, what in _IDS},
    }
    for pattern, what in _REFERENCES:
        for trail, name, position in _found(file, pattern):
            if name not in known[what]:
                said, names = _SAID[what]
                key = next(one for one in reversed(trail) if isinstance(one, str))
                faults.unknown(_RULE[what], position, name, f"{key}: {said} {quoted(name)}", known[what], names)


def _repeated(file: ShipFile, faults: Faults) -> None:
    """Two waivers of one criterion: nobody could say who answers for it, and until when."""
    first: dict[str, int] = {}
    for _, name, position in _in_order(_found(file, ("waivers", int, "criterion"))):
        if name in first:
            message = f"criterion {quoted(name)} is already waived in line {first[name]}"
            faults.add("SHIP-WAIVED-TWICE", position, message, "keep one of the two")
        first.setdefault(name, position.line)


def _quorums(file: ShipFile, contracts: Sequence[Contract], faults: Faults) -> None:
    """A quorum counts values that a contract of its falsifiers observes, and that can differ so often."""
    if file.ship is None:
        return
    for deliverable, content in file.ship.deliverables.items():
        for number, criterion in enumerate(content.criteria):
            quorum = criterion.quorum
            if quorum is None:
                continue
            place = ("deliverables", deliverable, "criteria", number, "quorum")
            named = [one for one in contracts if any(each.id in criterion.falsifiers for each in one.falsifiers)]
            observed = [one for one in named if quorum.name in one.discharge.get(quorum.role, {})]
            if not observed:
                there = {f"{role}.{name}" for one in named for role, block in one.discharge.items() for name in block}
                position = file.position(*place, "distinct")
                message = f"distinct: no contract of these falsifiers observes {quoted(quorum.distinct)}"
                faults.unknown("SHIP-QUORUM", position, quorum.distinct, message, there, "their discharge conditions")
            for contract in observed:
                allowed = values_allowed(contract.discharge[quorum.role][quorum.name])
                if allowed is not None and allowed < quorum.at_least:
                    position = file.position(*place, "at_least")
                    many = "one value" if allowed == 1 else f"{allowed} values"
                    message = f"at_least: {contract.contract} lets {quorum.distinct} have {many}, not {quorum.at_least}"
                    faults.add("SHIP-QUORUM", position, message, "ask for fewer, or widen the discharge condition")


def _order(file: ShipFile, faults: Faults) -> None:
    """Report a step that requires its own atomic partner, and each cycle of ``requires`` once, named in full."""
    steps = {trail[1]: name for trail, name, _ in _in_order(_found(file, (*_STEP, "step")))}
    requires: dict[str, list[tuple[str, Position]]] = {name: [] for name in steps.values()}
    links: dict[str, list[str]] = {name: [] for name in steps.values()}
    for trail, name, _ in _found(file, (*_STEP, "atomic_with", int)):
        if trail[1] in steps:
            links[steps[trail[1]]].append(name)
    groups = groups_of(links)
    for trail, name, position in _in_order(_found(file, (*_STEP, "requires", int))):
        step = steps.get(trail[1])
        if step is None or name not in requires:
            continue
        if step != name and name in groups[step]:
            message = f"requires: {step} is dispatched together with {quoted(name)} and cannot wait for it"
            hint = "take it out of 'requires', or out of 'atomic_with'"
            faults.add("SHIP-ATOMIC-REQUIRES", position, message, hint)
        else:
            requires[step].append((name, position))
    _cycles(requires, groups, faults)


def _cycles(
    requires: Mapping[str, Sequence[tuple[str, Position]]], groups: Mapping[str, tuple[str, ...]], faults: Faults
) -> None:
    """Report each cycle among what is dispatched together, at the requirement that closes it."""
    edges: dict[tuple[str, ...], list[tuple[tuple[str, ...], Position]]] = {one: [] for one in groups.values()}
    for step, wanted in requires.items():
        edges[groups[step]] += [(groups[name], position) for name, position in wanted]
    for cycle, position in cycles(edges):
        told = " -> ".join("+".join(group) for group in cycle)
        message = f"requires: these steps wait for each other: {told}"
        faults.add("SHIP-CYCLE", position, message, "remove one of these requirements")
