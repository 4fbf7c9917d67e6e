"""One run as a process: started without a shell in a process group of its own, held at a rung, ended gracefully."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LOG_FILE = "log.txt"
PROCESS_FILE = "process.json"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class RunProcess:
    """A started run. Its output and its errors go to ``log.txt`` in its folder, in the order it wrote them.

    Attributes:
        pid: of the process, and of its group.
    """

    def __init__(self, command: Sequence[str], folder: Path, *, directory: Path | None = None) -> None:
        """Start it in ``directory``, None for the current one. Raises OSError where the program cannot be started."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG_FILE).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_END_WITH_PARENT,
            )
        self.pid = self._process.pid
        self._held_since: float | None = None
        self._held = 0.0
        self._started = time.monotonic()
        self._asked_to_end: float | None = None
        self._was_killed = False
        (folder / PROCESS_FILE).write_text(json.dumps({"pid": self.pid, "born": born(self.pid)}), encoding="utf-8")

    @property
    def seconds(self) -> float:
        """Wall clock since its start, less the time it was held at rungs."""
        now = time.monotonic()
        held = self._held + (now - self._held_since if self._held_since is not None else 0.0)
        return now - self._started - held

    @property
    def is_held(self) -> bool:
        """Whether it waits at a rung."""
        return self._held_since is not None

    @property
    def code(self) -> int | None:
        """Its exit code, negative where a signal ended it; None while it lives."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        return self._process.wait()

    def hold(self) -> None:
        """Stop its clock: it keeps its memory and computes nothing until ``go_on``."""
        if self.code is None and self._held_since is None:
            self._signal(signal.SIGSTOP)
            self._held_since = time.monotonic()

    def go_on(self) -> None:
        """Let it compute again."""
        if self._held_since is not None:
            self._held += time.monotonic() - self._held_since
            self._held_since = None
            self._signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM, once: a trainer saves what it has and says that it was stopped."""
        if self._asked_to_end is None and self.code is None:
            self._asked_to_end = time.monotonic()
            self._signal(signal.SIGTERM)
            self.go_on()

    def end_if_overdue(self, grace_seconds: float) -> bool:
        """SIGKILL, once, to its group where it was asked to end ``grace_seconds`` ago and lives; whether it did."""
        if self._asked_to_end is None or self._was_killed or self.code is not None:
            return False
        if time.monotonic() - self._asked_to_end < grace_seconds:
            return False
        self._signal(signal.SIGKILL)
        self._was_killed = True
        return True

    def clear(self) -> None:
        """End whatever it left behind in its group, after its own end."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def end_orphan(folder: Path) -> int | None:
    """End the process that a killed runner left behind in a run's folder; its id, None where nothing lives."""
    return _send(folder, signal.SIGKILL)


def ask_to_end(folder: Path) -> int | None:
    """Ask the process of the run in ``folder`` to end itself, also where it is held; its id, None where none lives."""
    return _send(folder, signal.SIGTERM, signal.SIGCONT)


def _send(folder: Path, *numbers: signal.Signals) -> int | None:
    """Signal the group of the process that is recorded in ``folder``; its id, None where it does not live.

    A process id is used again sooner or later, so that the time of its birth has to be the recorded one.
    """
    try:
        left = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
        pid, at = int(left["pid"]), left["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if at is None or born(pid) != at:
        return None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for number in numbers:
            os.killpg(pid, number)
    return pid


def born(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine's; None where there is no such process, or no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(fields.rpartition(")")[2].split()[19])


def _death_with_parent() -> Callable[[], object] | None:
    """What a child does first on Linux: ask to be killed when its runner dies, however that dies.

    A child that is held would otherwise wait for ever for a runner that was killed.
    """
    if sys.platform != "linux":
        return None
    call = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: call(_DIE_WITH_PARENT, signal.SIGKILL)


_END_WITH_PARENT = _death_with_parent()
