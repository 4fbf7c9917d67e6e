"""The verdicts of ``pv`` itself on contracts of its authors: ours are the same, file by file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from falsifiable.contracts import CheckSignature, check_contracts, read_contract
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.reader import PvFile, read_pv
from falsifiable.contracts.pv.translation import translated
from falsifiable.contracts.signature import Parameter

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "pv"
VERDICTS: dict[str, Any] = {}
if SAMPLES.is_dir():
    VERDICTS = json.loads((SAMPLES / "verdicts.json").read_text("utf-8"))["files"]

pytestmark = pytest.mark.skipif(not VERDICTS, reason="the shared samples are not here")


@pytest.fixture(scope="module")
def judged() -> dict[str, PvFile]:
    read = [read_pv(SAMPLES / name, shown=name) for name in VERDICTS]
    return {file.path: file for file in check_pv(read, SAMPLES)}


def test_none_is_left_out():
    assert set(VERDICTS) == {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.yaml")}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_is_that_of_pv(name, judged):
    pv, ours = VERDICTS[name], judged[name]
    as_pv = [one for one in ours.diagnostics if not one.rule.startswith("PV-")]
    assert ours.valid == (pv["exit"] == 0)
    assert [one.rule for one in as_pv] == pv["rules"]
    if pv["errors"] is not None:
        assert sum(one.severity == "error" for one in as_pv) == pv["errors"]
        assert sum(one.severity == "warning" for one in as_pv) == pv["warnings"]


@pytest.mark.parametrize("name", [name for name, one in VERDICTS.items() if "missing field" in one["message"]])
def test_what_pv_cannot_read_is_reported_at_the_same_line(name, judged):
    message = VERDICTS[name]["message"]
    field, line = message.split("`")[1], int(message.split("at line ")[1].split()[0])
    assert any(
        one.rule == "PV-MISSING-KEY" and f"'{field}'" in one.message and one.line == line
        for one in judged[name].diagnostics
    )


@pytest.mark.parametrize("name", [name for name, one in VERDICTS.items() if one["exit"] == 0])
def test_what_is_valid_can_be_imported(name, judged):
    command = CheckSignature(
        "command", "", "falsifiers.fields", "falsifiers", {"command": "command"},
        parameters={"stderr_contains": Parameter("stderr_contains", "texts")},
    )  # fmt: skip
    translation = translated(judged[name])
    (file,) = check_contracts([read_contract(translation.text.encode(), shown=name)], {"command": command})
    assert file.diagnostics == ()
    part = judged[name].part
    assert part is not None
    claims = len(part.parts("falsification_tests")) + len(part.parts("kani_harnesses"))
    assert file.contract is not None
    assert len(file.contract.falsifiers) == claims == len(translation.bindings) + len(translation.unbound)


def test_an_id_in_two_files_is_noticed(judged):
    reused = {one.message.split("'")[1] for file in judged.values() for one in file.diagnostics
              if one.rule == "PV-ID-REUSED"}  # fmt: skip
    assert {f"FALSIFY-RM-00{number}" for number in range(1, 6)} <= reused


MUTATIONS = {
    "SCHEMA-001": (r"references:\n(    - .*\n)+", "references: []\n"),
    "SCHEMA-002": (r"(version:) .*", r'\1 ""'),
    "SCHEMA-003": (r"equations:\n( .*\n|\n)+", "equations: {}\n"),
    "SCHEMA-004": (r"(formula:) .*", r'\1 ""'),
    "SCHEMA-005": (r"(property:) .*", r'\1 ""'),
    "SCHEMA-006": (r"formal: (.*)((?:.*\n)*?.*)formal: .*", r"formal: \1\2formal: \1"),
    "SCHEMA-007": (r"- id: FALSIFY-SM-002", "- id: FALSIFY-SM-001"),
    "SCHEMA-008": (r"(prediction:) .*", r'\1 ""'),
    "SCHEMA-009": (r"(if_fails:) .*", r'\1 ""'),
    "SCHEMA-010": (r"- id: KANI-SM-002", "- id: KANI-SM-001"),
    "SCHEMA-011": (r"(    obligation:) .*", r'\1 ""'),
    "SCHEMA-012": (r"    bound: .*\n", ""),
    "SCHEMA-013": (r"qa_gate:", "qa_notes:"),
    "PROVABILITY-001": (r"proof_obligations:", "proofs:"),
}
"""Per rule, what is looked for in a sample (its first place) and what is written there."""


@pytest.mark.parametrize("rule", MUTATIONS)
def test_a_mutated_sample_is_reported_under_exactly_that_id(rule):
    text = (SAMPLES / "softmax-kernel-v1.yaml").read_text("utf-8")
    mutated, replaced = re.subn(*MUTATIONS[rule], text, count=1)
    assert replaced == 1
    as_pv = [one.rule for one in read_pv(mutated.encode()).diagnostics if not one.rule.startswith("PV-")]
    assert as_pv == [rule]
