"""What git knows: the code that a judgement was made with, and the files of any commit of this history.

Evidence counts where it was recorded at a commit of this history. A squash merge drops the commit but keeps its trees,
so evidence also counts where some commit of this history has the same trees of judging code.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from falsifiable.evidence.canonical import short

JUDGING_TREES = ("src", "falsifiers", "contracts")
"""The folders of a workspace that hold what judges: readers and SDK, falsifiers, contracts. Absent ones are skipped."""

BINDINGS = "artifacts.yaml"
"""What is judged, and the commands that may run, stand here in the workspace root: uncommitted it makes dirty, too."""

GIT_SECONDS = 60
"""How long one git command may take before it counts as failed."""

_LINK = "120000"
"""The mode that git lists a symbolic link under."""

DEEPEN = "fetch the whole history (git fetch --unshallow, or fetch-depth: 0 in the checkout step)"
"""What to do where a shallow clone lacks what is asked for."""


class GitError(Exception):
    """Git could not answer; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a commit is part of this history; ``unknown`` where that cannot be seen from here. ``why`` says so."""

    counts: Literal["yes", "no", "unknown"]
    why: str = ""


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """A file or a link as a commit has it: its path below the workspace, and the id of its bytes."""

    path: str
    identity: str
    is_link: bool


class History(Protocol):
    """Whatever can say whether evidence was recorded within this history."""

    def membership(self, commit: str, trees: Mapping[str, str]) -> Membership:
        """Whether ``commit``, or one with the same ``trees`` of judging code, is part of this history."""
        ...  # pragma: no cover


class Repository:
    """The git repository around a workspace, as it stood when each question was first asked.

    Every answer is remembered, so make a new one after a commit. A workspace outside any repository has a ``problem``,
    no ``head``, no ``trees``, and is ``dirty``: whatever judges there stands in no commit. ``revision`` is the commit
    whose history is asked about; the checked-out one unless another is named.
    """

    def __init__(self, root: Path, revision: str = "HEAD") -> None:
        self.root = root
        self.revision = revision
        self._memberships: dict[tuple[str, tuple[tuple[str, str], ...]], Membership] = {}

    @cached_property
    def problem(self) -> str | None:
        """Why git cannot be asked about this workspace, or None where it can."""
        try:
            self._git("rev-parse", "--git-dir")
        except GitError as error:
            return str(error)
        return None

    @cached_property
    def head(self) -> str | None:
        """The commit of ``revision``; None outside a repository, before the first commit and where git knows none."""
        return None if self.problem else self._resolved(self.revision)

    @cached_property
    def branch(self) -> str | None:
        """The checked-out branch; None outside a repository and for a detached head."""
        if self.problem:
            return None
        done = self._run("symbolic-ref", "--short", "--quiet", "HEAD")
        return done.stdout.decode().strip() or None

    @cached_property
    def trees(self) -> Mapping[str, str]:
        """Judging tree -> git tree id at ``head``, for those that exist."""
        if self.head is None:
            return {}
        return next((trees for _, trees in self._trees_of([self.head])), {})

    @cached_property
    def dirty(self) -> bool:
        """Whether the judging trees or ``artifacts.yaml`` differ from ``head``, or are new and not ignored."""
        if self.head is None:
            return True
        compiled = ":(exclude,glob)**/__pycache__/**"
        looked_at = (*JUDGING_TREES, BINDINGS, compiled)
        changed = self._git("status", "--porcelain", "-z", "--untracked-files=all", "--", *looked_at)
        return bool(changed)

    @cached_property
    def shallow(self) -> bool:
        """Whether older commits were left out when this repository was cloned."""
        return self.problem is None and self._git("rev-parse", "--is-shallow-repository").strip() == b"true"

    def membership(self, commit: str, trees: Mapping[str, str]) -> Membership:
        """Whether ``commit``, or one with the same ``trees`` of judging code, is an ancestor of ``head``."""
        key = (commit, tuple(sorted(trees.items())))
        if key not in self._memberships:
            self._memberships[key] = self._look_up(commit, trees)
        return self._memberships[key]

    def file_at(self, revision: str, path: str) -> bytes | None:
        """The bytes of ``path`` (relative to the workspace) at ``revision``, None where it is not there.

        Raises :class:`GitError` for a revision that git does not know.
        """
        done = self._run("cat-file", "blob", f"{self._known(revision)}:{self._prefix}{path}")
        return done.stdout if done.returncode == 0 else None

    def differ(self, one: str, other: str, folders: Iterable[str]) -> bool:
        """Whether anything below ``folders`` (relative to the workspace) differs between two revisions.

        Raises :class:`GitError` for a revision that git does not know.
        """
        places = [f":(top,literal){self._prefix}{folder}" for folder in folders]
        return bool(places) and bool(self._git("diff", "--name-only", "--no-renames", one, other, "--", *places))

    def export(self, target: Path, places: Iterable[str]) -> tuple[str, ...]:
        """Write what lies at ``places`` (files or folders, relative to the workspace) at ``head`` below ``target``.

        The bytes are those that were committed: no attribute, filter or line ending of a checkout changes them. Returns
        what was left out, as it is no file of the workspace: links, and names that no text can hold. Raises
        :class:`GitError` and OSError.
        """
        listed = [one for place in places for one in self._listed(self.revision, place)]
        files = [one for one in listed if not one.is_link and _is_plain(one.path)]
        for path, data in self._contents(self.revision, files).items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return tuple(repr(one.path)[1:-1] for one in listed if one not in files)

    def commit_of(self, revision: str) -> str | None:
        """The commit that ``revision`` (a branch, a tag, ``HEAD~2``, an id) names here; None where there is none."""
        return None if self.problem else self._resolved(revision)

    def files_at(self, revision: str, folder: str, suffix: str = "") -> dict[str, bytes]:
        """Path -> bytes of every file below ``folder`` at ``revision`` whose name ends in ``suffix``, by path.

        Both are relative to the workspace, and a folder that is not there has no files. Two git processes read them
        all. Raises :class:`GitError` for a revision that git does not know, for a link (whose bytes would be those of
        another file), and for a blob that a partial clone left out.
        """
        found = [one for one in self._listed(revision, folder) if one.path.endswith(suffix)]
        if link := next((one for one in found if one.is_link), None):
            raise GitError(f"{link.path} is a link; commit the file itself, so that its bytes stand in the history")
        return self._contents(revision, found)

    def commits_changing(self, path: str) -> tuple[str, ...]:
        """The commits of this history that changed anything below ``path``, oldest first; none outside a repository.

        Raises :class:`GitError` where git fails.
        """
        if self.head is None:
            return ()
        below = f":(top,literal){self._prefix}{path}"
        return tuple(self._git("rev-list", "--topo-order", "--reverse", self.head, "--", below).decode().split())

    def objects_at(self, places: Iterable[tuple[str, str]]) -> tuple[bytes | None, ...]:
        """For each (commit, path) the bytes of the file, or of the tree as git stores it; None where there is neither.

        One process reads all of them. Raises :class:`GitError` where git fails.
        """
        asked = [f"{commit}:{self._prefix}{path}" for commit, path in places]
        plain = [one for one in asked if _is_plain(one)]
        found = dict(zip(plain, self._objects(plain), strict=True))
        return tuple(found.get(one) for one in asked)

    def changed_paths(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of ``paths`` (files, relative to the workspace) whose bytes are not those at ``head``.

        The bytes themselves are compared, so an ignored file, one that git was told to assume unchanged, a missing
        file, a link and one outside the workspace are all among them. Raises :class:`GitError` where git fails.
        """
        asked = frozenset(paths)
        there = sorted(one for one in asked if _is_plain(one) and self._is_file(one))
        if self.head is None or not there:
            return asked
        named = "".join(f"{self.head}:{self._prefix}{one}\n" for one in there)
        committed = self._git("cat-file", "--batch-check=%(objectname) %(objecttype)", given=named.encode())
        present = self._git("hash-object", "--stdin-paths", given="".join(f"{one}\n" for one in there).encode())
        same = zip(there, committed.decode().splitlines(), present.decode().splitlines(), strict=True)
        return asked - {one for one, before, now in same if before == f"{now} blob"}

    def _is_file(self, path: str) -> bool:
        place = self.root / path
        return place.is_file() and not place.is_symlink()

    def _look_up(self, commit: str, trees: Mapping[str, str]) -> Membership:
        if self.problem:
            return Membership("unknown", self.problem)
        if self.head and (self._is_ancestor(commit) or (trees and trees in self._judging_history)):
            return Membership("yes")
        if self.shallow:
            return Membership("unknown", f"commit {short(commit)} cannot be looked for in a shallow clone; {DEEPEN}")
        return Membership("no", f"commit {short(commit)} is not in this history, nor is one with the same judging code")

    def _is_ancestor(self, commit: str) -> bool:
        return self._run("merge-base", "--is-ancestor", commit, self.head or "HEAD").returncode == 0

    @cached_property
    def _judging_history(self) -> list[Mapping[str, str]]:
        """The judging trees at every commit of this history that changed them.

        Parents of a merge are all followed: a merge that takes one parent's trees is dropped, that parent is not.
        """
        paths = [f":(top){self._prefix}{name}" for name in JUDGING_TREES]
        commits = self._git("rev-list", "--full-history", self.head or "HEAD", "--", *paths).decode().split()
        return [trees for _, trees in self._trees_of(commits)]

    def _trees_of(self, commits: list[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        asked = "".join(f"{commit}:{self._prefix}{name}\n" for commit in commits for name in JUDGING_TREES)
        answered = self._git("cat-file", "--batch-check=%(objectname) %(objecttype)", given=asked.encode())
        answers = answered.decode().splitlines()
        for index, commit in enumerate(commits):
            start = index * len(JUDGING_TREES)
            of_commit = zip(JUDGING_TREES, answers[start : start + len(JUDGING_TREES)], strict=True)
            yield commit, {name: answer.split()[0] for name, answer in of_commit if answer.endswith(" tree")}

    @cached_property
    def _prefix(self) -> str:
        """The workspace's folder within the repository, "" or ending in a slash."""
        return self._git("rev-parse", "--show-prefix").decode().rstrip("\n")

    def _objects(self, names: list[str]) -> tuple[bytes | None, ...]:
        """The bytes of each object, all read by one process; None for one that is not here."""
        if not names:
            return ()
        answered = self._git("cat-file", "--batch", given="".join(f"{one}\n" for one in names).encode())
        return tuple(_answers(answered, len(names)))

    def _listed(self, revision: str, folder: str) -> list[_Entry]:
        """The files and links below ``folder``, by path."""
        top = f":(top,literal){self._prefix}{folder}"
        listed = self._git("ls-tree", "-r", "-z", "--full-name", self._known(revision), "--", top)
        return sorted(_entries(listed, len(self._prefix.encode())))

    def _contents(self, revision: str, files: Sequence[_Entry]) -> dict[str, bytes]:
        try:
            contents = zip(files, self._objects([one.identity for one in files]), strict=True)
            return {one.path: _present(data, one.path) for one, data in contents}
        except GitError as error:
            why = f"not every file of {revision} is in this clone ({error}); clone without --filter"
            raise GitError(why) from error

    def _known(self, revision: str) -> str:
        """The commit of ``revision``. Raises GitError where git knows none."""
        commit = self.commit_of(revision)
        if commit is None:
            raise GitError(self.problem or f"git knows no revision {revision!r} here; fetch it, or name another")
        return commit

    def _resolved(self, revision: str) -> str | None:
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return done.stdout.decode().strip() or None

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        done = self._run(*arguments, given=given)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or [f"git ended with {done.returncode}"]
            fatal = next((line for line in said if line.startswith("fatal: ")), said[0])  # warnings may stand before it
            raise GitError(fatal.removeprefix("fatal: "))
        return done.stdout

    def _run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", "-C", str(self.root), *arguments],
                input=given, capture_output=True, env=_environment(), timeout=GIT_SECONDS, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise GitError("git is not installed, so the commits that evidence names cannot be looked up") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} took longer than {GIT_SECONDS} seconds") from None


def _entries(listed: bytes, prefix_bytes: int) -> Iterator[_Entry]:
    """The files and links in the output of ``git ls-tree -z``; a submodule is neither."""
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        mode, kind, identity = about.decode().split() if path else ("", "", "")
        if kind == "blob":
            yield _Entry(os.fsdecode(path[prefix_bytes:]), identity, mode == _LINK)


def _present(data: bytes | None, path: str) -> bytes:
    if data is None:
        raise GitError(f"{path} is missing")
    return data


def _is_plain(path: str) -> bool:
    """Whether ``path`` names a place below the workspace the way git does; a line of input holds one path."""
    parts = path.split("/")
    return "\n" not in path and not any(one in ("", ".", "..") for one in parts)


def _answers(answered: bytes, count: int) -> Iterator[bytes | None]:
    """What ``git cat-file --batch`` printed: a header that ends in the size, the bytes, and a line break."""
    start = 0
    for _ in range(count):
        end = answered.index(b"\n", start)
        header = answered[start:end].split(b" ")
        start = end + 1
        if header[-1].isdigit() and header[-2] in (b"blob", b"tree"):
            size = int(header[-1])
            yield answered[start : start + size]
            start += size + 1
        else:
            yield None


def entries_of(tree: bytes, id_bytes: int) -> Iterator[tuple[str, bool]]:
    """The names in a tree as git stores it, each with whether it is a folder; ``id_bytes`` is the length of an id."""
    start = 0
    while start < len(tree):
        end = tree.index(b"\0", start)
        mode, _, name = tree[start:end].partition(b" ")
        yield name.decode(errors="replace"), mode == b"40000"
        start = end + 1 + id_bytes


def _environment() -> dict[str, str]:
    """Git's answers must not depend on the language, nor on the hook we may be running in, and must change nothing."""
    inherited = {key: value for key, value in os.environ.items() if key not in _SET_BY_HOOKS}
    return {**inherited, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1"}  # fmt: skip  # what was committed, not what this clone puts in its place


_SET_BY_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
