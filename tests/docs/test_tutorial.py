"""The tutorial, typed as written in an empty folder by somebody who has nothing but a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.conftest import Shop
from tests.docs.conftest import DOCS, INSTALL, TUTORIAL, Places, typed_alone
from tests.docs.replay import File, Replayed, commands, steps
from tests.test_action import run_action

ROOT = DOCS.parent
TEXT = TUTORIAL.read_text(encoding="utf-8")


def assert_as_written(done: list[Replayed]) -> None:
    for one in done:
        assert one.agrees, f"tutorial.md:{one.typed.line}: $ {one.typed.command}\n{one.printed}"
        falls = one.typed.command == "contract validate"
        assert one.code == (1 if falls else 0), f"$ {one.typed.command}\n{one.printed}"


def test_it_takes_fewer_than_ten_commands() -> None:
    typed = [one.command for one in commands(TEXT)]
    assert typed[0] == INSTALL
    assert len(typed) < 10
    assert TEXT.partition("\n\n")[2].startswith("In nine commands: ")
    assert len(typed) == 9


def test_every_step_does_what_it_says_where_the_package_is_installed(tutorial: list[Replayed]) -> None:
    """All but the first command: what is installed is what these tests test."""
    assert_as_written(tutorial)
    left = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tutorial[0].folder, capture_output=True, text=True, check=True
    )
    assert left.stdout == "", "everything the reader made is committed"


@pytest.mark.slow
def test_every_step_does_what_it_says_from_nothing(tmp_path: Path) -> None:
    """The first command too: pip is told where `falsifiable` lies, the wheel of this checkout, and nothing else."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    (tmp_path / "constraints.txt").write_text(f"falsifiable @ {wheel.as_uri()}\n")
    venv.create(tmp_path / "environment", with_pip=True)
    index = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    more = {**index, "PIP_CONSTRAINT": str(tmp_path / "constraints.txt"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    assert_as_written(typed_alone(tmp_path, tmp_path / "environment/bin", **more))


def test_github_accepts_every_workflow_of_the_pages_and_the_action_every_input() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    pages = [page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")]
    shown = [one for page in pages for one in steps(page) if isinstance(one, File) and ".github/workflows" in one.path]
    assert shown
    for one in shown:
        workflow = yaml.safe_load(one.text)
        workflow["on"] = workflow.pop(True)  # what YAML 1.1 makes of the word
        assert list(workflow_schema().iter_errors(workflow)) == []
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("falsifiable/"):
                    assert set(step.get("with", {})) <= set(action["inputs"])


def workflow_schema() -> Draft7Validator:
    carrier = find_spec("check_jsonschema")
    if carrier is None or carrier.origin is None:
        pytest.skip("check-jsonschema carries the schema; pip install --group dev")
    path = Path(carrier.origin).parent / "builtin_schemas/vendor/github-workflows.json"
    return Draft7Validator(json.loads(path.read_text(encoding="utf-8")))


def test_the_job_of_the_last_step_passes_and_refuses_the_same_fault_again(
    places: Places, tmp_path: Path, fresh_cache: Path
) -> None:
    """The script of the action, run as GitHub's runner does, with the inputs that the tutorial gives it."""
    (workflow,) = [one.text for one in steps(TEXT) if isinstance(one, File)]
    (given,) = [
        step["with"]
        for step in yaml.safe_load(workflow)["jobs"]["contracts"]["steps"]
        if step["uses"].startswith("falsifiable/")
    ]
    inputs = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in given.items()}
    places("the end of the tutorial", tmp_path / "shop")
    shop = Shop(tmp_path / "shop", {"FALSIFIABLE_CACHE": str(fresh_cache)})
    done, outputs, summary = run_action(shop, **inputs)
    assert (done.returncode, outputs["exit-code"]) == (0, "0"), done.stdout + done.stderr
    assert "4 held" in summary
    shop.edit("model/config.json", '"eos_token_id": 0', '"eos_token_id": 151645')
    done, _, _ = run_action(shop, **inputs)
    assert done.returncode == 1
    assert "::error" in done.stdout
    assert "eos_token_id is 151645" in done.stdout
