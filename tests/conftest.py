"""Fixtures for the tests that use the tool as a person does: a workspace in a git repository, and the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from falsifiable.samples import write_specimens
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import load_catalogue

# Before anything imports torch: threads of tests that run at once wait asleep, and leave one another the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A test rewrites checks within one second, and bytecode is told from newer code by the second.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

# What is written to stderr depends on these; a test that means one of them sets it.
for _variable in ("CI", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(_variable, None)

MEASURED = Path(__file__).parent / "cli"
"""Where the processes that tests start count for coverage: to measure one doubles its time."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let the processes of a test go unmeasured, except those of the command's own tests."""
    hidden = {} if item.path.is_relative_to(MEASURED) else {key: os.environ.pop(key) for key in _coverage_keys()}
    try:
        return (yield)
    finally:
        os.environ.update(hidden)


def _coverage_keys() -> list[str]:
    return [key for key in os.environ if key.startswith("COVERAGE_")]


CONTRACT = """\
contract: shop
version: 1.0.0
title: What the shop sells
spec: shop
artifacts:
  trained: {kind: model}
  tokenizer: {kind: tokenizer}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-SHOP-001
    claim: Every id the tokenizer can emit has an embedding row
    check: vocabulary.fits-model
    on: {tokenizer: tokenizer, model: trained}
  - id: FALSIFY-SHOP-002
    claim: Every weight is a finite number
    check: weights.finite
    on: {model: trained}
  - id: FALSIFY-SHOP-003
    claim: The hidden size is that of the specimen
    check: field
    on: {model: trained}
    with: {path: hidden_size, criterion: {equals: 56}}
"""

ARTIFACTS = """\
trained: run/finetuned
tokenizer: run/finetuned/tokenizer.json
run: run
"""

SPEC = """\
# The shop

<!-- contract:scoreboard -->
<!-- /contract:scoreboard -->

Prose that nobody touches.
"""


@dataclass
class Shop:
    """A workspace in a git repository, holding the specimen run, one contract and a spec."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def contract(self, *arguments: str | Path, module: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``contract ARGUMENTS`` in the workspace."""
        program = [sys.executable, "-m", "falsifiable"] if module else [str(Path(sys.executable).parent / "contract")]
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            [*program, *map(str, arguments)],
            cwd=self.root, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def git(self, *arguments: str) -> str:
        """Run git in the workspace."""
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str = "a change") -> str:
        """Commit everything; the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, relative: str, old: str, new: str) -> None:
        """Replace ``old``, which must occur, by ``new`` in a file."""
        path = self.root / relative
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def plugin(self, code: str) -> None:
        """Install a plugin of checks for this workspace: a module and the metadata that announces it."""
        folder = self.root / "plugins"
        metadata = folder / "shop_checks-1.0.dist-info"
        metadata.mkdir(parents=True, exist_ok=True)
        (folder / "shop_checks.py").write_text(textwrap.dedent(code))
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-checks\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[falsifiable.falsifiers]\nshop = shop_checks\n")
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))

    def add_falsifier(self, name: str, check: str) -> None:
        """Append a falsifier without roles to the contract."""
        path = self.root / "contracts/shop.yaml"
        path.write_text(path.read_text() + f"  - {{id: {name}, claim: A claim of {check}, check: {check}}}\n")


@pytest.fixture(scope="session")
def known_checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that knows the installed checks, which takes two seconds to read, and nothing else."""
    folder = tmp_path_factory.mktemp("checks")
    load_catalogue(Cache(folder))
    return folder


@pytest.fixture
def shop(tmp_path: Path, known_checks: Path) -> Shop:
    """A fresh :class:`Shop`, committed, with a cache of its own that knows the checks."""
    made = Shop(tmp_path / "shop")
    made.root.mkdir()
    shutil.copytree(known_checks, tmp_path / "cache")
    write_specimens(made.root)
    made.environment["FALSIFIABLE_CACHE"] = str(tmp_path / "cache")
    for relative, content in {
        "contracts/shop.yaml": CONTRACT,
        "artifacts.yaml": ARTIFACTS,
        "spec/shop/spec.md": SPEC,
        ".gitignore": "run/\nencoder/\nplugins/\n",
    }.items():
        path = made.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("config", "user.name", "A. Tester")
    made.git("config", "user.email", "tester@example.org")
    made.commit("the shop opens")
    return made


@pytest.fixture
def run_contract(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``contract ARGUMENTS`` in an empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return Shop(folder, {"FALSIFIABLE_CACHE": str(tmp_path / "cache")}).contract
