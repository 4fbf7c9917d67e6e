"""The command called in this process, which is quick, on specimens that nobody changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from falsifiable.cli import run
from falsifiable.samples import write_specimens


@dataclass(frozen=True)
class Done:
    """What a call of the command came to."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The specimens by role, in a folder for all tests: copy what you change."""
    return write_specimens(tmp_path_factory.mktemp("specimens"))


@pytest.fixture(scope="session")
def kept_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests: what one has computed the next need not."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(tmp_path: Path, kept_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(kept_cache))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def contract(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Call ``contract ARGUMENTS`` in the folder ``here``."""

    def call(*arguments: str | Path) -> Done:
        code = run([str(one) for one in arguments])
        return Done(int(code), *capsys.readouterr())

    return call
