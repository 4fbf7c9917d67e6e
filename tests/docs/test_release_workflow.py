"""The release workflow tags what the gate lets pass, and nothing else: its own scripts, run in the worked example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from falsifiable.cli.gate import command as gate
from tests.docs.conftest import PAGE
from tests.docs.replay import Replayed
from tests.evidence.builders import git

WORKFLOWS = Path(__file__).parent.parent.parent / ".github" / "workflows"
WORKFLOW = yaml.safe_load((WORKFLOWS / "release.yml").read_text(encoding="utf-8"))


def steps(job: str) -> list[Mapping[str, Any]]:
    return WORKFLOW["jobs"][job]["steps"]


def script(job: str, name: str) -> str:
    (found,) = [one["run"] for one in steps(job) if one.get("name", "") == name]
    return found


CHECKS = script("gate", "Is this a version, and of the main line?")
GATE, TAG = script("gate", "Gate"), script("tag", "Tag")


@pytest.fixture
def checkout(replayed: list[Replayed], tmp_path: Path) -> Path:
    """The second repository of the worked example as a job finds it, with a release tagged where it began."""
    origin, place = tmp_path / "origin.git", tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", "--bare", str(replayed[0].folder / "second"), str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(place))
    (place / "runs").symlink_to(replayed[0].folder / "second" / "runs")
    (place / ".git" / "info" / "exclude").write_text("runs\n.venv\n")
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / ".venv" / "bin" / "contract").write_text(f'#!/bin/sh\nexec {sys.executable} -m falsifiable "$@"\n')
    (place / ".venv" / "bin" / "contract").chmod(0o755)
    return place


def commit_called(place: Path, message: str) -> str:
    (found,) = git(place, "log", "--all", "--format=%H", "--grep", f"^{message}").split()
    return found


def step(place: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as a runner does."""
    known = {"GITHUB_REF": "refs/heads/main", "GITHUB_STEP_SUMMARY": str(place.parent / "summary.md"), "BASE": ""}
    return subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=place, env={**os.environ, **known, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_it_refuses_to_tag_what_the_gate_refuses(checkout: Path) -> None:
    git(checkout, "tag", "v3.24.0", commit_called(checkout, "Evidence of the long run"))
    git(checkout, "checkout", "--quiet", "-B", "main", commit_called(checkout, "Release 3.25.0"))
    done = step(checkout, GATE)
    assert done.returncode == 5, done.stderr
    summary = (checkout.parent / "summary.md").read_text()
    assert summary.startswith("## Gate: refused")
    assert "`GATE-FALSIFIED`" in summary
    assert WORKFLOW["jobs"]["tag"]["needs"] == "gate", "a job whose need failed is not run"
    assert not {"if", "continue-on-error"} & {key for job in WORKFLOW["jobs"].values() for key in job}
    assert not {"if", "continue-on-error"} & {key for job in WORKFLOW["jobs"] for one in steps(job) for key in one}


def test_it_tags_what_passes(checkout: Path) -> None:
    git(checkout, "tag", "v3.24.0", commit_called(checkout, "Evidence of the long run"))
    done = step(checkout, GATE)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = (checkout.parent / "summary.md").read_text()
    assert summary.startswith("## Gate: passed")
    assert "75.0 % -&gt; 80.0 %" in summary
    head = git(checkout, "rev-parse", "HEAD")
    assert step(checkout, TAG, VERSION="3.25.0", GITHUB_SHA=head).returncode == 0
    assert git(checkout.parent / "origin.git", "rev-parse", "v3.25.0") == head


def test_a_first_release_has_to_say_what_it_is_compared_with(checkout: Path) -> None:
    done = step(checkout, GATE)
    assert (done.returncode, "say with which commit to compare" in done.stdout) == (4, True)
    assert step(checkout, GATE, BASE=commit_called(checkout, "Evidence of the long run")).returncode == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VERSION": "1.4.0"}, ""),
        ({"VERSION": "1.4.0", "GITHUB_REF": "refs/heads/mine"}, "releases are made from main"),
        ({"VERSION": "1.4"}, "three numbers"),
        ({"VERSION": "1.4.0; rm -rf /"}, "three numbers"),
        ({"VERSION": "1.4.1"}, "says another version than 1.4.1"),
        ({"VERSION": "1.3.0", "SAID": "1.3.0"}, "there is a tag v1.3.0 already"),
    ],
)
def test_what_is_no_release_is_said_before_anything_runs(
    checkout: Path, environment: dict[str, str], said: str
) -> None:
    package = checkout / "src" / "falsifiable"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'__version__ = "{environment.get("SAID", "1.4.0")}"\n')
    git(checkout, "tag", "v1.3.0")
    done = step(checkout, CHECKS, **environment)
    assert (done.returncode, said in done.stdout) == (4 if said else 0, True), done.stdout + done.stderr


def test_its_commands_and_those_of_the_guide_exist() -> None:
    known = {option for one in gate.params for option in one.opts}
    lines = [line for line in f"{GATE}\n{PAGE.read_text(encoding='utf-8')}".splitlines() if "contract gate" in line]
    assert {option for line in lines for option in re.findall(r"--[a-z-]+", line)} <= known
    copied = yaml.safe_load(re.findall(r"```yaml\n(gate:.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0])
    assert copied["gate"]["steps"][0]["with"]["fetch-depth"] == 0


def test_nobody_but_the_job_that_tags_may_write() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()} == {
        "gate": {"contents": "read"}, "tag": {"contents": "write"},
    }  # fmt: skip
    scripts = [one["run"] for job in WORKFLOW["jobs"] for one in steps(job) if "run" in one]
    assert not [one for one in scripts if "${{" in one], "what a person types is no part of a script"


def test_its_actions_are_pinned_as_in_the_other_workflow() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in WORKFLOWS.iterdir()}
    pins = {name: set(re.findall(r"uses: (\S+)", text)) for name, text in texts.items()}
    assert pins["release.yml"] == pins["test.yml"]
