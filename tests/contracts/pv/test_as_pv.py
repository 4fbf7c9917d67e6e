"""Every rule of ``pv validate``, broken alone, is reported under exactly its id and at its place."""

from __future__ import annotations

import pytest

from falsifiable.contracts.pv.reader import read_pv

SECOND_TEST = """\
    if_fails: no maximum is subtracted
  - {id: FALSIFY-SM-001, rule: order, prediction: the order stays, if_fails: a wrong index, test: tests/test_softmax.py}
"""
BREAKS = {
    "SCHEMA-001": (4, ("[Bridle (1990)]", "[]")),
    "SCHEMA-002": (2, ('"1.0.0"', '""')),
    "SCHEMA-003": (5, ("equations:\n  softmax:\n    formula: exp(x) / sum(exp(x))", "equations: {}")),
    "SCHEMA-004": (7, ("exp(x) / sum(exp(x))", '""')),
    "SCHEMA-005": (11, ("the outputs sum to 1", '""')),
    "SCHEMA-006": (13, ("(y) = 1\n", "(y) = 1\n  - {type: bound, property: below 1, formal: sum(y) = 1}\n")),
    "SCHEMA-007": (19, ("    if_fails: no maximum is subtracted\n", SECOND_TEST)),
    "SCHEMA-008": (16, ("the outputs of random inputs sum to 1", '""')),
    "SCHEMA-009": (18, ("no maximum is subtracted", '""')),
    "SCHEMA-010": (24, ("_float\n", "_float\n  - {id: KANI-SM-001, obligation: SM-INV-001, bound: 4}\n")),
    "SCHEMA-011": (21, ("obligation: SM-INV-001", "obligation:")),
    "SCHEMA-012": (20, ("    bound: 8\n", "")),
    "SCHEMA-013": (1, ("qa_gate:\n  id: F-SM-001\n  name: Softmax\n", "")),
    "PROVABILITY-001": (19, ("kani_harnesses:\n  - id: KANI-SM-001\n    obligation: SM-INV-001\n    bound: 8\n"
                             "    strategy: stub_float\n", "kani_harnesses: []\n")),
}  # fmt: skip


def test_nothing_is_said_of_a_sound_contract(softmax, told):
    assert told(softmax) == []


@pytest.mark.parametrize("rule", BREAKS)
def test_a_rule_that_is_broken_is_reported_under_its_id(rule, changed):
    line, change = BREAKS[rule]
    found = read_pv(changed(change).encode()).diagnostics
    assert [(one.rule, one.line) for one in found] == [(rule, line)]


@pytest.mark.parametrize("rule", ["SCHEMA-003", "SCHEMA-013", "PROVABILITY-001"])
@pytest.mark.parametrize("kind", ["registry: true", "kind: schema"])
def test_what_is_no_kernel_need_not_be_proved(rule, kind, changed):
    text = changed(BREAKS[rule][1], ("  description: Softmax\n", f"  description: Softmax\n  {kind}\n"))
    assert read_pv(text.encode()).diagnostics == ()


def test_a_registry_needs_no_equations_at_all(changed):
    without = ("equations:\n  softmax:\n    formula: exp(x) / sum(exp(x))\n", "")
    text = changed(without, ("  description: Softmax\n", "  description: Softmax\n  registry: true\n"))
    assert read_pv(text.encode()).diagnostics == ()


def test_a_misspelt_kind_is_told_and_frees_from_nothing(changed):
    without = ("equations:\n  softmax:\n    formula: exp(x) / sum(exp(x))\n", "")
    text = changed(without, ("  description: Softmax\n", "  description: Softmax\n  kind: kernle\n"))
    missing, kind = sorted(read_pv(text.encode()).diagnostics, key=lambda one: one.rule)
    assert (missing.rule, "'equations'" in missing.message) == ("PV-MISSING-KEY", True)
    assert (kind.rule, kind.line, kind.severity) == ("PV-VALUE", 4, "error")
    assert kind.hint.startswith("did you mean 'kernel'?")


def test_of_a_file_that_pv_cannot_read_only_that_is_told(changed):
    text = changed(("[Bridle (1990)]", "[]"), ("    rule: sum\n", ""), ("bound: 8", "bound: eight"))
    assert [one.rule for one in read_pv(text.encode()).diagnostics] == ["PV-MISSING-KEY", "PV-TYPE"]


@pytest.mark.parametrize(
    "change",
    [
        ('"1.0.0"', "1.0"),
        ("[Bridle (1990)]", "[1990]"),
        ("bound: 8", "bound: null"),
        ("formal: sum(y) = 1", "formal: null"),
        ("formal: sum(y) = 1", "tolerance: 1e-5"),
        ("qa_gate:\n  id: F-SM-001\n  name: Softmax\n", "qa_gate: ~\n"),
    ],
)
def test_what_pv_can_read_we_can(change, changed):
    assert read_pv(changed(change).encode()).sound


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("bound: 8", "bound: -1"), "PV-TYPE"),
        (("bound: 8", "bound: 4294967296"), "PV-TYPE"),
        (("formal: sum(y) = 1", "tolerance: small"), "PV-TYPE"),
        (("[Bridle (1990)]", "Bridle (1990)"), "PV-TYPE"),
        (("[Bridle (1990)]", "[[Bridle]]"), "PV-TYPE"),
        (("    formula: exp(x) / sum(exp(x))", "    - formula"), "PV-TYPE"),
        (("  description: Softmax\n", "  description: Softmax\n  registry: yes\n"), "PV-TYPE"),
        (("type: invariant", "type: invarient"), "PV-VALUE"),
        (("strategy: stub_float", "strategy: guess"), "PV-VALUE"),
        (("  description: Softmax\n", "  description: Softmax\n  kind: Kernel\n"), "PV-VALUE"),
        (("    rule: sum\n", ""), "PV-MISSING-KEY"),
        (("  name: Softmax\n", ""), "PV-MISSING-KEY"),
        (("rule: sum", "rule: &anchor sum"), "YAML-ANCHOR"),
    ],
)
def test_what_pv_cannot_read_is_an_error_of_its_shape(change, rule, changed):
    file = read_pv(changed(change).encode())
    assert not file.valid
    assert [one.rule for one in file.diagnostics] == [rule]
