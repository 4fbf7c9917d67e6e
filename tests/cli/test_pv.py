"""``contract validate`` and ``contract import`` on contracts written for ``pv``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from falsifiable.cli.common import chosen_contracts, open_workspace

SOFTMAX = """\
metadata:
  {version: "1.0", description: "Softmax \\u2014 \\"stable\\"", references: [Bridle (1990)], depends_on: [exp-v1]}
equations: {softmax: {formula: exp(x) / sum(exp(x)), domain: all x}}
proof_obligations: [{id: SM-INV-001, type: invariant, property: the outputs sum to 1, tolerance: 1e-6}]
falsification_tests:
  - {id: FALSIFY-SM-001, rule: sum, prediction: it sums to 1, test: "test_softmax.py::test_sum", if_fails: no maximum}
  - {id: FALSIFY-SM-002, rule: order, prediction: the order stays, test: proptest, if_fails: a wrong index}
kani_harnesses: [{id: KANI-SM-001, obligation: SM-INV-001, bound: 8, harness: verify_softmax}]
qa_gate: {id: F-SM-001, name: Softmax, pass_criteria: all pass}
"""
EXP = SOFTMAX.replace("SM-", "EX-").replace(", depends_on: [exp-v1]", "")
OURS = """\
contract: ours
version: 1.0.0
title: A claim of ours
artifacts: {export: {kind: model}, tokenizer: {kind: tokenizer}}
falsifiers:
  - id: FALSIFY-OURS-001
    claim: Every id has a row
    check: vocabulary.fits-model
    on: {model: export, tokenizer: tokenizer}
