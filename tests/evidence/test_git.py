from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.evidence import GitError, Repository, context_of, describe_environment, entries_of
from falsifiable.evidence import git as git_room
from tests.evidence.builders import a_repository, commit_all, git

ELSEWHERE = "0123456789" * 4


def test_the_judging_trees_that_exist_are_named(tmp_path: Path) -> None:
    repository = Repository(a_repository(tmp_path))
    assert repository.head == git(tmp_path, "rev-parse", "HEAD")
    assert repository.trees == {"contracts": git(tmp_path, "rev-parse", "HEAD:contracts")}
    assert (repository.branch, repository.problem, repository.shallow) == ("main", None, False)


def test_a_workspace_may_lie_below_the_top_of_the_repository(tmp_path: Path) -> None:
    a_repository(tmp_path / "model spec")
    git(tmp_path, "init", "-q")
    (tmp_path / "model spec" / ".git").rename(tmp_path / "old.git")
    commit = commit_all(tmp_path)
    repository = Repository(tmp_path / "model spec")
    assert repository.trees == {"contracts": git(tmp_path, "rev-parse", "HEAD:model spec/contracts")}
    assert repository.membership(ELSEWHERE, repository.trees).counts == "yes"
    assert repository.file_at(commit, "contracts/packaging.yaml") == b"contract: packaging\n"


@pytest.mark.bad_input(115)
def test_only_changes_of_judging_code_make_it_dirty(tmp_path: Path) -> None:
    a_repository(tmp_path)
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "spec.md").write_text("new")
    (tmp_path / "contracts" / "__pycache__").mkdir()
    (tmp_path / "contracts" / "__pycache__" / "a.pyc").write_text("compiled")
    assert not Repository(tmp_path).dirty
    (tmp_path / "falsifiers").mkdir()
    (tmp_path / "falsifiers" / "new.py").write_text("new")
    assert Repository(tmp_path).dirty


def test_uncommitted_bindings_make_it_dirty(tmp_path: Path) -> None:
    a_repository(tmp_path)
    bindings = tmp_path / "artifacts.yaml"
    bindings.write_text("trainer: {command: train}\n")
    assert Repository(tmp_path).dirty
    commit_all(tmp_path)
    assert not Repository(tmp_path).dirty
    bindings.write_text("trainer: {command: fake}\n")
    assert Repository(tmp_path).dirty
    bindings.unlink()
    assert Repository(tmp_path).dirty


def test_the_paths_that_differ_from_the_commit_are_named(tmp_path: Path) -> None:
    workspace = a_repository(tmp_path / "repository" / "below a space")
    git(workspace, "init", "-q")
    files = ("same.py", "changed.py", "assumed.py", "deleted.py", "folder/same.py", "link.py")
    (workspace / "folder").mkdir()
    for name in files[:-1]:
        (workspace / name).write_text("one\n")
    (workspace / "link.py").symlink_to("new.py")
    (workspace / ".gitignore").write_text("ignored.py\n")
    commit_all(workspace)
    git(workspace, "update-index", "--assume-unchanged", "assumed.py")
    for name in ("changed.py", "assumed.py", "new.py", "ignored.py"):
        (workspace / name).write_text("two\n")
    (workspace / "deleted.py").unlink()
    asked = {*files, "new.py", "ignored.py", "nowhere.py", "folder", "../outside", "/etc/passwd", "a\nb"}
    repository = Repository(workspace)
    assert repository.changed_paths(asked) == asked - {"same.py", "folder/same.py"}
    assert repository.changed_paths([]) == frozenset()
    assert Repository(tmp_path).changed_paths(["same.py"]) == {"same.py"}, "outside any repository"


@pytest.mark.bad_input(115)
def test_an_ancestor_counts_and_a_stranger_does_not(tmp_path: Path) -> None:
    a_repository(tmp_path)
    old = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "contracts" / "packaging.yaml").write_text("contract: changed\n")
    commit_all(tmp_path)
    repository = Repository(tmp_path)
    assert repository.membership(old, {}).counts == "yes"
    stranger = repository.membership(ELSEWHERE, {"contracts": "f" * 40})
    assert stranger.counts == "no"
    assert "commit 012345678901 is not in this history" in stranger.why


def test_a_squash_merge_keeps_the_trees_and_so_the_evidence(tmp_path: Path) -> None:
    a_repository(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "feature")
    (tmp_path / "contracts" / "new.yaml").write_text("contract: new\n")
    judged = commit_all(tmp_path)
    trees = Repository(tmp_path).trees
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "-q", "--squash", "feature")
    commit_all(tmp_path, "squashed")
    (tmp_path / "contracts" / "later.yaml").write_text("contract: later\n")
    commit_all(tmp_path, "later")
    repository = Repository(tmp_path)
    assert repository.membership(judged, {}).counts == "no"
    assert repository.membership(judged, trees).counts == "yes"
    assert repository.membership(judged, {**trees, "src": "f" * 40}).counts == "no"


