"""The rules of ``pv validate``, under the ids that it reports them by: SCHEMA-001 to SCHEMA-013 and PROVABILITY-001.

Each condition is the one pv tests, no more: what it misses is told under ids of our own (``missed``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from falsifiable.contracts.diagnostics import Position, quoted
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.pv.parts import Part


def report_as_pv(contract: Part, proves: bool, faults: Faults) -> None:
    """Report into ``faults`` what pv reports of ``contract``; ``proves`` says that it describes a kernel."""
    _metadata(contract, faults)
    _equations(contract, proves, faults)
    _obligations(contract, faults)
    _tests(contract, faults)
    _harnesses(contract, faults)
    if proves:
        _kernel(contract, faults)


def _metadata(contract: Part, faults: Faults) -> None:
    metadata = contract.part("metadata") or Part(contract.position)
    if not metadata.texts("references"):
        message = "metadata.references is empty: a contract cites where its claims come from"
        faults.add("SCHEMA-001", metadata.place("references"), message, "cite the paper or the document")
    if not metadata.text("version"):
        faults.add("SCHEMA-002", metadata.place("version"), "metadata.version is empty", 'write one, such as "1.0.0"')


def _equations(contract: Part, proves: bool, faults: Faults) -> None:
    equations = contract.named("equations")
    if proves and not equations:
        message = "equations is empty: there is nothing to prove"
        faults.add("SCHEMA-003", contract.place("equations"), message, "write the equation that is claimed")
    for name, equation in equations.items():
        if not equation.text("formula"):
            message = f"the equation {quoted(name)} has an empty formula"
            faults.add("SCHEMA-004", equation.place("formula"), message, "write the formula")


def _obligations(contract: Part, faults: Faults) -> None:
    obligations = contract.parts("proof_obligations")
    for one in obligations:
        if not one.text("property"):
            message = "a proof obligation with an empty property"
            faults.add("SCHEMA-005", one.place("property"), message, "write what is to be proved")
    for formal, place, first in _repeated(obligations, "formal"):
        message = f"the formal predicate {quoted(formal)} stands already in line {first.line}"
        faults.add("SCHEMA-006", place, message, "remove one, or say what the other proves")


def _tests(contract: Part, faults: Faults) -> None:
    tests = contract.parts("falsification_tests")
    for name, place, first in _repeated(tests, "id"):
        message = f"the id {quoted(name)} of a falsification test stands already in line {first.line}"
        faults.add("SCHEMA-007", place, message, "give one of them the next free number")
    for one in tests:
        name = quoted(one.text("id"))
        if not one.text("prediction"):
            message = f"the falsification test {name} predicts nothing, so that nothing could refute it"
            faults.add("SCHEMA-008", one.place("prediction"), message, "write what must be observed")
        if not one.text("if_fails"):
            message = f"the falsification test {name} does not say what is broken when it fails"
            faults.add("SCHEMA-009", one.place("if_fails"), message, "write the likely cause")


def _harnesses(contract: Part, faults: Faults) -> None:
    harnesses = contract.parts("kani_harnesses")
    for name, place, first in _repeated(harnesses, "id"):
        message = f"the id {quoted(name)} of a kani harness stands already in line {first.line}"
        faults.add("SCHEMA-010", place, message, "give one of them the next free number")
    for one in harnesses:
        name = quoted(one.text("id"))
        if not one.text("obligation"):
            message = f"the kani harness {name} names no proof obligation"
            faults.add("SCHEMA-011", one.place("obligation"), message, "name the obligation it proves")
        if one.number("bound") is None:
            message = f"the kani harness {name} has no bound"
            faults.add("SCHEMA-012", one.place("bound"), message, "say how far loops are unwound, such as 'bound: 8'")


def _kernel(contract: Part, faults: Faults) -> None:
    if contract.part("qa_gate") is None:
        hint = "add 'qa_gate' with id, name and checks"
        faults.add("SCHEMA-013", contract.place("qa_gate"), "there is no qa_gate", hint)
    for key in ("proof_obligations", "falsification_tests", "kani_harnesses"):
        if not contract.parts(key):
            message = f"a kernel without {key}: nothing shows that it computes what it claims"
            faults.add("PROVABILITY-001", contract.place(key), message, f"add '{key}', or say 'registry: true'")


def _repeated(parts: Iterable[Part], key: str) -> Iterator[tuple[str, Position, Position]]:
    """Each value of ``key`` that stood before: the value, its place, and that of the first."""
    first: dict[str, Position] = {}
    for part in parts:
        if key not in part.values:
            continue
        value, place = part.text(key), part.place(key)
        if value in first:
            yield value, place, first[value]
        else:
            first[value] = place
