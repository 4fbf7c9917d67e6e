"""A YAML file in the ``pv`` dialect -> what it states, with what ``pv`` itself reports of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from falsifiable.contracts.diagnostics import Diagnostic
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.nodes import Entry, MappingNode, Node, ScalarNode
from falsifiable.contracts.pv.as_pv import report_as_pv
from falsifiable.contracts.pv.parts import Part, PartReader
from falsifiable.contracts.pv.shape import CONTRACT, OTHER_KIND
from falsifiable.contracts.reader import SHORTER
from falsifiable.contracts.yaml_reader import YamlFile, read_yaml


@dataclass(frozen=True, slots=True)
class PvFile:
    """One file in the ``pv`` dialect.

    ``part`` is what could be read of it (None where it is no YAML), ``sound`` whether pv could read it, ``proves``
    whether it describes a kernel, whose claims must be proved (a registry or another kind need not be). ``source`` is
    where it lies; ``path`` is as shown in diagnostics.
    """

    path: str
    digest: str
    part: Part | None
    diagnostics: tuple[Diagnostic, ...]
    sound: bool = False
    proves: bool = True
    source: Path | None = None

    @property
    def stem(self) -> str:
        """The name other contracts depend on it by: that of the file, without its ending."""
        return PurePath(self.path).stem

    @property
    def valid(self) -> bool:
        """Whether nothing is an error."""
        return not any(one.severity == "error" for one in self.diagnostics)

    def with_diagnostics(self, more: Iterable[Diagnostic]) -> PvFile:
        """The same file with ``more`` diagnostics, in the order of the file."""
        both = sorted((*self.diagnostics, *more), key=lambda one: (one.line, one.column))
        return replace(self, diagnostics=tuple(both))


def read_pv(source: Path | bytes, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS) -> PvFile:
    """Read one file that is known to be in the ``pv`` dialect, as ``pv validate`` would.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits, shorter=SHORTER)
    return pv_file(file, source if isinstance(source, Path) else None, limits)


def pv_file(file: YamlFile, source: Path | None = None, limits: ContractLimits = DEFAULT_LIMITS) -> PvFile:
    """The contract that a YAML file states in the ``pv`` dialect, with the faults of its shape and all of pv's rules.

    ``pv`` stops at the first fault of the shape and then applies none of its rules; here all such faults are told.
    """
    if file.root is None:
        return PvFile(file.path, file.digest, None, file.diagnostics, source=source)
    faults = Faults(file.path, limits)
    reader = PartReader(faults)
    proves = _proves(file.root)
    part = reader.read(CONTRACT if proves else OTHER_KIND, file.root)
    sound = reader.sound and not file.diagnostics
    if sound:
        report_as_pv(part, proves, faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    return PvFile(file.path, file.digest, part, diagnostics, sound, proves, source)


def _proves(root: MappingNode) -> bool:
    """Whether the file is of the kind ``kernel`` (the default) and no registry of data."""
    metadata = _under(root.entries, "metadata")
    if not isinstance(metadata, MappingNode):
        return True
    kind, registry = _under(metadata.entries, "kind"), _under(metadata.entries, "registry")
    of_kernel = not isinstance(kind, ScalarNode) or kind.value in (None, "kernel")
    return of_kernel and not (isinstance(registry, ScalarNode) and registry.value is True)


def _under(entries: tuple[Entry, ...], key: str) -> Node | None:
    return next((entry.value for entry in entries if entry.key == key), None)