def test_evidence_of_a_merged_branch_counts(tmp_path: Path) -> None:
    a_repository(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "feature")
    (tmp_path / "contracts" / "new.yaml").write_text("contract: new\n")
    judged, trees = commit_all(tmp_path), Repository(tmp_path).trees
    git(tmp_path, "checkout", "-q", "main")
    (tmp_path / "contracts" / "other.yaml").write_text("contract: other\n")
    commit_all(tmp_path)
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "merge", "feature")
    assert Repository(tmp_path).membership(judged, {}).counts == "yes"
    assert Repository(tmp_path).membership(ELSEWHERE, trees).counts == "yes", "the merged branch had these trees"


@pytest.mark.bad_input(115)
def test_a_shallow_clone_cannot_tell_and_says_what_to_do(tmp_path: Path) -> None:
    a_repository(tmp_path / "origin")
    old = git(tmp_path / "origin", "rev-parse", "HEAD")
    (tmp_path / "origin" / "contracts" / "packaging.yaml").write_text("contract: changed\n")
    new = commit_all(tmp_path / "origin")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/origin", "clone")
    repository = Repository(tmp_path / "clone")
    assert repository.shallow
    assert repository.membership(new, {}).counts == "yes"
    unknown = repository.membership(old, {})
    assert (unknown.counts, "fetch-depth: 0" in unknown.why) == ("unknown", True)


def test_outside_a_repository_nothing_is_known_and_all_is_uncommitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    repository = Repository(tmp_path)
    assert (repository.head, repository.branch, repository.trees, repository.dirty) == (None, None, {}, True)
    assert "not a git repository" in str(repository.problem)
    assert repository.membership(ELSEWHERE, {}).counts == "unknown"
    assert not repository.shallow


def test_before_the_first_commit_nothing_is_part_of_history(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    repository = Repository(tmp_path)
    assert (repository.head, repository.branch, repository.dirty) == (None, "main", True)
    assert repository.membership(ELSEWHERE, {}).counts == "no"


def test_without_git_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in str(Repository(tmp_path).problem)


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(git_room, "GIT_SECONDS", 0.1)
    assert "took longer than 0.1 seconds" in str(Repository(tmp_path).problem)


def test_a_file_of_an_earlier_revision(tmp_path: Path) -> None:
    a_repository(tmp_path)
    repository = Repository(tmp_path)
    assert repository.file_at("main", "contracts/packaging.yaml") == b"contract: packaging\n"
    assert repository.file_at("main", "contracts/other.yaml") is None
    with pytest.raises(GitError, match="knows no revision '--upload-pack'"):
        repository.file_at("--upload-pack", "contracts/packaging.yaml")


def test_the_context_of_a_judgement(tmp_path: Path) -> None:
    repository = Repository(a_repository(tmp_path))
    here = context_of(repository, semantics=3)
    assert (here.commit, here.trees, here.dirty, here.semantics) == (repository.head, repository.trees, False, 3)
    assert "numpy" in here.environment.versions
    assert describe_environment(("no-such-library",)).versions == {}


def test_all_files_of_a_folder_at_a_revision(tmp_path: Path) -> None:
    workspace = a_repository(tmp_path / "model [spec]")
    (workspace / ".git").rename(tmp_path / ".git")
    contracts = workspace / "contracts"
    (contracts / "deep").mkdir()
    (contracts / "deep" / "größe b.yaml").write_bytes(b"\0\n\nblob 3\n")
    (contracts / "empty.yaml").write_bytes(b"")
    (contracts / "notes.txt").write_text("notes")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "of-the-top.yaml").write_text("another workspace")
    (workspace / "contracts-old").mkdir()
    (workspace / "contracts-old" / "a.yaml").write_text("old")
    commit_all(tmp_path)
    (contracts / "packaging.yaml").write_text("contract: changed\n")
    (contracts / "later.yaml").write_text("not committed")
    repository = Repository(workspace)
    assert repository.files_at("HEAD", "contracts", ".yaml") == {
        "contracts/deep/größe b.yaml": b"\0\n\nblob 3\n",
        "contracts/empty.yaml": b"",
        "contracts/packaging.yaml": b"contract: packaging\n",
    }
    assert list(repository.files_at("main~1", "contracts")) == [], "it lay at the top of the repository then"
    assert sorted(repository.files_at("HEAD", "contracts")) == list(repository.files_at("HEAD", "contracts"))
    assert "contracts/notes.txt" in repository.files_at("HEAD", "contracts")
    assert repository.files_at("HEAD", "nowhere") == {}


def test_files_are_not_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_repository(tmp_path)
    for number in range(20):
        (tmp_path / "contracts" / f"{number}.yaml").write_text(f"contract: number-{number}\n")
    commit_all(tmp_path)
    repository, asked = Repository(tmp_path), []
    run = Repository._run
    monkeypatch.setattr(
        Repository, "_run", lambda self, *words, **more: asked.append(words[0]) or run(self, *words, **more)
    )
    assert len(repository.files_at("HEAD", "contracts")) == 21
    assert sorted(asked) == ["cat-file", "ls-tree", "rev-parse", "rev-parse", "rev-parse"]


