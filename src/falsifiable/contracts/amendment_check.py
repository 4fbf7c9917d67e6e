"""Whether what an amendment names exists: contracts of its spec, evidence, sections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from falsifiable.contracts.amendments import AmendmentFile
from falsifiable.contracts.diagnostics import Diagnostic, quoted
from falsifiable.contracts.faults import Faults


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What the amendments of ``spec`` may name.

    ``contracts`` maps every contract of the workspace (those that were there at the last release, too) to its spec,
    ``statements`` are the sha256 of the spec's evidence, ``last_section`` is the highest number that a section has.
    """

    spec: str
    contracts: Mapping[str, str]
    statements: Collection[str]
    last_section: int


def check_amendment(file: AmendmentFile, around: KnownNames) -> tuple[Diagnostic, ...]:
    """What ``file`` names and is not there, in the order of the file; nothing for a file that could not be read."""
    if file.amendment is None:
        return ()
    faults = Faults(file.path)
    _check_contracts(file, around, faults)
    for number, digits in enumerate(file.amendment.evidence):
        _check_statement(file, number, [one for one in around.statements if one.startswith(digits)], around, faults)
    for number, section in enumerate(file.amendment.supersedes):
        if section > around.last_section:
            last = around.last_section
            message = f"supersedes: there is no section {section}; {f'the last is {last}' if last else 'there is none'}"
            hint = "an amendment that is pending itself has no number yet; release it before"
            faults.add("AMENDMENT-SECTION-UNKNOWN", file.position("supersedes", number), message, hint)
    return faults.sorted()


def _check_contracts(file: AmendmentFile, around: KnownNames, faults: Faults) -> None:
    known = [name for name, spec in around.contracts.items() if spec == around.spec]
    for name in file.amendment.contracts if file.amendment else ():
        position = file.key_position("contracts", name)
        spec = around.contracts.get(name)
        if spec is None:
            message = f"contracts: no contract of this workspace is called {quoted(name)}"
            faults.unknown("AMENDMENT-CONTRACT-UNKNOWN", position, name, message, known, f"contracts of {around.spec}")
        elif spec != around.spec:
            message = f"contracts: {name} belongs to spec {spec}, this amends {around.spec}"
            hint = f"write an amendment of {spec}: contract amend new TITLE --spec {spec} --contract {name}=..."
            faults.add("AMENDMENT-CONTRACT-UNKNOWN", position, message, hint)


def _check_statement(file: AmendmentFile, number: int, meant: list[str], around: KnownNames, faults: Faults) -> None:
    if len(meant) == 1:
        return
    digits = file.amendment.evidence[number] if file.amendment else ""
    folder = f"in spec/{around.spec}/evidence/"
    named = f"{len(meant)} statements {folder} begin" if meant else f"no statement {folder} begins"
    message = f"evidence: {named} with {digits[:16]}"
    hint = "write more of its digits" if meant else "record it first, or correct the digits"
    faults.add("AMENDMENT-EVIDENCE-UNKNOWN", file.position("evidence", number), message, hint)
