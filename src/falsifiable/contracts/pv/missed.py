"""What ``pv`` misses in a single file: references to nothing, statuses without evidence, sums that do not add up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from falsifiable.contracts.diagnostics import quoted, shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.nodes import Entry, MappingNode, Node, ScalarNode
from falsifiable.contracts.pv.citations import NodeId, cited
from falsifiable.contracts.pv.cited_tests import CitedTests
from falsifiable.contracts.pv.parts import Part

_TEST_ID = re.compile(r"(?:contract_tests::|(?<=[ ,]))([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+)")
_FILE = re.compile(r"^(?:[\w.-]+/)+[\w.-]+\.\w{1,5}(?=$|[\s:#(])")
_MOST_NAMED = 6


def report_missed(contract: Part, root: Path, tests: CitedTests, faults: Faults) -> None:
    """Report into ``faults`` what pv does not notice in ``contract``, whose references are sought below ``root``."""
    _obligations(contract, faults)
    _enforcement(contract, faults)
    _references(contract, root, faults)
    _tests(contract, tests, faults)
    _statuses(contract, root, faults)
    _summary(contract, faults)


def _obligations(contract: Part, faults: Faults) -> None:
    ids = {one.text("id") for one in contract.parts("proof_obligations")} - {""}
    named = [one for one in contract.parts("kani_harnesses") if one.text("obligation")]
    dangling = [one for one in named if one.text("obligation") not in ids]
    if dangling:
        names = dict.fromkeys(one.text("obligation") for one in dangling)
        why = "there is none of this id" if ids else "no obligation of this file has an id"
        message = f"{len(dangling)} of {len(named)} kani harnesses prove an obligation that is not there, {why}"
        hint = f"give the obligations that are meant an 'id': {_listed(list(names))}"
        faults.add("PV-OBLIGATION-UNKNOWN", dangling[0].place("obligation"), message, hint)


def _enforcement(contract: Part, faults: Faults) -> None:
    ids = {one.text("id") for one in contract.parts("falsification_tests")}
    for name, rule in contract.named("enforcement").items():
        for test in _TEST_ID.findall(rule.text("check")):
            if test not in ids:
                message = f"the enforcement rule {quoted(name)} names the test {quoted(test)}, which this file has not"
                faults.unknown("PV-REFERENCE-UNKNOWN", rule.place("check"), test, message, ids, "its tests")


def _references(contract: Part, root: Path, faults: Faults) -> None:
    metadata = contract.part("metadata")
    for text, place in metadata.texts("references") if metadata else ():
        if (file := _FILE.match(text)) and not _is_below(root, file[0]):
            message = f"references: there is no file {quoted(file[0])} in the workspace"
            faults.add("PV-REFERENCE-UNKNOWN", place, message, "correct the path, or cite what it is about")


def _tests(contract: Part, tests: CitedTests, faults: Faults) -> None:
    every = contract.parts("falsification_tests")
    prose = []
    for one in every:
        found = cited(one.text("test"))
        if not found:
            prose.append(one)
        for citation in found:
            name, place = quoted(one.text("id")), one.place("test")
            if isinstance(citation, NodeId):
                if missing := tests.missing(citation):
                    message = f"the falsification test {name} cites {quoted(str(citation))}: {missing}"
                    faults.add("PV-TEST-UNKNOWN", place, message, "pytest --collect-only -q lists the tests there are")
            elif not tests.defines(citation):
                message = (
                    f"the falsification test {name} cites {quoted(citation.name)}, which no .py or .rs file defines"
                )
                faults.add("PV-TEST-ABSENT", place, message, "correct the name, or write the test")
    if prose:
        message = f"{len(prose)} of {len(every)} falsification tests name no test that a program could find"
        hint = "write the id of a pytest test, such as tests/test_softmax.py::test_the_sum"
        faults.add("PV-TEST-PROSE", prose[0].place("test"), message, hint)


def _statuses(contract: Part, root: Path, faults: Faults) -> None:
    parts = [contract, contract.part("metadata"), *contract.parts("falsification_tests")]
    parts += [*contract.parts("proof_obligations"), *contract.parts("kani_harnesses")]
    for part in parts:
        if part is not None and part.typed and not _has_evidence(part.typed, root):
            _typed(part.typed, faults)
    proved = [one for one in contract.parts("proof_obligations") if _lean_status(one) == "proved"]
    unseen = [one for one in proved if not _has_theorem(one.part("lean"), root)]
    if unseen and (lean := unseen[0].part("lean")):
        theorems = _listed([one.text("theorem") for each in unseen if (one := each.part("lean"))])
        message = f"{len(unseen)} proof obligations say 'proved', and the workspace has no Lean file of the theorem"
        faults.add("PV-STATUS-TYPED", lean.place("status"), message, f"add the proofs of {theorems}")


def _typed(entries: Sequence[Entry], faults: Faults) -> None:
    entry = entries[0]
    said = f": {quoted(entry.value.text)}" if isinstance(entry.value, ScalarNode) and entry.value.text else ""
    message = f"{quoted(entry.key)}{said} is typed, and names no evidence that is there"
    faults.add("PV-STATUS-TYPED", entry.position, message, "remove it, and let a check earn the status")


def _has_evidence(entries: Sequence[Entry], root: Path) -> bool:
    """Whether some text beside a typed status is the path of a file that exists."""
    return any(_is_below(root, text) for entry in entries for text in _all_texts(entry.value) if "/" in text)


def _all_texts(node: Node) -> list[str]:
    if isinstance(node, MappingNode):
        return [text for entry in node.entries for text in _all_texts(entry.value)]
    return [node.text] if isinstance(node, ScalarNode) else []


def _lean_status(obligation: Part) -> str:
    lean = obligation.part("lean")
    return lean.text("status") if lean else ""


def _has_theorem(lean: Part | None, root: Path) -> bool:
    module = lean.text("module") if lean else ""
    file = module.replace(".", "/") + ".lean"
    return bool(module) and (_is_below(root, file) or _is_below(root, f"lean/{file}"))


def _summary(contract: Part, faults: Faults) -> None:
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
            faults.add("PV-SUMMARY", summary.place(key), message, f"write {counted}, or remove the block")
    limits = {"l2_property_tested": "falsification_tests", "l3_kani_proved": "kani_harnesses"}
    for key, block in limits.items():
        typed, most = summary.number(key), len(contract.parts(block))
        if typed is not None and typed > most:
            message = f"verification_summary says {key}: {typed:g}, and the file has {most} {block}"
            faults.add("PV-SUMMARY", summary.place(key), message, "correct the number, or remove the block")


def _is_below(root: Path, file: str) -> bool:
    """Whether ``file`` is one of the workspace; a path that leads out of it is none."""
    try:
        return ".." not in Path(file).parts and not Path(file).is_absolute() and (root / file).is_file()
    except (OSError, ValueError):
        return False


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(shortened(one) for one in names[:_MOST_NAMED]) + more
