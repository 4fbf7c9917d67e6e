"""The claims about the trainer's command are about the command: delete one of its guards, and the claim falls."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from falsifiable.samples import write_specimens

ROOT = Path(__file__).parents[2]
RUN = ROOT / "runs" / "reference"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (RUN / "run.yaml").is_file(), reason="there is no reference run; make validate trains it"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of this workspace whose trainer can be changed, with the reference run behind a link."""
    for name in ("contracts", "examples", "falsifiers", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "artifacts.yaml", tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "reference").symlink_to(RUN)
    write_specimens(tmp_path / "runs" / "specimens")
    return tmp_path


def falsified(workspace: Path) -> set[str]:
    verb = ["validate", "pretrain-arch-polymorphic", "--run-commands", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", *verb],
        cwd=workspace, env=dict(os.environ), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    judgements = json.loads(done.stdout)["contracts"][0]["judgements"]
    return {one["falsifier"] for one in judgements if one["verdict"]["outcome"] == "falsified"}


def delete(workspace: Path, *guards: str) -> None:
    """Make the guards let everything pass."""
    path = workspace / "examples/pretrain/guards.py"
    text = path.read_text()
    for guard in guards:
        text, changed = re.subn(rf"(def {guard}\([^)]*\)[^:]*:\n)", r"\1    return\n", text)
        assert changed == 1, guard
    path.write_text(text)


@pytest.mark.parametrize(
    ("guards", "fallen"),
    [
        ((), set()),
        (("device_is_wired",), {"FALSIFY-ARCH-011"}),
        (("checkpoint_is_decoder", "checkpoint_fits_its_config"), {"FALSIFY-ARCH-007"}),
        (("tokenizer_is_the_declared_one",), {"FALSIFY-ARCH-006"}),
        (("tokenizer_fits_rows",), {"FALSIFY-ARCH-010"}),
        # What every other guard of --init rests on: without it they end in a crash, which names no falsifier.
        (("checkpoint_is_readable",), {f"FALSIFY-ARCH-0{number}" for number in ("05", "07", "10", "12", "13")}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else None,
)
def test_a_claim_falls_with_its_guard(workspace: Path, guards: tuple[str, ...], fallen: set[str]) -> None:
    delete(workspace, *guards)
    assert falsified(workspace) == fallen
