"""A YAML file in the ``pv`` dialect -> what it states, with what ``pv`` itself reports of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from falsifiable.contracts.diagnostics import Diagnostic
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, SHORTER, ContractLimits
from falsifiable.contracts.nodes import Entry, MappingNode, Node, ScalarNode
from falsifiable.contracts.pv.as_pv import report_as_pv
from falsifiable.contracts.pv.file import PvFile, linted
from falsifiable.contracts.pv.lint import Fault, Lint, Named
from falsifiable.contracts.pv.missed import doubts_about
from falsifiable.contracts.pv.parts import Part, PartReader
from falsifiable.contracts.pv.shape import CONTRACT, OTHER_KIND, OTHER_KINDS
from falsifiable.contracts.yaml_reader import YamlFile, read_yaml


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
        return linted(file.path, Lint(_faults(file.diagnostics)), source)
    faults = Faults(file.path, limits)
    reader = PartReader(faults)
    proves = _proves(file.root)
    part = reader.read(CONTRACT if proves else OTHER_KIND, file.root)
    sound = reader.sound and not file.diagnostics
    if sound:
        report_as_pv(part, proves, faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    lint = Lint(_faults(diagnostics), doubts_about(part, limits), tuple(_ids(part)), tuple(_depends_on(part)))
    return PvFile(file.path, diagnostics, lint, part, sound, source)


def _faults(diagnostics: Iterable[Diagnostic]) -> tuple[Fault, ...]:
    return tuple(Fault(one.rule, one.severity, one.line, one.column, one.message, one.hint) for one in diagnostics)


def _ids(part: Part) -> Iterator[Named]:
    for key in ("falsification_tests", "kani_harnesses"):
        yield from ((one.text("id"), *one.place("id")) for one in part.parts(key) if one.text("id"))


def _depends_on(part: Part) -> Iterator[Named]:
    metadata = part.part("metadata")
    yield from ((text, *place) for text, place in metadata.texts("depends_on")) if metadata else ()


def _proves(root: MappingNode) -> bool:
    """Whether the file is about a kernel: of no other kind that pv knows, and no registry of data."""
    metadata = _under(root.entries, "metadata")
    if not isinstance(metadata, MappingNode):
        return True
    kind, registry = _under(metadata.entries, "kind"), _under(metadata.entries, "registry")
    of_other_kind = isinstance(kind, ScalarNode) and kind.text in OTHER_KINDS
    return not of_other_kind and not (isinstance(registry, ScalarNode) and registry.value is True)


def _under(entries: tuple[Entry, ...], key: str) -> Node | None:
    return next((entry.value for entry in entries if entry.key == key), None)
