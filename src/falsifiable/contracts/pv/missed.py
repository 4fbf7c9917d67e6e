"""What ``pv`` misses in a single file: references to nothing, statuses without evidence, sums that do not add up.

What only the workspace can tell is left as a doubt, with the question to be asked there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from falsifiable.contracts.diagnostics import Position, quoted, suggestion
from falsifiable.contracts.faults import severity_of
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.nodes import Entry, MappingNode, Node, ScalarNode
from falsifiable.contracts.pv.citations import NodeId, cited
from falsifiable.contracts.pv.doubts import listed
from falsifiable.contracts.pv.lint import Doubt, Fault, Question
from falsifiable.contracts.pv.parts import Part

_TEST_ID = re.compile(r"(?:contract_tests::|(?<=[ ,]))([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+)")
_FILE = re.compile(r"^(?:[\w.-]+/)+[\w.-]+\.\w{1,5}(?=$|[\s:#(])")


class _Doubts:
    """Collects what may be wrong. What stands beyond doubt is kept up to one more than the limit of a file's doubts."""

    def __init__(self, limits: ContractLimits) -> None:
        self.found: list[Doubt] = []
        self._certain = 0
        self._limit = limits.max_faults

    def add(self, rule: str, position: Position, message: str, hint: str) -> None:
        """Something is wrong."""
        self._certain += 1
        if self._certain <= self._limit + 1:
            self.found.append(Doubt(Fault(rule, severity_of(rule), *position, message, hint)))

    def unknown(self, rule: str, position: Position, name: str, message: str, known: set[str], what: str) -> None:
        """``name`` is none of the ``known`` names; comparing spellings costs, and is left where nobody reads it."""
        self.add(rule, position, message, suggestion(name, known, what) if self._certain <= self._limit else "")

    def ask(self, rule: str, position: Position, message: str, hint: str, question: Question, names: Sequence[str],
            parts: Sequence[Doubt] = ()) -> None:  # fmt: skip
        """Something is wrong unless the workspace has what the question is about."""
        fault = Fault(rule, severity_of(rule), *position, message, hint)
        self.found.append(Doubt(fault, question, tuple(names), tuple(parts)))


def doubts_about(contract: Part, limits: ContractLimits = DEFAULT_LIMITS) -> tuple[Doubt, ...]:
    """What pv does not notice in ``contract``."""
    doubts = _Doubts(limits)
    _obligations(contract, doubts)
    _enforcement(contract, doubts)
    _references(contract, doubts)
    _tests(contract, doubts)
    _statuses(contract, doubts)
    _summary(contract, doubts)
    return tuple(doubts.found)


def _obligations(contract: Part, doubts: _Doubts) -> None:
    ids = {one.text("id") for one in contract.parts("proof_obligations")} - {""}
    named = [one for one in contract.parts("kani_harnesses") if one.text("obligation")]
    dangling = [one for one in named if one.text("obligation") not in ids]
    if dangling:
        names = dict.fromkeys(one.text("obligation") for one in dangling)
        why = "there is none of this id" if ids else "no obligation of this file has an id"
        message = f"{len(dangling)} of {len(named)} kani harnesses prove an obligation that is not there, {why}"
        hint = f"give the obligations that are meant an 'id': {listed(list(names))}"
        doubts.add("PV-OBLIGATION-UNKNOWN", dangling[0].place("obligation"), message, hint)


def _enforcement(contract: Part, doubts: _Doubts) -> None:
    ids = {one.text("id") for one in contract.parts("falsification_tests")}
    for name, rule in contract.named("enforcement").items():
        for test in _TEST_ID.findall(rule.text("check")):
            if test not in ids:
                message = f"the enforcement rule {quoted(name)} names the test {quoted(test)}, which this file has not"
                doubts.unknown("PV-REFERENCE-UNKNOWN", rule.place("check"), test, message, ids, "its tests")


def _references(contract: Part, doubts: _Doubts) -> None:
    metadata = contract.part("metadata")
    for text, place in metadata.texts("references") if metadata else ():
        if file := _FILE.match(text):
            message = f"references: there is no file {quoted(file[0])} in the workspace"
            hint = "correct the path, or cite what it is about"
            doubts.ask("PV-REFERENCE-UNKNOWN", place, message, hint, "files", [file[0]])