"""


@pytest.fixture
def kernels(here) -> Path:
    """A folder of two contracts of pv, and the test that they cite beside it."""
    folder = here / "kernels"
    folder.mkdir()
    (folder / "softmax-v1.yaml").write_text(SOFTMAX)
    (folder / "exp-v1.yaml").write_text(EXP)
    (here / "test_softmax.py").write_text("def test_sum():\n    assert sum([0.5, 0.5]) == 1\n")
    return folder


def test_a_file_is_valid_as_it_stands(kernels, contract):
    done = contract("validate", kernels / "softmax-v1.yaml")
    assert done.code == 0
    assert "1 contract of pv: valid" in done.out
    assert "PV-TEST-PROSE" in done.err
    assert "error" not in done.err


def test_a_folder_stands_for_all_below_it(kernels, contract):
    done = contract("validate", "kernels")
    assert done.code == 0
    assert "2 contracts of pv: valid" in done.out


def test_what_is_not_run_is_not_held_where_that_is_asked(kernels, contract):
    assert contract("validate", "--strict", kernels).code == 3
    assert contract("validate", "--strict", "--no-run", kernels).code == 0, "nothing was asked to run"


@pytest.mark.parametrize(
    "judging", [["--many", "nope*"], ["--run", "."], ["--artifact", "model=nope"], ["--record"], ["--executor", "ray"]]
)
def test_what_judges_artifacts_is_wrong_usage_where_no_contract_does(kernels, contract, here, judging):
    kernels.rename(here / "contracts")
    for named in ([], ["contracts"], ["contracts/exp-v1.yaml"]):
        done = contract("validate", *named, *judging)
        assert (done.code, done.out) == (4, ""), named
        assert "no contract here judges an artifact" in " ".join(done.err.split())
    (here / "contracts" / "ours.yaml").write_text(OURS)
    done = contract("validate", "--no-run", *judging)
    assert (done.code, done.out) == (4, "")
    assert f"--no-run runs nothing; leave out {judging[0]}" in done.err


def test_a_broken_rule_of_pv_ends_4_with_file_line_and_column(kernels, contract):
    (kernels / "exp-v1.yaml").write_text(EXP.replace("it sums to 1", '""'))
    done = contract("validate", "kernels")
    assert done.code == 4
    assert "kernels/exp-v1.yaml:6:49: error SCHEMA-008: " in done.err
    assert "2 contracts of pv: 1 valid, 1 invalid" in done.out


def test_both_endings_are_read_in_a_folder(kernels, contract):
    (kernels / "sub").mkdir()
    (kernels / "sub" / "short-v1.yml").write_text(EXP.replace("it sums to 1", '""').replace("EX-", "SH-"))
    done = contract("validate", "kernels")
    assert done.code == 4
    assert "kernels/sub/short-v1.yml:6:49: error SCHEMA-008: " in done.err
    assert "3 contracts of pv: 2 valid, 1 invalid" in done.out


def test_a_workspace_in_which_no_file_is_read_is_told_so(kernels, contract, here):
    kernels.rename(here / "contracts")
    (here / "contracts" / "softmax-v1.yaml").unlink()
    (here / "contracts" / "exp-v1.yaml").rename(here / "contracts" / "exp-v1.yml")
    done = contract("validate")
    assert (done.code, done.err.count("CONTRACT-FILE-SUFFIX")) == (3, 1)
    assert "unexpected" not in done.err


def test_a_file_is_judged_once_by_whichever_path_it_is_named(kernels, contract, here):
    (here / "linked").symlink_to("kernels")
    (kernels / "again.yaml").symlink_to("exp-v1.yaml")
    named = ["kernels", "./kernels/exp-v1.yaml", "linked/exp-v1.yaml", "linked", here / "linked/../kernels/again.yaml"]
    done = contract("validate", *named)
    assert (done.code, "PV-ID-REUSED" in done.err) == (0, False)
    assert "2 contracts of pv: valid" in done.out


def test_a_contract_of_theirs_may_depend_on_one_of_ours(kernels, contract, here):
    kernels.rename(here / "contracts")
    (here / "contracts" / "first.yaml").write_text(OURS)
    (here / "contracts" / "softmax-v1.yaml").write_text(SOFTMAX.replace("[exp-v1]", "[ours]"))
    for _ in ("read", "known to the cache"):
        done = contract("validate", "contracts", "--no-run")
        assert (done.code, "PV-DEPENDS-UNKNOWN" in done.err) == (0, False)


def test_other_files_of_a_folder_are_passed_over_and_told(kernels, contract, here):
    (here / "mkdocs.yml").write_text("site_name: Softmax\n")
    (here / ".tools").mkdir()
    (here / ".tools" / "list.yaml").write_text("- [\n")
    (here / ".hooks.yaml").write_text("- [\n")
    done = contract("validate", ".")
    assert done.code == 0
    assert "passed over, because written neither for contract nor for pv: mkdocs.yml\n" in done.err
    assert "2 contracts of pv: valid" in done.out


def test_what_is_passed_over_is_a_warning_in_every_report(kernels, contract, here):
    (here / "mkdocs.yml").write_text("site_name: Softmax\n")
    for form in ("json", "junit", "sarif", "github", "markdown"):
        done = contract("validate", ".", "--format", form)
        assert (done.code, "mkdocs.yml" in done.out, "CONTRACT-FILE-NEITHER" in done.out) == (0, True, True), form
    kernels.rename(here / "contracts")
    (here / "contracts" / "ours.yaml").write_text(OURS)
    assert "file=mkdocs.yml,line=1,title=CONTRACT-FILE-NEITHER" in contract("validate", ".", "--format", "github").out


def test_a_link_to_a_folder_is_not_followed_and_told(kernels, contract, here):
    kernels.rename(here / "elsewhere")
    (here / "named").mkdir()
    (here / "named" / "exp-v1.yaml").write_text(EXP)
    (here / "named" / "linked").symlink_to("../elsewhere")
    (here / "named" / "again").symlink_to(".")
    done = contract("validate", "named")
    assert "links to folders are not followed; name them too: named/linked\n" in done.err
    assert "1 contract of pv: valid" in done.out
    assert "not followed" not in contract("validate", "named", "named/linked").err


def test_endings_are_read_in_any_case(kernels, contract, here):
    (kernels / "exp-v1.yaml").rename(kernels / "exp-v1.YAML")
    assert "2 contracts of pv: valid" in contract("validate", "kernels").out
    assert "1 contract of pv: valid" in contract("validate", "kernels/exp-v1.YAML").out
    (kernels / "exp-v1.YAML").rename(kernels / "exp-v1.txt")
    done = contract("validate", "kernels/exp-v1.txt")
    assert (done.code, "where their names end in .yaml or .yml" in done.err) == (4, True)
    (here / "contracts").mkdir()
    (here / "contracts" / "Ours.YAML").write_text(OURS)
    done = contract("validate", "contracts")
    assert (done.code, "contracts are files that end in .yaml; rename it" in done.err) == (4, True)


def test_a_folder_of_a_workspace_means_its_contracts(contract, here):
    (here / "contracts").mkdir()
    (here / "contracts" / "ours.yaml").write_text(OURS)
    (here / "artifacts.yaml").write_text("")
    for name in (".", "contracts"):
        done = contract("validate", "--no-run", name)
        assert (done.code, done.out) == (0, "1 contract with 1 falsifier: valid\n"), done.err
    known = chosen_contracts(open_workspace(here)[0], ["contracts", "ours"])
    assert [one.contract for one in known] == ["ours"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.yaml", "missing.yaml does not exist"),
        ("empty", "empty is a folder without a contract"),
        ("neither.yaml", "neither.yaml is no contract: it has neither contract: nor falsifiers:"),
        ("elsewhere.yaml", "elsewhere.yaml is not among the contracts of"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_contract_of_the_workspace_is_told_for_what_it_is(contract, here, name, said):
    (here / "empty").mkdir()
    (here / "neither.yaml").write_text("export: a.gguf\n")
    (here / "elsewhere.yaml").write_text(OURS)
    (here / "loop").symlink_to("loop")
    done = contract("validate", name)
    assert (done.code, done.out) == (4, "")
    assert said in done.err


def test_a_link_to_itself_cannot_be_read(contract, here):
    (here / "loop.yaml").symlink_to("loop.yaml")
    done = contract("validate", "loop.yaml")
    assert done.code == 4
    assert "loop.yaml:1:1: error" in done.err
    assert "Too many levels of symbolic links" in done.err


def closed_to_us(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let no folder of this name be opened, which its mode would not keep root from."""
    opened = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return opened(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_opened_hides_no_contract(kernels, contract, here, monkeypatch):
    kernels.rename(here / "contracts")
    (here / "contracts" / "ours.yaml").write_text(OURS)
    (here / "contracts" / "closed").mkdir()
    closed_to_us(monkeypatch, "closed")
    for named in ([], ["contracts"], ["--no-run", "contracts/closed"]):
        done = contract("validate", *named)
        assert (done.code, "contracts/closed:1:1: error YAML-UNREADABLE: " in done.err) == (4, True), named


def test_contracts_that_cannot_be_opened_are_not_replaced_by_those_that_ship(contract, here, monkeypatch):
    (here / "artifacts.yaml").write_text("")
    (here / "contracts").mkdir()
    closed_to_us(monkeypatch, "contracts")
    done = contract("validate", "--no-run")
    assert (done.code, "contracts:1:1: error YAML-UNREADABLE: " in done.err) == (4, True)


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_answer(kernels, contract, closed):
    for name, code in (("kernels/exp-v1.yaml", 0), ("missing.yaml", 4)):
        line = f'exec "$0" -m falsifiable validate {name} {closed}'
        done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "unexpected" not in done.stderr


def test_a_test_that_does_not_exist_ends_4(kernels, contract, here):
    (here / "test_softmax.py").write_text("def test_product(): ...\n")
    done = contract("validate", kernels / "softmax-v1.yaml")
    assert done.code == 4
    assert "error PV-TEST-UNKNOWN" in done.err


def test_a_file_that_is_no_yaml_is_told_of(kernels, contract):
    (kernels / "exp-v1.yaml").write_text("metadata: [\n")
    done = contract("validate", "kernels")
    assert done.code == 4
    assert "error YAML-SYNTAX" in done.err


def test_a_program_reads_it_too(kernels, contract):
    done = contract("validate", "--format", "json", kernels / "softmax-v1.yaml")
    (fault,) = json.loads(done.out)["diagnostics"]
    assert (fault["rule"], fault["severity"], fault["path"]) == (
        "PV-TEST-PROSE", "warning", "kernels/softmax-v1.yaml",
    )  # fmt: skip


def test_reports_name_files_of_pv_and_ours_together(kernels, contract, here):
    (here / "contracts").mkdir()
    (here / "contracts" / "ours.yaml").write_text(OURS)
    named = [kernels / "softmax-v1.yaml", here / "contracts" / "ours.yaml"]
    done = contract("validate", "--no-run", "--format", "markdown", "--output", "sarif=found.sarif", *named)
    assert done.code == 0
    assert "2 contracts valid, nothing was run" in done.out
    (run,) = json.loads((here / "found.sarif").read_text())["runs"]
    assert [one["ruleId"] for one in run["results"]] == ["PV-TEST-PROSE"]


def test_a_file_of_the_workspace_is_reported_once(kernels, contract, here):
    kernels.rename(here / "contracts")
    (here / "contracts" / "ours.yaml").write_text(OURS)
    done = contract("validate", "--no-run", "contracts/softmax-v1.yaml", "ours", "--output", "json=found.json")
    assert done.err.count("contracts/softmax-v1.yaml:7:") == 1
    told = [one["path"] for one in json.loads((here / "found.json").read_text())["diagnostics"]]
    assert sorted(told) == ["contracts/exp-v1.yaml", "contracts/softmax-v1.yaml"]


def test_places_are_seen_from_the_top_of_the_repository(kernels, contract, here, monkeypatch):
    (here / ".git").mkdir()
    (here / "models" / "contracts").mkdir(parents=True)
    (here / "models" / "contracts" / "ours.yaml").write_text(OURS)
    (here / "models" / "contracts" / "own-v1.yaml").write_text(EXP)
    (here / "test_softmax.py").rename(here / "models" / "test_softmax.py")
    github = ("validate", "--no-run", "--format", "github")
    done = contract(*github, "--root", "models", "models/contracts", kernels / "softmax-v1.yaml")
    assert [line.partition(",")[0] for line in done.out.splitlines()[:-1]] == [
        "::warning file=kernels/softmax-v1.yaml", "::warning file=models/contracts/own-v1.yaml",
    ]  # fmt: skip
    monkeypatch.chdir(here / "models")
    assert contract(*github, "../kernels/softmax-v1.yaml").out.startswith("::warning file=kernels/softmax-v1.yaml,")


def test_in_a_workspace_they_stand_beside_ours(kernels, contract, here):
    kernels.rename(here / "contracts")
    (here / "contracts" / "ours.yaml").write_text(OURS)
    done = contract("validate", "--no-run")
    assert done.code == 0
    assert "2 contracts of pv: valid" in done.err
    assert "1 contract with 1 falsifier: valid" in done.out
    (here / "contracts" / "exp-v1.yaml").write_text(EXP.replace("{softmax: {formula: exp(x) / sum(exp(x))", "{} #"))
    done = contract("validate", "--no-run")
    assert done.code == 4
    assert "contracts/exp-v1.yaml:3:12: error SCHEMA-003" in done.err


def test_a_workspace_of_nothing_else_is_valid(kernels, contract, here):
    kernels.rename(here / "contracts")
    assert contract("validate").code == 0
    assert contract("validate", "--strict").code == 3
    (here / "found.sarif").write_text("")
    done = contract("validate", "--strict", "--format", "junit", "--output", "sarif=found.sarif")
    assert 'name="contracts/exp-v1.yaml"' in done.out
    (run,) = json.loads((here / "found.sarif").read_text())["runs"]
    assert run["invocations"][0]["exitCode"] == done.code == 3


def test_ours_and_theirs_can_be_named_together(kernels, contract, here):
    (here / "contracts").mkdir()
    (here / "contracts" / "ours.yaml").write_text(OURS)
    done = contract("validate", "--no-run", kernels / "softmax-v1.yaml", "ours")
    assert done.code == 0
    assert "1 contract of pv: valid" in done.out
    assert "1 contract with 1 falsifier: valid" in done.out


def test_contracts_of_pv_are_not_compared(kernels, contract, here):
    kernels.rename(here / "contracts")
    (here / "contracts" / "ours.yaml").write_text(OURS)
    assert contract("diff", "contracts", "contracts").code == 0


def test_an_import_is_a_valid_contract_of_ours(kernels, contract, here):
    done = contract("import", "pv", "kernels/softmax-v1.yaml", "kernels/exp-v1.yaml")
    assert done.code == 0, done.err
    assert "softmax-v1.yaml: 3 claims, 1 of them without a test that can be run" in done.out
    text = (here / "contracts" / "softmax-v1.yaml").read_text()
    assert 'title: "Softmax — \\"stable\\""' in text
    assert "version: 1.0.0" in text
    assert 'requires:\n  - "exp-v1"' in text
    assert "# equation softmax: exp(x) / sum(exp(x)), for all x" in text
    assert "# obligation (invariant): the outputs sum to 1 within 1e-06" in text
    done = contract("validate", "--no-run")
    assert (done.code, done.err) == (0, "")
    assert "2 contracts with 6 falsifiers: valid" in done.out


def test_the_lines_it_prints_bind_the_tests_it_names(kernels, contract, here):
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    lines = done.out.partition("--run-commands:\n")[2]
    run = '"python", "-m", "falsifiable.testing.all_passed"'
    sources = 'sources: ["test_softmax.py"]'
    named = f'[{run}, "pytest", "-q", "test_softmax.py::test_sum"], {sources}'
    assert f"exp-v1/falsify-ex-001: {{command: {named}}}" in lines
    kani = f'[{run}, "cargo", "kani", "--harness", "verify_softmax"], {sources}'
    assert f"exp-v1/kani-ex-001: {{command: {kani}}}" in lines
    (here / "artifacts.yaml").write_text(lines)
    done = contract("validate", "--no-run")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("file", "change"),
    [("softmax.py", ("sum", "max")), ("test_softmax.py", ("def test", "@pytest.mark.skip\ndef test"))],
)
def test_an_imported_claim_falls_when_the_code_breaks_and_when_its_test_is_skipped(
    kernels, contract, here, file, change
):
    (here / "softmax.py").write_text("total = sum\n")
    test = "import pytest\nfrom softmax import total\n\ndef test_sum():\n    assert total([0.5, 0.5]) == 1\n"
    (here / "test_softmax.py").write_text(test)
    lines = contract("import", "pv", "kernels/exp-v1.yaml").out.partition("--run-commands:\n")[2]
    (here / "artifacts.yaml").write_text("\n".join(one for one in lines.splitlines() if "kani" not in one))
    for outcome in ("held", "falsified"):
        done = contract("validate", "--run-commands", "--format", "json")
        judged = {one["falsifier"]: one for one in json.loads(done.out)["contracts"][0]["judgements"]}
        assert judged["FALSIFY-EX-001"]["verdict"]["outcome"] == outcome
        (here / file).write_text((here / file).read_text().replace(*change))


