"""Commands: the user's own program as an artifact, run in an empty folder with its output bounded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import IO, ClassVar

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import SourceFile

OUTPUT = "{output}"
"""Stands in an argument for a fresh, empty folder that the program may write to."""

_PYTHONS = frozenset({"python", "python3"})
_SECONDS_TO_DRAIN = 5.0


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program did. ``exit_code`` is minus the signal's number where one ended it, and None after a time-out.

    ``stdout`` and ``stderr`` are cut at a limit; ``written`` are the files it left in its output folder, relative.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    written: tuple[str, ...] = ()
    timed_out: bool = False


# Not slotted: the digest is computed when first asked for, and kept.
@dataclass(frozen=True, eq=False)
class Command:
    """A program with its arguments, placeholders filled but for ``{output}``.

    ``sources`` are the files it is made of, folders included, and ``reads`` the digests of the artifacts it is given,
    by role: what it does can only change with them. ``folder`` is where it runs.
    """

    argv: tuple[str, ...]
    sources: tuple[Path, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    _answer: Completed | None = None
    _original: Command | None = None
    _mutation: str = ""

    kind: ClassVar[str] = "command"

    @property
    def path(self) -> Path:
        """The folder it runs in."""
        return self.folder

    @property
    def files(self) -> tuple[Path, ...]:
        """The source files, those inside source folders included, sorted."""
        return tuple(sorted(file for source in self.sources for file in _files_of(source)))

    @cached_property
    def file_digests(self) -> Mapping[str, str]:
        """Source file, relative to the folder it runs in -> sha256. Raises ArtifactError where one is absent."""
        return MappingProxyType({_relative(file, self.folder): SourceFile(file).sha256() for file in self.files})

    @cached_property
    def digest(self) -> str:
        """sha256 over the arguments, the content of the sources and the digests of what it reads."""
        if self._original is not None:
            return mutant_digest(self._original.digest, self._mutation)
        content = {"argv": self.argv, "sources": dict(self.file_digests), "reads": dict(self.reads)}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def run(self, timeout_seconds: float, *, limits: Limits = DEFAULT_LIMITS) -> Completed:
        """Run the program in a process group of its own, and end whatever it leaves running.

        ``python`` is the interpreter that runs this. The program gets no input and no shell.

        Raises:
            ArtifactError: it cannot be started.
        """
        if self._answer is not None:
            return self._answer
        with tempfile.TemporaryDirectory(prefix="falsifiable-output-") as output:
            return self._run_with_output(Path(output), timeout_seconds, limits)

    def answering(
        self, *, exit_code: int = 0, stdout: str = "", stderr: str = "", written: tuple[str, ...] = ()
    ) -> Command:
        """The same command, except that it runs nothing and did this."""
        answer = Completed(exit_code, stdout, stderr, tuple(written))
        mutation = f"exit {exit_code}, stderr {stderr!r}, wrote {', '.join(written) or 'nothing'}"
        return replace(self, _answer=answer, _original=self, _mutation=mutation)

    def _run_with_output(self, output: Path, timeout_seconds: float, limits: Limits) -> Completed:
        argv = [part.replace(OUTPUT, str(output)) for part in self.argv]
        if argv[:1] and argv[0] in _PYTHONS:
            argv[0] = sys.executable
        try:
            process = subprocess.Popen(
                argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except (OSError, ValueError, IndexError) as fault:
            shown = self.argv[0] if self.argv else ""
            raise ArtifactError(self.folder, f"the command {shown!r} cannot be started: {fault}") from fault
        with process:
            readers = [_Reader(stream, limits.command_output_bytes) for stream in (process.stdout, process.stderr)]
            timed_out = False
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                # Children that outlive it would hold its pipes open, and its output folder.
                _kill_group(process)
            stdout, stderr = (reader.finished() for reader in readers)
        exit_code = None if timed_out else process.returncode
        return Completed(exit_code, stdout, stderr, _written(output, limits), timed_out)


class _Reader(threading.Thread):
    """Reads a pipe to its end, so that the writer never waits, and keeps the first bytes."""

    def __init__(self, stream: IO[bytes] | None, limit_bytes: int) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._limit = limit_bytes
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        while self._stream is not None and (block := self._stream.read1(65_536)):  # type: ignore[attr-defined]
            self._kept += block[: self._limit - len(self._kept)]

    def finished(self) -> str:
        """The kept text; a process that escaped its group and holds the pipe is not waited for."""
        self.join(_SECONDS_TO_DRAIN)
        return bytes(self._kept).decode("utf-8", "replace")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _written(output: Path, limits: Limits) -> tuple[str, ...]:
    found: list[str] = []
    for path in output.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            found.append(path.relative_to(output).as_posix())
        if len(found) >= limits.command_written_files:
            break
    return tuple(sorted(found))


def _files_of(source: Path) -> Iterator[Path]:
    """The file, or the files in the folder; compiled Python is left out, because running the program makes it."""
    if not source.exists():
        raise ArtifactError(source, "no such file or folder", expected="a source of the command")
    if not source.is_dir():
        yield source
        return
    for path in source.rglob("*"):
        if not path.is_dir() and "__pycache__" not in path.parts:
            yield path


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.as_posix()
