"""What ``pv`` lets pass, and is told here."""

from __future__ import annotations

import pytest

from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.reader import read_pv

CITES = "tests/test_softmax.py::test_the_sum"


def rules(found):
    return [one.rule for one in found]


@pytest.mark.parametrize("key", ["falsification_test", "falsification-tests", "Kani_Harnesses", "proof_obligation"])
def test_a_misspelt_block_is_an_error_that_names_the_right_one(key, told, softmax):
    (found,) = told(f"{softmax}{key}: []\n")
    assert (found.rule, found.severity, found.line) == ("PV-NEAR-MISS", "error", softmax.count("\n") + 1)
    assert "did you mean" in found.hint


def test_a_misspelt_key_inside_a_block_is_an_error(told, changed):
    (found,) = told(changed(("  description: Softmax\n", "  description: Softmax\n  depend_on: [exp]\n")))
    assert (found.rule, found.hint) == ("PV-NEAR-MISS", "did you mean 'depends_on'?")


def test_keys_that_nobody_reads_are_told_together(told, softmax):
    (found,) = told(softmax + "formats: {}\nweight_roles: {}\n")
    assert found.rule == "PV-UNKNOWN-KEY"
    assert "'formats', 'weight_roles'" in found.message


@pytest.mark.parametrize("text", ['" "', "null", "~"])
def test_a_prediction_of_nothing_is_none(text, told, changed):
    assert rules(told(changed(("the outputs of random inputs sum to 1", text)))) == ["PV-BLANK"]


def test_a_reference_of_nothing_is_none(told, changed):
    assert rules(told(changed(("[Bridle (1990)]", "[null]")))) == ["PV-BLANK"]


def test_a_harness_that_proves_no_obligation_of_the_file(told, changed):
    (found,) = told(changed(("obligation: SM-INV-001", "obligation: SM-INV-002")))
    assert (found.rule, found.severity) == ("PV-OBLIGATION-UNKNOWN", "warning")
    assert "SM-INV-002" in found.hint


def test_obligations_without_ids_are_named_as_the_reason(told, changed):
    (found,) = told(changed(("  - id: SM-INV-001\n    type", "  - type")))
    assert "no obligation of this file has an id" in found.message


@pytest.mark.parametrize(
    ("test", "missing"),
    [
        ("tests/test_softmax.py::test_the_summ", "defines no test_the_summ; did you mean 'test_the_sum'?"),
        ("tests/test_nothing.py::test_the_sum", "there is no file tests/test_nothing.py"),
        ("tests/test_softmax.py::TestOrder::test_goes", "tests/test_softmax.py::TestOrder defines no test_goes"),
        ("tests/test_softmax.py::test_the_sum::test_in_it", "test_the_sum is a function and holds no test_in_it"),
        ("../tests/test_softmax.py::test_the_sum", "lies outside the workspace"),
        ("pytest -q tests/test_softmax.py::test_no", "defines no test_no"),
    ],
)
def test_a_cited_test_that_does_not_exist_is_an_error(test, missing, told, changed):
    (found,) = told(changed((CITES, test)))
    assert (found.rule, found.severity, found.line) == ("PV-TEST-UNKNOWN", "error", 17)
    assert missing in found.message


@pytest.mark.parametrize(
    "test",
    [
        "tests/test_softmax.py",
        "./tests/test_softmax.py::test_the_sum",
        "tests/test_softmax.py::test_the_sum[float32-2]",
        "tests/test_softmax.py::TestOrder::test_stays",
        "tests/test_softmax.py::TestOrder",
        "tests/test_softmax.py::TestInherited::test_stays",
        "tests/test_softmax.py::test_under_a_condition",
        "tests/test_softmax.py::test_of_others",
        "python -m pytest tests/test_softmax.py::test_the_sum tests/test_softmax.py::TestOrder",
        "test_the_sum",
        "cargo test test_the_sum",
    ],
)
def test_a_cited_test_that_exists_is_fine(test, told, changed):
    assert told(changed((CITES, test))) == []


@pytest.mark.parametrize("test", ["test_that_nobody_wrote", "cargo test --lib softmax::prop_order"])
def test_a_function_that_no_file_has_is_told(test, told, changed):
    assert rules(told(changed((CITES, test)))) == ["PV-TEST-ABSENT"]


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("// fn test_sums() was removed", False),
        ("# def test_sums(): ...", False),
        ("    #def test_sums(): ...", False),
        ('"""Once def test_sums was here."""', False),
        ("fn other() {} // fn test_sums() {}", False),
        ("#[test] fn test_sums() {}", True),
        ("#[cfg(test)] mod tests { use super::*; #[test] fn test_sums() {} fn other() {} }", True),
        ("proptest! {\n    #[test]\n    fn test_sums(x in 0..9) {}\n}", True),
        ('pub(crate) async unsafe extern "C" fn test_sums() {}', True),
        ("class TestSums:\n    async def test_sums(self): ...  # the sum", True),
    ],
)
def test_a_function_in_a_comment_is_not_written(source, written, tmp_path, changed):
    (tmp_path / "all.rs").write_text(f"use std::cmp;\n{source}\n")
    (file,) = check_pv([read_pv(changed((CITES, "test_sums")).encode())], tmp_path)
    assert rules(file.diagnostics) == ([] if written else ["PV-TEST-ABSENT"])