def test_all_code_of_the_workspace_is_among_the_sources(kernels, contract, here):
    for name in ("src/lib.rs", "target/made.rs", ".venv/one.py", "Cargo.toml", "data/rows.csv", "notes.md"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).touch()
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    assert done.out.count('sources: ["Cargo.toml", "src", "test_softmax.py"]}') == 2


@pytest.mark.parametrize(
    ("test", "rule"), [("test_softmax.py::test_product", "PV-TEST-UNKNOWN"), ("cargo test test_no", "PV-TEST-ABSENT")]
)
def test_a_test_that_does_not_exist_is_told_and_not_bound(kernels, contract, test, rule):
    (kernels / "exp-v1.yaml").write_text(EXP.replace("test_softmax.py::test_sum", test))
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    assert (done.code, done.err.count(rule)) == (0, 1)
    assert "3 claims, 2 of them without a test that can be run" in done.out
    assert "falsify-ex-001" not in done.out


def test_ids_that_would_give_one_role_are_imported_under_two(kernels, contract, here):
    (kernels / "exp-v1.yaml").write_text(EXP.replace("FALSIFY-EX-001", '"1"').replace("KANI-EX-001", "TEST-1"))
    assert contract("import", "pv", "kernels/exp-v1.yaml").code == 0
    assert contract("validate", "--no-run", "exp-v1").code == 0
    text = (here / "contracts" / "exp-v1.yaml").read_text()
    assert all(f"on: {{command: {role}}}" in text for role in ("test-1", "test-1-2"))


