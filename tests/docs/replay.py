"""A page of documentation as what its reader does: the files it shows, the commands it types, and what those print.

A page is read from the top down, and four things of it are done:

- A console block: a line ``$ COMMAND`` is typed (on to the next line where it ends in a backslash), the lines below it
  up to the next one are what it prints. A line ``...`` there stands for any lines, and where nothing is shown nothing
  is asked, except that the command must end with 0 or be followed by ``echo $?``.
- A bash or sh block: a script, typed as it stands.
- A block of any language with ``title="PATH"``: a file, written as it stands.
- ``<!-- in: PLACE -->``: what follows is done in a fresh copy of a folder that the tests prepare.

``<!-- not run: REASON -->`` above a block says that it cannot be done here. ``contract`` is called in this process
where the line is nothing but that; everything else is given to bash. What differs from run to run or from machine to
machine is named in :data:`MASKS` and left out of the comparison; the page shows what one run printed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from falsifiable.cli import run

_DIGITS = "|".join(f"[0-9a-f]{{{length}}}" for length in (64, 40, 16, 12))

MASKS = (
    ("a commit, a sha256, or its first digits", re.compile(rf"\b(?:{_DIGITS})\b")),
    ("eight digits by chance in the name of an amendment", re.compile(r"(?<=-)[0-9a-f]{8}(?=\.md\b)")),
    ("how long it took", re.compile(r"\b\d+\.\d+ ?s\b")),
)
"""What is different on each run: what it is, and how it is recognised."""

PROMPT = "$ "
ANYTHING = "...\n"
"""A shown line that stands for any lines, or none."""

_PLACE = re.compile(r"<!-- in: (?P<place>[a-z ]+) -->\n")
_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n+)?```(?P<language>\w*)(?P<info>[^\n]*)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_TITLE = re.compile(r'title="([^"]+)"')
SHELL = re.compile(r"[|&;<>$`*?~(){}\\]")
"""Characters that only a shell understands."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One command of a page and the text that the page shows below it; ``start`` to ``end`` is that text's place."""

    command: str
    shown: str
    start: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class File:
    """A file that the page tells its reader to write."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that what follows is done in, by the name that the tests know it by."""

    name: str


@dataclass(frozen=True, slots=True)
class NotRun:
    """A block that cannot be done here, and why."""

    reason: str
    line: int


Step = Typed | File | Place | NotRun


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a command came to: all it printed, its exit code, and the folder it was typed in."""

    typed: Typed
    printed: str
    code: int
    folder: Path

    @property
    def as_shown(self) -> bool:
        """Whether it printed what the page shows, but for what MASKS name and lines that stand for any."""
        shown = masked(self.typed.shown)
        if ANYTHING not in shown:
            return masked(self.printed) == shown
        pattern = "(?:.*\n)*?".join(re.escape(one) for one in re.split(r"(?m)^\.\.\.\n", shown))
        return re.fullmatch(pattern, masked(self.printed)) is not None

    @property
    def agrees(self) -> bool:
        """Whether it printed what the page shows, where the page shows anything."""
        return not self.typed.shown or self.as_shown


def masked(text: str) -> str:
    """``text`` without what differs from run to run."""
    for _, pattern in MASKS:
        text = pattern.sub("#", text)
    return text


def steps(page: str) -> Iterator[Step]:
    """All that a reader of ``page`` does, in order."""
    found = [*_PLACE.finditer(page), *_FENCE.finditer(page)]
    for one in sorted(found, key=lambda match: match.start()):
        if one.re is _PLACE:
            yield Place(one["place"])
        else:
            yield from _block(page, one)


def _block(page: str, block: re.Match[str]) -> Iterator[Step]:
    language, line = block["language"], page.count("\n", 0, block.start("body")) + 1
    title = _TITLE.search(block["info"])
    if block["reason"]:
        yield NotRun(block["reason"], line)
    elif language == "console":
        yield from _console(page, block)
    elif title:
        yield File(title[1], block["body"])
    elif language in ("bash", "sh"):
        yield Typed(f"set -e\n{block['body']}", "", block.end("body"), block.end("body"), line)


def _console(page: str, block: re.Match[str]) -> Iterator[Typed]:
    at = block.start("body")
    typed: list[str] = []
    start = line = at
    for text in block["body"].splitlines(keepends=True):
        if typed and typed[-1].endswith("\\") and start == at:
            typed.append(text.rstrip("\n"))
            start += len(text)
        elif text.startswith(PROMPT):
            if typed:
                yield Typed("\n".join(typed), page[start:at], start, at, line)
            typed = [text.removeprefix(PROMPT).rstrip("\n")]
            start, line = at + len(text), page.count("\n", 0, at) + 1
        assert typed, f"a console block begins with a command, and not with {text!r}"
        at += len(text)
    if typed:
        yield Typed("\n".join(typed), page[start:at], start, at, line)


def commands(page: str) -> Iterator[Typed]:
    """Every command of ``page``, in order."""
    return (one for one in steps(page) if isinstance(one, Typed))


def rewritten(page: str, replayed: list[Replayed]) -> str:
    """``page`` with what was printed in the place of what it shows, where the two differ by more than MASKS name."""
    for one in reversed(replayed):
        if not one.as_shown:
            page = page[: one.typed.start] + one.printed + page[one.typed.end :]
    return page


@dataclass
class Session:
    """A shell: a folder, an environment, and the exit code of what was typed last.

    With ``alone`` nothing is called in this process: every command is one of its own, with ``environment`` and no more.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False
    code: int = 0

    def type(self, typed: Typed) -> Replayed:
        """Do what a shell does with the command."""
        here, command = self.folder, typed.command
        if command == "echo $?":
            printed = f"{self.code}\n"
            self.code = 0
        elif command.startswith("cd "):
            self.folder, printed, self.code = (here / command.removeprefix("cd ")).resolve(), "", 0
        elif not self.alone and command.startswith("contract ") and not SHELL.search(_unquoted(command)):
            printed, self.code = self._call(shlex.split(command, comments=True)[1:])
        else:
            printed, self.code = self._shell(command)
        return Replayed(typed, printed, self.code, here)

    def write(self, file: File) -> None:
        """Write a file as an editor does."""
        path = self.folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")

    def _call(self, arguments: list[str]) -> tuple[str, int]:
        with chdir(self.folder), StringIO() as printed, redirect_stdout(printed), redirect_stderr(printed):
            code = run(arguments)
            return printed.getvalue(), int(code)

    def _shell(self, command: str) -> tuple[str, int]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        environment = self.environment if self.alone else {**os.environ, **self.environment, "PATH": path}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.stdout, done.returncode


def _unquoted(command: str) -> str:
    """The command without what stands in quotes or a comment: a shell leaves that alone, but for ``$`` in "..."."""
    return re.sub(r"'[^']*'|\"[^\"$`]*\"|(?<=\s)#.*", "", command)
