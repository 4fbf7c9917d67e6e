"""``action.yml`` and ``.pre-commit-hooks.yaml``: GitHub and pre-commit accept them, and what they run works."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
INSTALL, VALIDATE = ACTION["runs"]["steps"]
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def environment_of(shop, **given: str) -> dict[str, str]:
    """The variables of the action's step, with ``given`` inputs, beside the ones that a runner sets."""
    inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}
    step = {name: INPUT.sub(lambda found: inputs[found[1]], value) for name, value in VALIDATE["env"].items()}
    runner = {name: str(shop.root.parent / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {**os.environ, **shop.environment, **runner, **step, "PATH": path}


def run_action(shop, **given: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str], str]:
    """Run the action's script in the shop as a runner does; the process, its outputs and the job summary."""
    environment = environment_of(shop, **given)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", VALIDATE["run"]],
        cwd=shop.root, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    outputs = Path(environment["GITHUB_OUTPUT"]).read_text(encoding="utf-8")
    summary = Path(environment["GITHUB_STEP_SUMMARY"])
    return (
        done,
        dict(line.split("=", 1) for line in outputs.splitlines()),
        summary.read_text(encoding="utf-8") if summary.exists() else "",
    )


def test_the_action_is_what_githubs_schema_says():
    carrier = find_spec("check_jsonschema")
    if carrier is None or carrier.origin is None:
        pytest.skip("check-jsonschema carries the schema; pip install --group dev")
    path = Path(carrier.origin).parent / "builtin_schemas/vendor/github-actions.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert [one.message for one in Draft7Validator(schema).iter_errors(ACTION)] == []
    assert list(Draft7Validator(schema).iter_errors({**ACTION, "runs": {"using": "composite"}}))


def test_no_input_becomes_text_of_a_script():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_every_input_is_used_and_every_one_that_is_used_is_declared():
    said = "".join([*INSTALL["env"].values(), *VALIDATE["env"].values()])
    assert set(INPUT.findall(said)) == set(ACTION["inputs"])


def test_the_action_reports_what_held(shop):
    done, outputs, summary = run_action(shop)
    assert done.returncode == 0, done.stderr
    assert outputs == {"reports": "contract-reports", "exit-code": "0"}
    assert summary.startswith("## Contracts: 3 held\n")
    assert {one.name for one in (shop.root / "contract-reports").iterdir()} == {
        "report.json", "junit.xml", "report.sarif", "summary.md"
    }  # fmt: skip
    for name in ("json", "junit", "sarif"):
        shown = ACTION["outputs"][name]["value"].replace("${{ steps.validate.outputs.reports }}", outputs["reports"])
        assert (shop.root / shown).is_file(), shown


def test_the_action_fails_with_the_exit_code_of_what_fell(shop):
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    done, outputs, summary = run_action(shop)
    assert (done.returncode, outputs["exit-code"]) == (1, "1")
    assert done.stdout.startswith("::error file=contracts/shop.yaml,line=18,")
    assert summary.startswith("## Contracts: 1 falsified, 2 held\n")


def test_an_invalid_contract_fails_the_action_and_is_annotated(shop):
    shop.edit("contracts/shop.yaml", "check: field", "check: feild")
    done, outputs, summary = run_action(shop, static="true")
    assert (done.returncode, outputs["exit-code"]) == (4, "4")
    assert "title=CONTRACT-CHECK-UNKNOWN::" in done.stdout
    assert summary.startswith("## Contracts: 1 fault, nothing was run\n")


def test_the_action_passes_its_inputs_on(shop):
    shutil.copytree(shop.root / "run", shop.root / "another run")
    shop.edit("artifacts.yaml", "tokenizer: run/finetuned/tokenizer.json", "tokenizer: nowhere")
    assert run_action(shop, strict="true")[0].returncode == 3
    bound = "tokenizer=another run/finetuned/tokenizer.json\n\ntrained=another run/finetuned"
    done, _, summary = run_action(shop, strict="true", contracts="shop", artifacts=bound, reports="a folder/of reports")
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary.endswith("\n</details>\n")
    assert (shop.root / "a folder/of reports/junit.xml").is_file()


def test_contracts_may_stand_on_lines_of_their_own(shop):
    done, _, _ = run_action(shop, contracts="shop\nthere-is-none\n", static="true")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "there-is-none" in done.stderr


def test_a_switch_is_true_or_false_and_nothing_else(shop):
    for name in ("strict", "static", "run-commands"):
        done, outputs, _ = run_action(shop, **{name: "yes\n::error::owned"})
        assert (done.returncode, outputs["exit-code"]) == (4, "4")
        (line,) = done.stdout.splitlines()
        assert f"input {name}: expected true or false, got " in line
    assert not (shop.root / "contract-reports").exists()


def test_no_report_of_an_earlier_run_is_taken_for_this_one(shop):
    earlier = shop.root / "contract-reports/junit.xml"
    earlier.parent.mkdir()
    earlier.write_text("<testsuites/>")
    assert run_action(shop, contracts="there-is-none")[0].returncode == 4
    assert not earlier.exists()


@pytest.mark.parametrize("evil", ["$(touch owned)`touch owned`; touch owned", "--root=/"])
def test_an_input_is_never_run(shop, evil):
    done, _, _ = run_action(shop, contracts=evil)
    assert done.returncode == 4, done.stdout + done.stderr
    assert not (shop.root / "owned").exists()


def test_pre_commit_accepts_the_hooks():
    clientlib = pytest.importorskip("pre_commit.clientlib", reason="pip install --group dev")
    clientlib.load_manifest(ROOT / ".pre-commit-hooks.yaml")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_and_holds_on_a_sound_workspace(shop, hook):
    program, *arguments = shlex.split(hook["entry"])
    assert program == "contract"
    if "record" in arguments:
        shop.contract("record", "--regions")
        shop.commit("what was earned is recorded")
    done = shop.contract(*arguments, module=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("contract-validate-static", "check: field", "check: feild", 4),
        ("contract-validate", "equals: 56", "equals: 57", 1),
    ],
)
def test_a_hook_stops_a_commit(shop, name, old, new, code):
    (hook,) = [one for one in HOOKS if one["id"] == name]
    shop.edit("contracts/shop.yaml", old, new)
    assert shop.contract(*shlex.split(hook["entry"])[1:], module=False).returncode == code


@pytest.mark.parametrize(
    ("path", "static"),
    [
        ("contracts/ship-two/packaging.yaml", True),
        ("artifacts.yaml", True),
        ("spec/ship-two/ship.yaml", True),
        ("spec/ship-two/amendments/one.md", True),
        ("src/contracts/reader.py", False),
        ("README.md", False),
    ],
)
def test_the_static_hook_runs_when_a_file_that_it_reads_changes(path, static):
    (hook,) = [one for one in HOOKS if one["id"] == "contract-validate-static"]
    assert bool(re.search(hook["files"], path)) is static
