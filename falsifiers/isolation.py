"""Running code that a model wrote: in a process of its own, without network, in an empty folder, with limits.

Three walls stand around it, and each is put up wherever it can be. A network namespace without any interface, where the
kernel lets an ordinary user make one. Limits of the kernel on processor time, memory and the size of files. A hook of
the interpreter that refuses sockets, processes, native libraries and every file outside the folder, the interpreter's
own library excepted, which may be read. That contains what a language model writes by mistake or habit; it is no wall
against somebody who studies it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MEMORY_BYTES = 1 << 30
_FILE_BYTES = 1 << 20
_NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")

# Runs in the child, before and after the program. What it says last is a word that the program never sees, so that a
# program that leaves early, with whatever exit code, has not passed.
_GUARD = r"""
import io, json, os, resource, sys
given = json.load(sys.stdin)
program, word, home = given["program"], given["word"], os.path.realpath(os.getcwd())
readable = [home] + [os.path.realpath(one) for one in given["readable"]]
for limit, value in given["limits"]:
    resource.setrlimit(getattr(resource, limit), (value, value))
answer = os.dup(1)
nowhere = os.open(os.devnull, os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(nowhere, stream)
REFUSED = ("socket.", "subprocess.", "ctypes.", "urllib.", "ftplib.", "smtplib.", "pty.", "resource.", "signal.",
           "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill", "os.chdir", "os.startfile")
LISTING = ("os.listdir", "os.scandir")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
realpath, fsdecode, commonpath, join = os.path.realpath, os.fsdecode, os.path.commonpath, os.path.join

def inside(path, folders):
    if isinstance(path, int):
        return True
    whole = realpath(join(home, fsdecode(path)))
    return any(commonpath((whole, folder)) == folder for folder in folders)

def refuse(event, arguments):
    if event.startswith(REFUSED):
        raise PermissionError(f"{event} is refused to a program under test")
    if event == "open":
        path, mode, flags = arguments
        wants = [home] if (flags or 0) & WRITING else readable
        if path is not None and not inside(path, wants):
            raise PermissionError(f"{path!r} lies outside the folder of the program under test")
    elif event.startswith("os."):
        for one in arguments:
            if isinstance(one, (str, bytes)) and not inside(one, readable if event in LISTING else [home]):
                raise PermissionError(f"{event} {one!r} lies outside the folder of the program under test")

sys.addaudithook(refuse)
try:
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    said = word
except BaseException as error:
    said = f"{type(error).__name__}: {error}"[:300]
os.write(answer, said.encode("utf-8", "replace"))
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: whether it came to its end, and otherwise in words why not."""

    finished: bool
    said: str = ""


def run_isolated(program: str, *, seconds: float, network_namespace: bool = True) -> Ran:
    """Run Python source in an isolated process and say how it ended.

    Args:
        program: source that raises where something is wrong, and comes to its end where nothing is.
        seconds: of the clock, after which the process and all it began are killed; its processor time has the same
            limit.
        network_namespace: False leaves out the namespace, to test what holds without it.
    """
    word = secrets.token_hex(16)
    limits = [
        ("RLIMIT_CPU", max(1, round(seconds))),
        ("RLIMIT_AS", _MEMORY_BYTES),
        ("RLIMIT_FSIZE", _FILE_BYTES),
        ("RLIMIT_CORE", 0),
    ]
    given = {"program": program, "word": word, "limits": limits, "readable": [str(Path(os.__file__).parent)]}
    walls = _NO_NETWORK if network_namespace and can_unshare_network() else ()
    with tempfile.TemporaryDirectory(prefix="falsifiable-program-") as folder:
        ended = _run_guarded([*walls, sys.executable, "-I", "-S", "-B", "-c", _GUARD], folder, given, seconds)
    if ended is None:
        return Ran(False, f"it did not end within {seconds:g} s")
    code, said = ended
    if said == word:
        return Ran(True)
    if code:
        return Ran(False, f"its process ended with {code}: a limit, or a crash of the interpreter")
    return Ran(False, said or "it left before its end")


def _run_guarded(command: list[str], folder: str, given: dict[str, Any], seconds: float) -> tuple[int, str] | None:
    """Run the guard in ``folder``: its exit code and what it said, or None where it was not done in time."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            answer, _ = process.communicate(json.dumps(given).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Its own session, so that whatever it began ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, answer.decode("utf-8", "replace")


@functools.cache
def can_unshare_network() -> bool:
    """Whether an ordinary user may make a network namespace here."""
    try:
        return subprocess.run([*_NO_NETWORK, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