def test_a_contract_that_is_not_there_is_not_required(kernels, contract, here):
    done = contract("import", "pv", "kernels/softmax-v1.yaml", "--output", "softmax.yaml")
    assert "left out of 'requires', until imported too: exp-v1" in done.out
    assert "requires" not in (here / "softmax.yaml").read_text()


def test_an_imported_contract_names_its_schema(kernels, contract, here):
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    assert f"wrote {here / 'contracts/contract.schema.json'}, by which editors complete" in done.out
    first = "# yaml-language-server: $schema="
    assert (here / "contracts/exp-v1.yaml").read_text().startswith(f"{first}contract.schema.json\n")
    assert contract("import", "pv", "kernels/softmax-v1.yaml", "--output", "other/softmax.yaml").code == 0
    assert (here / "other/softmax.yaml").read_text().startswith(f"{first}../contracts/contract.schema.json\n")
    (here / "no contracts").mkdir()
    outside = contract("import", "pv", "kernels/exp-v1.yaml", "--output", "e.yaml", "--root", "no contracts")
    assert outside.code == 0, outside.err
    assert first not in (here / "e.yaml").read_text()


def test_nothing_is_overwritten(kernels, contract, here):
    assert contract("import", "pv", "kernels/exp-v1.yaml").code == 0
    before = (here / "contracts" / "exp-v1.yaml").read_bytes()
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    assert done.code == 4
    assert "exists already" in done.err
    assert (here / "contracts" / "exp-v1.yaml").read_bytes() == before


def test_two_files_that_would_become_one_are_not_imported(kernels, contract, here):
    (here / "others").mkdir()
    (here / "others" / "exp-v1.yaml").write_text(EXP)
    done = contract("import", "pv", "kernels/exp-v1.yaml", "others/exp-v1.yaml")
    assert done.code == 4
    assert "kernels/exp-v1.yaml and others/exp-v1.yaml would both become" in done.err
    assert not (here / "contracts").exists()


def test_what_is_invalid_is_not_imported(kernels, contract, here):
    (kernels / "exp-v1.yaml").write_text(EXP.replace("it sums to 1", '""'))
    done = contract("import", "pv", "kernels/exp-v1.yaml")
    assert done.code == 4
    assert "SCHEMA-008" in done.err
    assert not (here / "contracts").exists()
