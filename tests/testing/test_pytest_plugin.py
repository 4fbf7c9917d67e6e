"""Contracts as tests of pytest, run as a person runs them: pytest in a process of its own, in a workspace."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree

import pytest

import pytest_falsifiable
from falsifiable.status import Status
from tests.conftest import CONTRACT
from tests.testing.conftest import PV, edit


def test_each_falsifier_is_an_item_with_a_readable_id(run_pytest, workspace):
    done = run_pytest("--contracts", "-v", "--junitxml", "junit.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (1, 2, 3):
        assert f"contracts/shop.yaml::FALSIFY-SHOP-00{number} PASSED" in done.stdout
    assert "tests/test_ordinary.py::test_ordinary PASSED" in done.stdout
    assert "3 falsifiers: 3 held, 0 falsified, 0 inconclusive" in done.stdout
    case = ElementTree.parse(workspace / "junit.xml").find(".//testcase[@name='FALSIFY-SHOP-003']")
    said = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert (said["falsifiable.outcome"], said["hidden_size"]) == ("held", "56")


def test_nothing_is_collected_unless_asked_for(run_pytest):
    done = run_pytest("-v", ".")
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert "FALSIFY" not in done.stdout


def test_a_contract_is_asked_for_by_name(run_pytest):
    done = run_pytest("-v", "contracts/shop.yaml::FALSIFY-SHOP-003")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "contracts/shop.yaml::FALSIFY-SHOP-003 PASSED" in done.stdout
    assert "1 passed" in done.stdout


def test_contracts_are_asked_for_by_a_setting_and_selected_by_family(run_pytest):
    done = run_pytest("-v", "-o", "contracts=true", "-m", "family_weights")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "contracts/shop.yaml::FALSIFY-SHOP-002 PASSED" in done.stdout
    assert "1 passed, 3 deselected" in done.stdout


def test_a_failure_shows_the_counterexample_and_not_the_machinery(run_pytest, workspace):
    edit(workspace / "contracts/shop.yaml", "equals: 56", "equals: 57")
    done = run_pytest("--contracts", "contracts")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FALSIFY-SHOP-003: The hidden size is that of the specimen" in done.stdout
    assert "run/finetuned: hidden_size is 56, expected equal to 57" in done.stdout
    assert "contracts/shop.yaml:18" in done.stdout
    assert (
        "FAILED contracts/shop.yaml::FALSIFY-SHOP-003 - Falsified: found: run/finetuned: hidden_size is 56"
        in done.stdout
    )
    assert "collection.py" not in done.stdout
    assert "Traceback" not in done.stdout
    assert "2 passed" in done.stdout


def test_a_sabotaged_weight_is_named(run_pytest, workspace):
    model = workspace / "run/finetuned/model.safetensors"
    data = bytearray(model.read_bytes())
    header = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + header])
    start = 8 + header + tensors["model.norm.weight"]["data_offsets"][0]
    width = 4 if tensors["model.norm.weight"]["dtype"] == "F32" else 2
    data[start : start + width] = b"\xff" * (width - 1) + b"\x7f"
    model.write_bytes(data)
    done = run_pytest("contracts/shop.yaml::FALSIFY-SHOP-002")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "model.norm.weight" in done.stdout


def test_a_broken_file_fails_what_rests_on_it(run_pytest, workspace):
    model = workspace / "run/finetuned/model.safetensors"
    model.write_bytes(model.read_bytes()[:-10])
    done = run_pytest("--contracts", "contracts", "--junitxml", "junit.xml")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missing 10 bytes" in done.stdout
    assert "check artifact.sound" in done.stdout
    assert "3 falsifiers: 0 held, 3 falsified, 0 inconclusive" in done.stdout
    assert "a file breaks the rules of its own format, whatever is claimed about it: 3 falsifiers" in done.stdout
    assert "3 failed" in done.stdout
    said = [one.get("value") for one in ElementTree.parse(workspace / "junit.xml").iter("property")]
    assert (said.count("falsified"), said.count("unsound"), said.count("inconclusive")) == (3, 3, 0)


def test_what_is_inconclusive_is_skipped_with_its_reason(run_pytest, workspace):
    (workspace / "artifacts.yaml").write_text("tokenizer: run/finetuned/tokenizer.json\n")
    done = run_pytest("--contracts", "contracts", "-rs")
    assert done.returncode == 0
    assert "3 skipped" in done.stdout
    assert "contracts/shop.yaml:14: inconclusive: role trained is not bound" in done.stdout
    assert "--contracts-artifact trained=PATH" in done.stdout
    strict = run_pytest("contracts/shop.yaml::FALSIFY-SHOP-002", "--contracts-strict")
    assert strict.returncode == 1
    assert "Falsified" not in strict.stdout
    assert "1 failed" in strict.stdout


def test_what_could_not_be_run_is_no_success(run_pytest, workspace):
    (workspace / "run/finetuned/config.json").unlink()
    (workspace / "artifacts.yaml").write_text("trained: run/other.bin\n")
    (workspace / "run/other.bin").write_bytes(b"no model at all")
    done = run_pytest("contracts/shop.yaml::FALSIFY-SHOP-002", "--contracts", "-rs")
    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "could not be run, for which this run fails: contracts/shop.yaml::FALSIFY-SHOP-002" in done.stdout
    assert done.returncode == 1


def test_a_contract_that_is_not_valid_fails_its_collection(run_pytest, workspace):
    edit(workspace / "contracts/shop.yaml", "check: weights.finite", "check: weights.finit")
    done = run_pytest("--contracts")
    assert done.returncode == 2
    assert "contracts/shop.yaml:16:12: error: " in done.stdout
    assert "weights.finite" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_fault_of_the_bindings_is_told_once(run_pytest, workspace):
    (workspace / "contracts/second.yaml").write_text(
        CONTRACT.replace("contract: shop", "contract: second").replace("-SHOP-", "-SECOND-")
    )
    with (workspace / "artifacts.yaml").open("a") as file:
        file.write("again: {path: run, sha: abc}\n")
    done = run_pytest("--contracts", "contracts")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count("artifacts.yaml:4:20: error: ") == 1
    assert "nothing is put to the test before this is mended: artifacts.yaml:4:20" in done.stdout


def test_every_status_has_its_marker():
    named = {one.partition(":")[0] for one in pytest_falsifiable.MARKERS}
    assert {f"status_{one.name.lower()}" for one in Status} | {"status_stale"} <= named


def test_markers_select_by_status_and_what_is_doubtful_is_a_warning(run_pytest, workspace):
    with (workspace / "artifacts.yaml").open("a") as file:
        file.write("tokeniser: run\n")
    done = run_pytest("--contracts", "--collect-only", "-m", "status_proposed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<FalsifierItem FALSIFY-SHOP-001>" in done.stdout
    assert "3/4 tests collected (1 deselected)" in done.stdout
    assert "ContractWarning: artifacts.yaml:4:1: warning " in done.stdout


@pytest.mark.slow
def test_workers_collect_the_same_and_judge_once(run_pytest, workspace, tmp_path):
    (workspace / "counted.py").write_text(
        "import os, falsifiable.validation as validation\n"
        "judge = validation.validate_workspace\n"
        "def counting(*given, **named):\n"
        "    open(os.environ['COUNTED'], 'a').write('judged\\n')\n"
        "    return judge(*given, **named)\n"
        "validation.validate_workspace = counting\n"
    )
    edit(workspace / "pytest.ini", "addopts = ", "addopts = -p counted ")
    paths = os.pathsep.join(filter(None, (str(workspace), os.environ.get("PYTHONPATH"))))
    done = run_pytest(
        "--contracts", "-v", "-n", "2", "--dist", "load", PYTHONPATH=paths, COUNTED=str(tmp_path / "counted")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert (tmp_path / "counted").read_text() == "judged\n"


def test_the_hypothesis_profile_is_the_same_everywhere(run_pytest, workspace):
    (workspace / "tests/test_ordinary.py").write_text(
        "from hypothesis import settings\n"
        "def test_profile():\n"
        "    assert settings().derandomize and settings().deadline is None and settings().database is None\n"
    )
    done = run_pytest("--hypothesis-profile=falsifiable")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--contracts-artifact", "trained"], "--contracts-artifact 'trained': expected ROLE=PATH"),
        (["--contracts-run", "nowhere"], "--contracts-run nowhere: there is no such folder"),
        (["--contracts-artifact", "trainer=run"], "no contract has a role 'trainer'"),
    ],
)
def test_wrong_usage_says_what_was_expected(run_pytest, arguments, said):
    done = run_pytest("--contracts", *arguments)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_test_run_that_asks_for_nothing_imports_nothing(run_pytest, workspace):
    (workspace / "tests/test_ordinary.py").write_text(
        "import sys\ndef test_ordinary():\n"
        "    assert not [name for name in sys.modules if name.partition('.')[0] == 'falsifiable']\n"
    )
    done = run_pytest()
    assert done.returncode == 0, done.stdout


def test_a_contract_of_pv_is_an_item_that_is_valid_or_says_why_not(run_pytest, workspace):
    (workspace / "contracts" / "exp-v1.yaml").write_text(PV % "above 0")
    done = run_pytest("--contracts", "-v", "contracts/exp-v1.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "contracts/exp-v1.yaml::valid PASSED" in done.stdout
    assert "PV-TEST-PROSE" in done.stdout
    (workspace / "contracts" / "exp-v1.yaml").write_text(PV % '""')
    done = run_pytest("--contracts", "-v", "contracts/exp-v1.yaml")
    assert done.returncode == 1
    assert "SCHEMA-008" in done.stdout
    assert "contracts/exp-v1.yaml:4:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
