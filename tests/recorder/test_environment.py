"""Where a run took place, as git and the interpreter tell it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from falsifiable.recorder.environment import changed_paths, commit_and_dirty, describe_environment, library_version


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


def test_what_differs_from_a_commit_is_named_from_the_root(repository: Path) -> None:
    (repository / "inner").mkdir()
    for name in ("kept.py", "changed.py", "inner/renamed.py", "committed.py"):
        (repository / name).write_text(f"{name}\n" * 9)
    (repository / ".gitignore").write_text("ignored.txt\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    base = git(repository, "rev-parse", "HEAD")
    assert changed_paths(repository / "inner", base, repository / "run") == []

    (repository / "committed.py").write_text("2\n")
    git(repository, "commit", "--quiet", "-am", "second")
    (repository / "changed.py").write_text("2\n")
    git(repository, "mv", "inner/renamed.py", "inner/other.py")
    (repository / "n\u00e4h.py").write_text("new\n")
    (repository / "ignored.txt").write_text("new\n")
    (repository / "run").mkdir()
    (repository / "run" / "metrics.jsonl").write_text("")
    (repository / "running.py").write_text("")
    changed = changed_paths(repository / "inner", base, repository / "run")
    assert changed == [
        "changed.py", "committed.py", "inner/other.py", "inner/renamed.py", "n\u00e4h.py", "running.py",
    ]  # fmt: skip


def test_of_very_many_new_files_the_folder_is_named(repository: Path) -> None:
    (repository / "a.py").write_text("1\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    (repository / "packages").mkdir()
    for number in range(1_001):
        (repository / "packages" / f"{number}.js").touch()
    assert changed_paths(repository, git(repository, "rev-parse", "HEAD"), repository / "run") == ["packages/"]


def test_what_differs_from_no_commit_is_not_known(repository: Path, tmp_path: Path) -> None:
    assert changed_paths(repository, "0" * 40, repository / "run") is None


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_and_dirty(tmp_path) == (None, None)


def test_libraries_are_named_by_version() -> None:
    assert describe_environment()["cuda"] is None
    assert library_version("pytest") == pytest.__version__
    assert library_version("no-such-distribution") is None
