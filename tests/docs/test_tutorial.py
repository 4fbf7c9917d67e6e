"""The tutorial, typed as written in an empty folder by somebody who has nothing but a shell."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.docs.conftest import DOCS, READER
from tests.docs.replay import File, Replayed, Session, Typed, commands, steps

ROOT = DOCS.parent
TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")
INSTALL = "pip install falsifiable"


def typed_alone(folder: Path, programs: Path, *, without: str = "", **more: str) -> list[Replayed]:
    """Type the tutorial in an empty folder ``shop``, with a home of its own and the programs of one environment."""
    for name in ("home", "shop"):
        (folder / name).mkdir()
    path = os.pathsep.join((str(programs), "/usr/local/bin", "/usr/bin", "/bin"))
    session = Session(folder / "shop", {**READER, "HOME": str(folder / "home"), "PATH": path, **more}, alone=True)
    done = []
    for one in steps(TUTORIAL):
        if isinstance(one, File):
            session.write(one)
        elif isinstance(one, Typed) and one.command != without:
            done.append(session.type(one))
    return done


def assert_as_written(done: list[Replayed]) -> None:
    for one in done:
        assert one.agrees, f"tutorial.md:{one.typed.line}: $ {one.typed.command}\n{one.printed}"
        falls = one.typed.command == "contract validate"
        assert one.code == (1 if falls else 0), f"$ {one.typed.command}\n{one.printed}"


def test_it_takes_fewer_than_ten_commands() -> None:
    typed = [one.command for one in commands(TUTORIAL)]
    assert typed[0] == INSTALL
    assert len(typed) < 10


def test_every_step_does_what_it_says_where_the_package_is_installed(tmp_path: Path) -> None:
    """All but the first command: what is installed is what these tests test."""
    more = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    done = typed_alone(tmp_path, Path(sys.executable).parent, without=INSTALL, **more)
    assert_as_written(done)
    assert len(done) == len(list(commands(TUTORIAL))) - 1
    left = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tmp_path / "shop", capture_output=True, text=True, check=True
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
