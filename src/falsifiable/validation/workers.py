"""Running jobs in worker processes, several at a time, each within its limits.

A worker that crashes, hangs or is killed costs its own verdict and nothing else. One fork server is kept per set of
imports (see :mod:`falsifiable.validation.fork_server`); a job goes to the smallest running set that holds its imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from falsifiable.validation.fork_server import A_JOB
from falsifiable.validation.results import Cause

SERVER_START_SECONDS = 120
MAX_MESSAGE_BYTES = 1 << 16
_WITHOUT_STARTING_CUDA = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""torch.cuda.is_available() then asks the driver's library, which leaves forked processes able to use CUDA."""


@dataclass(frozen=True, slots=True)
class Job:
    """One falsifier to judge: ``message`` is what the worker reads, ``imports`` what its fork server has loaded."""

    id: str
    imports: tuple[str, ...]
    message: Mapping[str, Any]
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its reports in order, and how it ended early (``cause`` "" where it did not)."""

    job: Job
    reports: tuple[Mapping[str, Any], ...]
    cause: Cause
    said: str
    seconds: float


@dataclass(slots=True)
class _Running:
    job: Job
    server: _Server
    results: int
    began: float
    received: bytes = b""
    pid: int | None = None
    ended: int | None = None
    drained: bool = False
    timed_out: bool = False


# Not `-m`: this package imports that module, and Python warns of a module that it is to run and has imported already.
_SERVE = "from falsifiable.validation.fork_server import main; main()"


@dataclass(slots=True)
class _Server:
    """A fork server process and this end of its control socket."""

    imports: tuple[str, ...]
    process: subprocess.Popen[bytes]
    control: socket.socket
    failed: str = ""
    running: dict[str, _Running] = field(default_factory=dict)

    @classmethod
    def start(cls, imports: tuple[str, ...], folder: str, *, quiet: bool) -> _Server:
        # Sequenced packets keep one message one message, together with the descriptor that travels with it.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(theirs.fileno()), *imports],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else None,
                stderr=subprocess.DEVNULL if quiet else None,
                start_new_session=True,
                env={**os.environ, "TMPDIR": folder, **_WITHOUT_STARTING_CUDA},
            )
        return cls(imports, process, ours)

    def send(self, running: _Running, writer: int) -> None:
        message = json.dumps({**running.job.message, "id": running.job.id, "memory_bytes": running.job.memory_bytes})
        with tempfile.TemporaryFile() as file:
            file.write(message.encode())
            file.flush()
            socket.send_fds(self.control, [A_JOB], [writer, file.fileno()])
        self.running[running.job.id] = running

    def stop(self) -> None:
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run_jobs(jobs: Sequence[Job], *, at_once: int | None = None, quiet: bool = True) -> Iterator[Job | Outcome]:
    """Run ``jobs``; yields each job when it starts and its outcome when it has ended, in any order.

    Closing the iterator (an interrupt) kills whatever still runs, with all processes it started.
    """
    waiting = list(reversed(jobs))
    servers: dict[tuple[str, ...], _Server] = {}
    sets = _server_sets(jobs)
    room = at_once or os.cpu_count() or 1
    active: list[_Running] = []
    # Workers may be killed at any moment; what they leave in their temporary folder goes with it.
    with tempfile.TemporaryDirectory(prefix="falsifiable-") as folder, selectors.DefaultSelector() as selector:
        try:
            while waiting or active:
                while waiting and len(active) < room:
                    job = waiting.pop()
                    imports = sets[job.imports]
                    if imports not in servers:
                        servers[imports] = _Server.start(imports, folder, quiet=quiet)
                        selector.register(servers[imports].control, selectors.EVENT_READ, servers[imports])
                    active.append(_start(job, servers[imports], selector))
                    yield job
                _wait(selector, active)
                for running in [one for one in active if _is_over(one)]:
                    active.remove(running)
                    running.server.running.pop(running.job.id, None)
                    yield _outcome(running)
        finally:
            for running in active:
                _kill(running)
            for server in servers.values():
                server.stop()


def _server_sets(jobs: Sequence[Job]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For each set of imports asked for, the smallest set asked for by any job that holds it; none stays none."""
    asked = sorted({job.imports for job in jobs}, key=len)
    return {
        one: next((other for other in reversed(asked) if one and set(one) <= set(other)), one)
        for one in asked
    }  # fmt: skip


def _start(job: Job, server: _Server, selector: selectors.BaseSelector) -> _Running:
    reader, writer = os.pipe()
    running = _Running(job, server, reader, time.monotonic())
    selector.register(reader, selectors.EVENT_READ, running)
    try:
        server.send(running, writer)
    except OSError:
        running.ended = -1
    finally:
        os.close(writer)
    return running


def _wait(selector: selectors.BaseSelector, active: list[_Running]) -> None:
    """Handle what arrives until something changes or the nearest deadline passes."""
    now = time.monotonic()
    nearest = min((running.began + _allowed(running) for running in active), default=now)
    for key, _ in selector.select(timeout=max(0.0, min(nearest - now, 1.0))):
        if isinstance(key.data, _Running):
            _read_results(key.data, selector)
        else:
            _read_control(key.data, selector)
    now = time.monotonic()
    for running in active:
        if not running.timed_out and running.ended is None and now > running.began + _allowed(running):
            running.timed_out = True
            _kill(running)


def _allowed(running: _Running) -> float:
    # Until its process exists a job waits for its server's imports, which is not its own time.
    return running.job.seconds if running.pid is not None else SERVER_START_SECONDS


def _read_results(running: _Running, selector: selectors.BaseSelector) -> None:
    chunk = os.read(running.results, 1 << 16)
    running.received += chunk
    if not chunk:
        selector.unregister(running.results)
        os.close(running.results)
        running.drained = True


def _read_control(server: _Server, selector: selectors.BaseSelector) -> None:
    try:
        received = server.control.recv(MAX_MESSAGE_BYTES)
    except ConnectionResetError:
        return  # it ended without reading all jobs; what it said before comes next, then the end
    if not received:
        selector.unregister(server.control)
        for running in server.running.values():
            running.ended = -1 if running.ended is None else running.ended
        return
    message = json.loads(received)
    if "failed" in message:
        server.failed = message["failed"]
    elif "started" in message and (begun := server.running.get(message["started"])):
        begun.pid, begun.began = message["pid"], time.monotonic()
    elif "ended" in message and (over := server.running.get(message["ended"])):
        over.ended = message["status"]


def _is_over(running: _Running) -> bool:
    return running.ended is not None and (running.drained or running.pid is None)


def _kill(running: _Running) -> None:
    if running.pid is None:
        running.ended = -1
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGKILL)


def _outcome(running: _Running) -> Outcome:
    reports = tuple(json.loads(line) for line in running.received.splitlines() if line.endswith(b"}"))
    seconds = time.monotonic() - running.began
    done = bool(reports) and "done" in reports[-1]
    cause: Cause = ""
    said = ""
    if running.timed_out:
        cause, said = (
            "time",
            f"it was stopped after its time limit of {running.job.seconds:g} seconds; raise it with --time-limit",
        )
    elif running.pid is None:
        cause, said = "crashed", running.server.failed or "its worker process could not be started"
    elif not done:
        cause, said = _death(running.ended or 0)
    return Outcome(running.job, tuple(report for report in reports if "done" not in report), cause, said, seconds)


def _death(status: int) -> tuple[Cause, str]:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        hint = "; the machine may be out of memory" if name == "SIGKILL" else ""
        return "crashed", f"its process was ended by {name}{hint}"
    return "crashed", f"its process ended with exit code {status} before it had finished"
