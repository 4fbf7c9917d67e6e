"""The wheel holds all that is needed away from this repository, and works in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MISSING = [name for name in ("build", "hatchling") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not installed; run: pip install --group dev"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_module_ships(contents):
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    modules |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "falsifiers").rglob("*.py")}
    assert modules <= contents


def test_every_contract_and_the_schema_ship(contents):
    of_ours = {path.relative_to(ROOT / "contracts").as_posix() for path in (ROOT / "contracts").rglob("*.*")}
    folder = "falsifiable/shipped/contracts/"
    shipped = {one.removeprefix(folder) for one in contents if one.startswith(folder)}
    assert shipped == of_ours
    assert "contract.schema.json" in shipped
    assert "runtime/llama-cpp-loads.yaml" in shipped


def test_every_page_that_is_explained_ships(contents):
    folder = "falsifiable/shipped/docs/"
    shipped = {one.removeprefix(folder) for one in contents if one.startswith(folder)}
    pages = {one.relative_to(ROOT / "docs") for one in (ROOT / "docs").rglob("*.md")}
    of_ours = {one.as_posix() for one in pages if one.parts[0] not in ("index.md", "worked-example")}
    assert shipped == of_ours


def test_nothing_else_ships(contents):
    top = {one.partition("/")[0] for one in contents}
    assert {one for one in top if not one.endswith(".dist-info")} == {
        "falsifiable",
        "falsifiers",
        "pytest_falsifiable.py",
    }
    shipped = {one.split("/")[2] for one in contents if one.startswith("falsifiable/shipped/")}
    assert shipped == {"contracts", "docs"}
    assert not [one for one in contents if "__pycache__" in one or one.endswith(".pyc")]


def test_it_says_how_it_is_licensed_and_which_command_and_checks_it_brings(contents, wheel):
    with zipfile.ZipFile(wheel) as archive:
        (points,) = [archive.read(one).decode() for one in contents if one.endswith("entry_points.txt")]
    assert "[console_scripts]\ncontract = falsifiable.cli:main\n" in points
    assert "[falsifiable.falsifiers]\nstandard = falsifiers\n" in points
    assert "[pytest11]\npytest_falsifiable = pytest_falsifiable" in points
    assert any(one.endswith("licenses/LICENSE") for one in contents)


Installed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Run a program of an environment that holds nothing but the wheel and what it depends on, in an empty folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    programs = folder / "environment/bin"
    venv.create(programs.parent, with_pip=True)
    subprocess.run(
        [programs / "pip", "install", "--quiet", "--disable-pip-version-check", wheel],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    empty = folder / "empty"
    empty.mkdir()
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["FALSIFIABLE_CACHE"] = str(folder / "cache")

    def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [programs / program, *arguments],
            cwd=empty, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


@pytest.mark.slow
def test_the_shipped_contracts_are_valid_where_nothing_else_is_installed(installed):
    done = installed("contract", "validate", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {one["contract"] for one in report["contracts"]} >= {"llama-cpp-loads", "pretrain-arch-polymorphic"}
    assert report["counts"]["falsified"] == 0
    judged = {one["falsifier"]: one for contract in report["contracts"] for one in contract["judgements"]}
    without_torch = judged["FALSIFY-ARCH-004"]
    assert without_torch["cause"] == "library"
    assert (
        "torch is not installed; install it with pip install 'falsifiable[torch,gguf]'"
        in without_torch["verdict"]["found"]
    )


@pytest.mark.slow
def test_the_schema_is_where_it_says(installed):
    done = installed("contract", "schema")
    path = Path(done.stdout.removesuffix("\n"))
    assert path.is_file(), done.stderr
    assert not path.is_relative_to(ROOT)
    assert path.read_bytes() == (ROOT / "contracts/contract.schema.json").read_bytes()


@pytest.mark.slow
def test_a_model_is_checked_and_a_broken_one_refused(installed, tmp_path):
    assert installed("python", "-m", "falsifiable.samples", tmp_path).returncode == 0
    export = tmp_path / "run/export/model.gguf"
    sound = installed("contract", "check", export)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "all 12 claims held" in sound.stdout
    cut = shutil.copy(export, tmp_path / "cut.gguf")
    cut.write_bytes(cut.read_bytes()[:100_000])
    broken = installed("contract", "check", cut)
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "FALSIFIED FALSIFY-LLAMACPP-001 (llama-cpp-loads, check artifact.sound)" in broken.stdout


@pytest.mark.slow
def test_a_workspace_can_be_started(installed, tmp_path):
    installed("python", "-m", "falsifiable.samples", tmp_path)
    workspace = tmp_path / "run/finetuned"
    assert installed("contract", "init", workspace).returncode == 0
    done = installed("contract", "validate", "--root", workspace, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
