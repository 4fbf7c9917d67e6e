"""A page of documentation as what its reader does: the commands of its console blocks, and what each of them prints.

A line ``$ COMMAND`` is typed, the lines below it up to the next one are what it prints. ``contract`` is called in this
process where the line is nothing but that; everything else is given to bash. What differs from run to run or from
machine to machine is named in :data:`MASKS` and left out of the comparison; the page shows what one run printed.
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
)
"""What is different on each run: what it is, and how it is recognised."""

PROMPT = "$ "
FENCE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
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
class Replayed:
    """What a command came to: all it printed, its exit code, and the folder it was typed in."""

    typed: Typed
    printed: str
    code: int
    folder: Path

    @property
    def as_shown(self) -> bool:
        """Whether it printed what the page shows, but for what MASKS name."""
        return masked(self.printed) == masked(self.typed.shown)


def masked(text: str) -> str:
    """``text`` without what differs from run to run."""
    for _, pattern in MASKS:
        text = pattern.sub("#", text)
    return text


def commands(page: str) -> Iterator[Typed]:
    """Every command of the console blocks of ``page``, in order."""
    for block in FENCE.finditer(page):
        at = block.start(1)
        typed: tuple[str, int, int] | None = None
        for line in block[1].splitlines(keepends=True):
            if line.startswith(PROMPT):
                if typed:
                    yield _typed(page, *typed, at)
                typed = (line.removeprefix(PROMPT).rstrip("\n"), at + len(line), page.count("\n", 0, at) + 1)
            assert typed, f"a console block begins with a command, and not with {line!r}"
            at += len(line)
        if typed:
            yield _typed(page, *typed, at)


def _typed(page: str, command: str, start: int, line: int, end: int) -> Typed:
    return Typed(command, page[start:end], start, end, line)


def rewritten(page: str, replayed: list[Replayed]) -> str:
    """``page`` with what was printed in the place of what it shows, where the two differ by more than MASKS name."""
    for one in reversed(replayed):
        if not one.as_shown:
            page = page[: one.typed.start] + one.printed + page[one.typed.end :]
    return page


@dataclass
class Session:
    """A shell: a folder, an environment, and the exit code of what was typed last."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 0

    def type(self, typed: Typed) -> Replayed:
        """Do what a shell does with the command."""
        here, command = self.folder, typed.command
        if command == "echo $?":
            printed = f"{self.code}\n"
            self.code = 0
        elif command.startswith("cd "):
            self.folder, printed, self.code = (here / command.removeprefix("cd ")).resolve(), "", 0
        elif command.startswith("contract ") and not SHELL.search(_unquoted(command)):
            printed, self.code = self._call(shlex.split(command)[1:])
        else:
            printed, self.code = self._shell(command)
        return Replayed(typed, printed, self.code, here)

    def _call(self, arguments: list[str]) -> tuple[str, int]:
        with chdir(self.folder), StringIO() as printed, redirect_stdout(printed), redirect_stderr(printed):
            code = run(arguments)
            return printed.getvalue(), int(code)

    def _shell(self, command: str) -> tuple[str, int]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env={**os.environ, **self.environment, "PATH": path},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout, done.returncode


def _unquoted(command: str) -> str:
    """The command without what stands in quotes: a shell leaves that alone, but for ``$`` in double quotes."""
    return re.sub(r"'[^']*'|\"[^\"$`]*\"", "", command)