def test_files_that_are_not_there_as_such_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_repository(tmp_path)
    with pytest.raises(GitError, match="knows no revision '--upload-pack'"):
        Repository(tmp_path).files_at("--upload-pack", "contracts")
    (tmp_path / "contracts" / "link.yaml").symlink_to("packaging.yaml")
    commit_all(tmp_path)
    with pytest.raises(GitError, match=r"contracts/link\.yaml is a link; commit the file itself"):
        Repository(tmp_path).files_at("HEAD", "contracts", ".yaml")
    assert list(Repository(tmp_path).files_at("HEAD~1", "contracts", ".yaml")) == ["contracts/packaging.yaml"]
    assert Repository(tmp_path).files_at("HEAD", "contracts", ".md") == {}, "only what is asked for is looked at"
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "outside").mkdir()
    (tmp_path / ".git").rename(tmp_path / "outside" / "old.git")
    with pytest.raises(GitError, match="not a git repository"):
        Repository(tmp_path).files_at("HEAD", "contracts")


def test_a_file_that_a_partial_clone_left_out_is_named(tmp_path: Path) -> None:
    origin = a_repository(tmp_path / "origin")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{origin}", "clone")
    with pytest.raises(GitError, match=r"not every file of HEAD is in this clone \(.*\); clone without --filter"):
        Repository(tmp_path / "clone").files_at("HEAD", "contracts")


def test_an_object_that_git_does_not_have_is_said() -> None:
    there = b"a" * 40 + b" blob 2\nhi\n"
    assert list(git_room._answers(there + there, 2)) == [b"hi", b"hi"]
    assert list(git_room._answers(there + b"b" * 40 + b" missing\n" + there, 3)) == [b"hi", None, b"hi"]
    with pytest.raises(GitError, match=r"spec/a\.md is missing"):
        git_room._present(None, "spec/a.md")


def test_a_revision_is_known_or_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_repository(tmp_path)
    head = git(tmp_path, "rev-parse", "HEAD")
    assert Repository(tmp_path).commit_of("main") == Repository(tmp_path).commit_of(head[:8]) == head
    assert Repository(tmp_path).commit_of("main~1") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Repository(tmp_path).commit_of("main") is None


def test_the_last_commit_that_touched_a_folder_may_be_merged(tmp_path: Path) -> None:
    workspace = a_repository(tmp_path)
    (workspace / "spec").mkdir()
    (workspace / "spec" / "a.md").write_text("a")
    commit_all(workspace)
    git(workspace, "checkout", "-q", "-b", "topic")
    (workspace / "spec" / "a.md").unlink()
    removed = commit_all(workspace)
    git(workspace, "checkout", "-q", "main")
    (workspace / "contracts" / "later.yaml").write_text("contract: later\n")
    commit_all(workspace)
    git(workspace, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    assert Repository(workspace).commits_changing("spec")[-1] == removed, "a removal is a change"


def test_the_commits_that_changed_a_folder_are_named_oldest_first(tmp_path: Path) -> None:
    workspace = a_repository(tmp_path / "repository" / "below")
    (workspace / "spec").mkdir()
    (workspace / "spec" / "one.md").write_text("one\n")
    first = commit_all(workspace)
    (workspace / "other.md").write_text("elsewhere\n")
    commit_all(workspace)
    (workspace / "spec" / "two.md").write_text("two\n")
    second = commit_all(workspace)
    assert Repository(workspace).commits_changing("spec") == (first, second)
    assert Repository(workspace).commits_changing("nowhere") == ()


def test_no_commit_changed_anything_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert Repository(tmp_path).commits_changing("spec") == ()
    git(tmp_path, "init", "-q")
    assert Repository(tmp_path).commits_changing("spec") == ()


def test_files_and_folders_of_many_commits_are_read_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = a_repository(tmp_path)
    (workspace / "spec" / "inner").mkdir(parents=True)
    (workspace / "spec" / "a file 12").write_bytes(b"one\n\0two\n")
    (workspace / "spec" / "inner" / "empty").write_text("")
    old = commit_all(workspace)
    (workspace / "spec" / "a file 12").write_text("three\n")
    new = commit_all(workspace)
    repository = Repository(workspace)
    places = [(old, "spec/a file 12"), (new, "spec/nowhere 7"), (new, "spec"), (new, "spec/inner/empty")]
    places.append((new, "spec/a file 12"))
    assert repository.head == new
    started = []
    run = repository._run
    monkeypatch.setattr(repository, "_run", lambda *a, **k: (started.append(a[0]), run(*a, **k))[1])
    first, absent, tree, empty, last = repository.objects_at(places)
    assert started.count("cat-file") == 1
    assert (first, absent, empty, last) == (b"one\n\0two\n", None, b"", b"three\n")
    assert tree is not None
    assert dict(entries_of(tree, 20)) == {"a file 12": False, "inner": True}
    assert repository.objects_at([]) == ()
    assert repository.objects_at([(new, "a\nb")]) == (None,)
    assert repository.objects_at([(new, "a\nb"), places[-1]]) == (None, last)
