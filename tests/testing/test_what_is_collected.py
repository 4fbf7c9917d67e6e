"""Which contracts a test run collects, and that none goes green because it was left out."""

from __future__ import annotations

import pytest

from tests.conftest import CONTRACT
from tests.testing.conftest import PV, edit

OPEN_API = "openapi: 3.1.0\ninfo: {title: The shop, version: 1.0.0}\npaths: {}\n"
SECOND = CONTRACT.replace("contract: shop", "contract: second").replace("-SHOP-", "-SECOND-")
OTHERS_PLUGIN = """\
import pytest
class Described(pytest.File):
    def collect(self):
        yield Fine.from_parent(self, name="described")
class Fine(pytest.Item):
    def runtest(self):
        pass
def pytest_collect_file(file_path, parent):
    if file_path.name == "api.yaml":
        return Described.from_parent(parent, path=file_path)
"""


@pytest.mark.parametrize("workers", [[], pytest.param(["-n", "1"], marks=pytest.mark.slow)])
def test_a_named_contract_that_could_not_be_run_is_no_success(run_pytest, workspace, workers):
    (workspace / "artifacts.yaml").write_text("trained: run/other.bin\n")
    (workspace / "run/other.bin").write_bytes(b"no model at all")
    done = run_pytest("contracts/shop.yaml::FALSIFY-SHOP-002", *workers)
    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "could not be run, for which this run fails: contracts/shop.yaml::FALSIFY-SHOP-002" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("folder", ["build", "env", "__pycache__"])
def test_a_folder_that_pytest_passes_over_is_collected_all_the_same(run_pytest, workspace, folder):
    (workspace / "contracts" / folder).mkdir()
    for relative, content in {"b.yaml": SECOND, "test_no.py": "def test_no(): pass\n", "pyvenv.cfg": ""}.items():
        (workspace / "contracts" / folder / relative).write_text(content)
    done = run_pytest("--contracts", "--collect-only", "-q")
    assert f"contracts/{folder}/b.yaml::FALSIFY-SECOND-001" in done.stdout, done.stdout + done.stderr
    assert "7 tests collected" in done.stdout
    done = run_pytest("--contracts", "--collect-only", "-q", "--ignore", f"contracts/{folder}", ".")
    assert "4 tests collected" in done.stdout
    done = run_pytest("--collect-only", "-q", ".")
    assert "1 test collected" in done.stdout


def test_a_named_folder_is_of_the_workspace_around_it(run_pytest, workspace):
    within = workspace / "models/ws/contracts"
    within.mkdir(parents=True)
    (within / "second.yaml").write_text(SECOND)
    done = run_pytest("--contracts", "--collect-only", "-q", "models/ws/contracts")
    assert "models/ws/contracts/second.yaml::FALSIFY-SECOND-001" in done.stdout, done.stdout + done.stderr
    assert "6 tests collected" in done.stdout


@pytest.mark.parametrize("arguments", [["--contracts", "contracts"], ["contracts/shop.yaml"]])
def test_a_linked_folder_of_contracts_is_of_the_workspace_that_links_to_it(run_pytest, workspace, tmp_path, arguments):
    links = tmp_path / "links"
    links.mkdir()
    (links / "contracts").symlink_to(workspace / "contracts")
    (links / "artifacts.yaml").write_text("tokenizer: nowhere.json\n")
    (links / "pytest.ini").write_text("[pytest]\n")
    done = run_pytest(*arguments, "-rs", folder=links)
    assert "inconclusive: role trained is not bound" in done.stdout, done.stdout + done.stderr
    assert "3 falsifiers: 0 held, 0 falsified, 3 inconclusive" in done.stdout


def test_a_link_to_a_folder_of_contracts_does_not_double_its_verdicts(run_pytest, workspace):
    (workspace / "contracts/a").mkdir()
    (workspace / "contracts/shop.yaml").rename(workspace / "contracts/a/shop.yaml")
    (workspace / "contracts/b").symlink_to("a")
    done = run_pytest("--contracts", "--collect-only", "-q", "contracts")
    assert "3 tests collected" in done.stdout, done.stdout + done.stderr
    done = run_pytest("--contracts", "--collect-only", "-q", "contracts/b")
    assert "contracts/b/shop.yaml::FALSIFY-SHOP-001" in done.stdout, done.stdout + done.stderr