def _tests(contract: Part, doubts: _Doubts) -> None:
    every = contract.parts("falsification_tests")
    prose = []
    for one in every:
        found = cited(one.text("test"))
        if not found:
            prose.append(one)
        for citation in found:
            name, place = quoted(one.text("id")), one.place("test")
            if isinstance(citation, NodeId):
                message = f"the falsification test {name} cites {quoted(str(citation))}"
                hint, names = "pytest --collect-only -q lists the tests there are", (citation.file, *citation.names)
                doubts.ask("PV-TEST-UNKNOWN", place, message, hint, "test", names)
            else:
                message = (
                    f"the falsification test {name} cites {quoted(citation.name)}, which no .py or .rs file defines"
                )
                hint = "correct the name, or write the test"
                doubts.ask("PV-TEST-ABSENT", place, message, hint, "function", [citation.name])
    if prose:
        message = f"{len(prose)} of {len(every)} falsification tests name no test that a program could find"
        hint = "write the id of a pytest test, such as tests/test_softmax.py::test_the_sum"
        doubts.add("PV-TEST-PROSE", prose[0].place("test"), message, hint)


def _statuses(contract: Part, doubts: _Doubts) -> None:
    parts = [contract, contract.part("metadata"), *contract.parts("falsification_tests")]
    parts += [*contract.parts("proof_obligations"), *contract.parts("kani_harnesses")]
    for part in parts:
        if part is not None and part.typed:
            _typed(part.typed, doubts)
    leans = [lean for one in contract.parts("proof_obligations") if (lean := one.part("lean"))]
    proved = [_proof(one) for one in leans if one.text("status") == "proved"]
    if proved:
        first = proved[0].fault
        doubts.ask(first.rule, first.position, "", "", "proofs", (), proved)


def _proof(lean: Part) -> Doubt:
    """Whether the workspace has the module of a theorem that is said to be proved."""
    module = lean.text("module")
    file = module.replace(".", "/") + ".lean"
    rule = "PV-STATUS-TYPED"
    fault = Fault(rule, severity_of(rule), *lean.place("status"), lean.text("theorem"))
    return Doubt(fault, "files", (file, f"lean/{file}") if module else ())


def _typed(entries: Sequence[Entry], doubts: _Doubts) -> None:
    entry = entries[0]
    said = f": {quoted(entry.value.text)}" if isinstance(entry.value, ScalarNode) and entry.value.text else ""
    message = f"{quoted(entry.key)}{said} is typed, and names no evidence that is there"
    paths = [text for one in entries for text in _all_texts(one.value) if "/" in text]
    doubts.ask("PV-STATUS-TYPED", entry.position, message, "remove it, and let a check earn the status", "files", paths)


def _all_texts(node: Node) -> list[str]:
    if isinstance(node, MappingNode):
        return [text for entry in node.entries for text in _all_texts(entry.value)]
    return [node.text] if isinstance(node, ScalarNode) else []


def _lean_status(obligation: Part) -> str:
    lean = obligation.part("lean")
    return lean.text("status") if lean else ""


def _summary(contract: Part, doubts: _Doubts) -> None:
    summary = contract.part("verification_summary")
    if summary is None:
        return
    obligations = contract.parts("proof_obligations")
    statuses = [_lean_status(one) for one in obligations]
    there = {
        "total_obligations": len(obligations),
        "l4_lean_proved": statuses.count("proved"),
        "l4_sorry_count": statuses.count("sorry"),
    }
    for key, counted in there.items():
        if (typed := summary.number(key)) is not None and typed != counted:
            message = f"verification_summary says {key}: {typed:g}, and the file has {counted}"
            doubts.add("PV-SUMMARY", summary.place(key), message, f"write {counted}, or remove the block")
    limits = {"l2_property_tested": "falsification_tests", "l3_kani_proved": "kani_harnesses"}
    for key, block in limits.items():
        typed, most = summary.number(key), len(contract.parts(block))
        if typed is not None and typed > most:
            message = f"verification_summary says {key}: {typed:g}, and the file has {most} {block}"
            doubts.add("PV-SUMMARY", summary.place(key), message, "correct the number, or remove the block")