@pytest.mark.parametrize("test", ["proptest with 10000 random vectors", "direct test", '""', "null"])
def test_prose_names_no_test(test, told, changed):
    (found,) = told(changed((CITES, test)))
    assert found.rule == "PV-TEST-PROSE"
    assert "1 of 1 falsification tests" in found.message


def test_a_file_that_is_no_python_is_named(tmp_path, changed):
    (tmp_path / "test_broken.py").write_text("def test_the_sum(:\n")
    (file,) = check_pv([read_pv(changed((CITES, "test_broken.py::test_the_sum")).encode())], tmp_path)
    assert "test_broken.py is no Python that can be read" in file.diagnostics[0].message


@pytest.mark.parametrize(
    "typed", ["status: DISCHARGED", "algorithm_evidence: {status: held}", "evidence_discharged_by: docs/nowhere.md"]
)
def test_a_status_that_is_typed_is_no_evidence(typed, told, softmax):
    (found,) = told(f"{softmax}{typed}\n")
    assert (found.rule, found.line) == ("PV-STATUS-TYPED", softmax.count("\n") + 1)


def test_a_status_of_a_test_is_found_too(told, changed):
    found = told(changed(("    rule: sum\n", "    rule: sum\n    discharge_status: PARTIAL\n")))
    assert rules(found) == ["PV-STATUS-TYPED"]
    assert "'discharge_status': 'PARTIAL' is typed" in found[0].message


def test_a_status_beside_evidence_that_is_there_is_not_told(tmp_path, softmax):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "run.json").write_text("{}")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_softmax.py").write_text("def test_the_sum(): ...\n")
    text = f"{softmax}status: DISCHARGED\nevidence_discharged_by: evidence/run.json\n"
    (file,) = check_pv([read_pv(text.encode())], tmp_path)
    assert file.diagnostics == ()


def test_a_proof_that_is_not_there_proves_nothing(told, changed):
    lean = "formal: sum(y) = 1\n    lean: {theorem: Softmax.sums, module: Proofs.Softmax, status: proved}"
    (found,) = told(changed(("formal: sum(y) = 1", lean)))
    assert (found.rule, found.line) == ("PV-STATUS-TYPED", 13)
    assert "Softmax.sums" in found.hint


def test_a_summary_has_to_add_up(told, softmax):
    summary = "verification_summary: {total_obligations: 7, l3_kani_proved: 2, l4_lean_proved: 1, l4_sorry_count: 0}\n"
    found = told(softmax + summary)
    assert rules(found) == ["PV-SUMMARY"] * 3
    assert "says total_obligations: 7, and the file has 1" in found[0].message


def test_an_enforcement_rule_names_a_test_of_the_file(told, softmax):
    rule = "enforcement: {sum: {description: it sums, check: 'contract_tests::FALSIFY-SM-001, FALSIFY-SM-009'}}\n"
    (found,) = told(softmax + rule)
    assert found.rule == "PV-REFERENCE-UNKNOWN"
    assert "'FALSIFY-SM-009'" in found.message


def test_a_reference_to_a_file_that_is_not_there(told, changed):
    found = told(changed(("[Bridle (1990)]", "[docs/softmax.md — how, tests/test_softmax.py, Bridle/Neuro (1990)]")))
    assert [(one.rule, "'docs/softmax.md'" in one.message) for one in found] == [("PV-REFERENCE-UNKNOWN", True)]


def depending_on(text, *names):
    return text.replace("  references", f"  depends_on: [{', '.join(names)}]\n  references", 1)


def test_a_contract_that_is_depended_on_exists(told, softmax):
    other = softmax.replace("SM-", "OT-")
    assert rules(told(depending_on(softmax, "b"), other)) == []
    assert rules(told(depending_on(softmax, "exp-v1"), other)) == ["PV-DEPENDS-UNKNOWN"]


@pytest.mark.parametrize("beside", ["b.yaml", "b.yml"])
def test_a_contract_that_lies_beside_it_need_not_be_given(beside, tmp_path, workspace, softmax):
    (tmp_path / "a.yaml").write_text(depending_on(softmax, "b"))
    (tmp_path / beside).write_text(softmax)
    (file,) = check_pv([read_pv(tmp_path / "a.yaml")], workspace)
    assert file.diagnostics == ()


def test_contracts_that_depend_on_each_other(told, softmax):
    found = told(depending_on(softmax, "b"), depending_on(softmax.replace("SM-", "OT-"), "a"))
    assert "PV-DEPENDS-CYCLE" in rules(found)
    assert "a -> b -> a" in found[-1].message


def test_an_id_that_another_file_has(told, softmax):
    found = told(softmax, softmax)
    assert rules(found) == ["PV-ID-REUSED"] * 2
    assert [one.path for one in found] == ["b.yaml"] * 2
    assert "'FALSIFY-SM-001' stands already in a.yaml:14" in found[0].message