def test_contracts_of_a_workspace_within_are_collected_where_named_and_else_told_of(run_pytest, workspace):
    edit(workspace / "pytest.ini", "testpaths = tests", "contracts = true\ntestpaths = tests shelf")
    (workspace / "shelf/contracts").mkdir(parents=True)
    (workspace / "shelf/contracts/second.yaml").write_text(SECOND)
    (workspace / "shelf/artifacts.yaml").write_text("tokenizer: nowhere.json\n")
    done = run_pytest("-rs", ".")
    assert "shelf/contracts/second.yaml:14: inconclusive: role trained is not bound" in done.stdout, done.stdout
    assert "6 falsifiers: 3 held, 0 falsified, 3 inconclusive" in done.stdout
    done = run_pytest("--collect-only", "-q")
    assert done.stdout.count("ContractWarning: shelf: a workspace of its own, whose contracts are not put to") == 1
    assert "4 tests collected" in done.stdout


def test_a_fault_of_the_bindings_is_told_where_all_contracts_are_of_pv(run_pytest, workspace):
    (workspace / "contracts/shop.yaml").unlink()
    (workspace / "contracts/exp-v1.yaml").write_text(PV % "above 0")
    (workspace / "artifacts.yaml").write_text("trained: {path: run, sha: abc}\n")
    done = run_pytest("--contracts")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "artifacts.yaml:1:" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_named_file_of_another_plugin_is_left_to_it(run_pytest, workspace):
    (workspace / "conftest.py").write_text(OTHERS_PLUGIN)
    (workspace / "contracts/api.yaml").write_text(OPEN_API)
    done = run_pytest("-v", "contracts/api.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    done = run_pytest("--contracts", "contracts/api.yaml")
    assert "CONTRACT-UNKNOWN-KEY" in done.stdout


def test_a_contract_that_is_named_beside_its_folder_is_collected(run_pytest):
    done = run_pytest("--collect-only", "-q", "contracts", "contracts/shop.yaml")
    assert "3 tests collected" in done.stdout, done.stdout + done.stderr


def test_a_named_contract_that_is_no_yaml_is_told_of(run_pytest, workspace):
    edit(workspace / "contracts/shop.yaml", "on: {model: trained}\n    with", "on: {model: trained\n    with")
    done = run_pytest("contracts/shop.yaml")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "contracts/shop.yaml:" in done.stdout
    assert "YAML-SYNTAX" in done.stdout, done.stdout


def test_the_setting_leaves_alone_who_names_something_else(run_pytest, workspace, tmp_path):
    edit(workspace / "pytest.ini", "testpaths", "contracts = true\ntestpaths")
    done = run_pytest("--collect-only", "-q", "tests/test_ordinary.py::test_ordinary")
    assert "1 test collected" in done.stdout, done.stdout + done.stderr
    done = run_pytest("--collect-only", "-q", "contracts")
    assert "3 tests collected" in done.stdout
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_pytest("--collect-only", "-q", str(workspace / "tests"), folder=elsewhere)
    assert "1 test collected" in done.stdout, done.stdout + done.stderr
    done = run_pytest("--collect-only", "-q", str(workspace / "tests"), "--contracts", folder=elsewhere)
    assert "4 tests collected" in done.stdout, done.stdout + done.stderr


def test_where_there_is_no_contract_the_setting_is_blamed_and_not_the_option(run_pytest, workspace):
    edit(workspace / "pytest.ini", "testpaths", "contracts = true\ntestpaths")
    (workspace / "contracts/shop.yaml").unlink()
    done = run_pytest()
    assert done.returncode == 4
    assert "pytest.ini: there is no folder contracts/ with a .yaml file in" in done.stderr
    assert "--contracts" not in done.stderr


def test_without_a_capture_manager_contracts_are_judged(run_pytest):
    done = run_pytest("--contracts", "-p", "no:capture", "contracts")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
