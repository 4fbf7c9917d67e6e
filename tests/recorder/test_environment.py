"""Where a run took place, as git and the interpreter tell it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from falsifiable.recorder.environment import commit_and_dirty, describe_environment, library_version


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_outside_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert commit_and_dirty(tmp_path) == (None, None)


def test_before_the_first_commit_there_is_none(repository: Path) -> None:
    assert commit_and_dirty(repository) == (None, False)


def test_a_changed_or_untracked_file_makes_the_tree_dirty(repository: Path) -> None:
    (repository / "train.py").write_text("1\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    commit = git(repository, "rev-parse", "HEAD")
    assert commit_and_dirty(repository) == (commit, False)
    (repository / "new.py").write_text("2\n")
    assert commit_and_dirty(repository) == (commit, True)


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_and_dirty(tmp_path) == (None, None)


def test_libraries_are_named_by_version() -> None:
    assert describe_environment()["cuda"] is None
    assert library_version("pytest") == pytest.__version__
    assert library_version("no-such-distribution") is None
