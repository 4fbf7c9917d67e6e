"""A contract file -> the dataclasses of ``model``, with all faults of its shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic, Position
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, SHORTER, ContractLimits
from falsifiable.contracts.model import Contract
from falsifiable.contracts.nodes import Index, Node, Trail, index
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import YamlFile, read_yaml

CONTRACT_SHAPE_RULES = ShapeRules(
    unknown_key="CONTRACT-UNKNOWN-KEY",
    missing_key="CONTRACT-MISSING-KEY",
    type="CONTRACT-TYPE",
    value="CONTRACT-VALUE",
)


@dataclass(frozen=True, slots=True)
class ContractFile:
    """One contract file as read.

    ``contract`` is None where the shape has an error. ``parts`` then still holds the records that are sound, by their
    place in the file, so that the rest of the file can be checked; ``places`` says where everything stands (empty for a
    file that is no YAML). ``path`` is as shown in diagnostics, ``digest`` the sha256 of the raw bytes.
    """

    path: str
    digest: str
    contract: Contract | None
    diagnostics: tuple[Diagnostic, ...]
    places: Index = field(default_factory=dict)
    parts: Mapping[Trail, Any] = field(default_factory=dict)

    def node(self, *trail: str | int) -> Node | None:
        """What stands at ``trail``, such as ``("falsifiers", 3, "check")``."""
        return self.places[trail][1] if trail in self.places else None

    def position(self, *trail: str | int) -> Position:
        """Where the value at ``trail`` starts; of what encloses it, where there is no such value."""
        return self._nearest(trail)[1].position if self.places else Position()

    def key_position(self, *trail: str | int) -> Position:
        """Where the key at the end of ``trail`` starts; of what encloses it, where there is no such key."""
        return self._nearest(trail)[0] if self.places else Position()

    def _nearest(self, trail: Trail) -> tuple[Position, Node]:
        while trail not in self.places:
            trail = trail[:-1]
        return self.places[trail]

    def with_diagnostics(self, more: Iterable[Diagnostic]) -> ContractFile:
        """The same file with ``more`` diagnostics, in the order of the file."""
        both = sorted((*self.diagnostics, *more), key=lambda one: (one.line, one.column))
        return replace(self, diagnostics=tuple(both))


def read_contract(source: Path | bytes, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS) -> ContractFile:
    """Read one contract file: its bytes, its YAML and its shape. What it means is checked by ``check_contracts``.

    A file in the dialect of ``pv`` is no contract of ours, and no fault either: it yields neither.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits, shorter=SHORTER)
    return built_contract(file, source if isinstance(source, Path) else None, limits)


def built_contract(file: YamlFile, path: Path | None, limits: ContractLimits = DEFAULT_LIMITS) -> ContractFile:
    """The contract that a YAML file states, with the faults of its shape; ``path`` is where the file lies."""
    if file.root is None or speaks_pv(file.root):
        return ContractFile(file.path, file.digest, None, file.diagnostics)
    faults = Faults(file.path, limits)
    builder = Builder(faults, CONTRACT_SHAPE_RULES)
    built = builder.build(record_shape(Contract), file.root)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    contract = None
    if built is not INVALID and not diagnostics:
        contract = replace(built, path=path, digest=file.digest)
    return ContractFile(file.path, file.digest, contract, diagnostics, index(file.root), builder.parts)
