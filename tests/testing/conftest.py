"""A workspace, and pytest run in it as a person runs it: in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.samples import write_specimens
from tests.conftest import ARTIFACTS, CONTRACT

Pytest = Callable[..., "subprocess.CompletedProcess[str]"]
PV = """\
metadata: {version: "1.0.0", description: Exponential, references: [any table of it]}
equations: {exp: {formula: exp(x)}}
proof_obligations: [{type: bound, property: it is above 0}]
falsification_tests: [{id: FALSIFY-EXP-001, rule: sign, prediction: %s, if_fails: an overflow}]
kani_harnesses: [{id: KANI-EXP-001, obligation: EXP-INV-001, bound: 8}]
qa_gate: {id: F-EXP-001, name: Exponential}
"""


@pytest.fixture(scope="session")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The specimens, written once."""
    folder = tmp_path_factory.mktemp("specimens")
    write_specimens(folder)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests of this folder know already: the same claims on the same bytes are judged once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workspace(tmp_path: Path, specimens: Path) -> Path:
    """A workspace with one contract, all of whose claims hold, and an ordinary test."""
    root = tmp_path / "workspace"
    for relative, content in {
        "contracts/shop.yaml": CONTRACT,
        "artifacts.yaml": ARTIFACTS,
        "pytest.ini": "[pytest]\naddopts = --strict-markers -p no:cacheprovider\ntestpaths = tests\n",
        "tests/test_ordinary.py": "def test_ordinary():\n    pass\n",
    }.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    shutil.copytree(specimens / "run", root / "run")
    return root


@pytest.fixture
def run_pytest(workspace: Path, cache: Path) -> Pytest:
    """Run pytest in the workspace, or in ``folder``, with the plugin, which an entry point announces."""

    def run(*arguments: str, folder: Path = workspace, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "pytest_falsifiable", *arguments],
            cwd=folder, env={**os.environ, "FALSIFIABLE_CACHE": str(cache), "COLUMNS": "200", **environment},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


def edit(path: Path, old: str, new: str) -> None:
    """Replace ``old``, which must occur."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
