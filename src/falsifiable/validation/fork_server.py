"""A process that imports heavy libraries once and forks a fresh worker per falsifier.

It imports and computes nothing: no tensor, no thread, no random number exists when it forks, so every worker starts
from the same clean state in milliseconds instead of the seconds that importing torch takes. It talks over one socket in
JSON messages; with each job come the write end of the pipe on which that worker reports, and a file with the job.

CUDA cannot be used in a process whose parent has used it. None of the libraries that falsifiers name asks for a device
while it is imported, so a worker is the first to start CUDA and no falsifier needs a process of another kind. A
variable that ``workers`` sets lets torch, were it asked all the same, count devices without starting CUDA.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falsifiable.validation.worker import run_job

A_JOB = b"job"
"""Announces a job: the write end of its pipe and a file that holds its message travel along."""
LOADED_LATE: Mapping[str, tuple[str, ...]] = {
    "transformers": ("transformers.models.auto.modeling_auto", "transformers.modeling_layers"),
    "scipy": ("scipy.stats",),
}
"""What a library imports when it is first used: two seconds that every worker of transformers would spend again."""


def serve(control: socket.socket, modules: list[str]) -> None:
    """Fork a worker for every job received, until the other end hangs up; then kill what still runs."""
    waker = _wake_on_child_exit()
    try:
        for module in modules:
            importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever a library raises on import is reported, not raised
        _send(control, {"failed": f"importing {module} failed: {type(error).__name__}: {error}"})
        return
    _load_late_parts(modules)
    _send(control, {"ready": True})
    running: dict[int, str] = {}
    try:
        while True:
            readable, _, _ = select.select([control.fileno(), waker], [], [])
            if waker in readable:
                os.read(waker, 4096)
                _report_ended(control, running)
            if control.fileno() in readable:
                received, descriptors, _, _ = socket.recv_fds(control, len(A_JOB), 2)
                if not received:
                    return
                results, message = descriptors
                with os.fdopen(message, encoding="utf-8") as file:  # a folder of many shards fills no datagram
                    file.seek(0)
                    job = json.load(file)
                running[_fork(job, results, control)] = job["id"]
                os.close(results)
                _send(control, {"started": job["id"], "pid": next(reversed(running))})
    finally:
        for pid in running:
            _end_session(pid)


def _load_late_parts(modules: Iterable[str]) -> None:
    for module in modules:
        for part in LOADED_LATE.get(module, ()):
            with contextlib.suppress(Exception):  # another version has no such part; who needs it will say so
                importlib.import_module(part)


def _wake_on_child_exit() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(writer)
    return reader


def _report_ended(control: socket.socket, running: dict[int, str]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        if pid in running:
            _end_session(pid)
            _send(control, {"ended": running.pop(pid), "status": os.waitstatus_to_exitcode(status)})


def _fork(job: Mapping[str, Any], results: int, control: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:  # whatever happens in here must not climb into the server's own loop
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        run_job(job, results)
        status = 0
    finally:
        os._exit(status)


def _end_session(pid: int) -> None:
    """Kill the worker and every process that it started, in whatever group they are: the worker leads a session."""
    for member in [pid, *_session_members(pid)]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)


def _session_members(leader: int) -> list[int]:
    """The processes of the session ``leader`` leads, where the system can tell."""
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            session = int(entry.read_text().rpartition(")")[2].split()[3])
            if session == leader:
                members.append(int(entry.parent.name))
    return members


def _send(control: socket.socket, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        control.sendall(json.dumps(message).encode())


def main() -> None:
    """Serve on the socket whose descriptor is the first argument; the others are the modules to import."""
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
