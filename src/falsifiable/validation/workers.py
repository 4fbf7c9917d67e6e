"""Running jobs in worker processes, several at a time, each within its limits.

A worker that crashes, hangs or is killed costs its own verdict and nothing else. One fork server is kept per set of
imports (see :mod:`falsifiable.validation.fork_server`); a job goes to the largest set that holds its imports.
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

from falsifiable.validation.catalogue import same_imports
from falsifiable.validation.fork_server import A_JOB
from falsifiable.validation.results import Cause

SERVER_START_SECONDS = 300
"""What importing torch may take where a machine is cold, busy or stalls."""
MAX_MESSAGE_BYTES = 1 << 16
_ENVIRONMENT = {
    # torch.cuda.is_available() then asks the driver's library, which leaves forked processes able to use CUDA.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # Threads of several workers that wait for one another on the same cores sleep; by default they spin, and two
    # workers of torch on two cores take more than twice as long.
    "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One falsifier to judge: ``message`` is what the worker reads, ``imports`` what its fork server has loaded.

    The rest is for an executor with several machines: which ``files`` (absolute path -> sha256, "" where only the
    planner's own file will do) and ``folders`` (path -> digest of the listing) have to be there, whether it can only be
    judged ``here``, by which code (``source_digest``), and with what ``resources``.
    """

    id: str
    imports: tuple[str, ...]
    message: Mapping[str, Any]
    seconds: float
    memory_bytes: int
    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    here: bool = False
    source_digest: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)


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
                [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), *imports],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else None,
                stderr=subprocess.DEVNULL if quiet else None,
                start_new_session=True,
                env={**os.environ, **same_imports(), "TMPDIR": folder, **_ENVIRONMENT},
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


class ForkServers:
    """The fork servers of one or several rounds of jobs: started when first needed, stopped at the end."""

    def __init__(self, *, quiet: bool = True) -> None:
        self._quiet = quiet
        self._running: dict[tuple[str, ...], _Server] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> ForkServers:
        # Workers may be killed at any moment; what they leave in their temporary folder goes with it.
        self._folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="falsifiable-"))
        self.selector = self._open.enter_context(selectors.DefaultSelector())
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._running.values():
            server.control.close()  # all end at once: one that has loaded torch takes a while
        for server in self._running.values():
            server.stop()
        self._running.clear()
        self._open.close()

    def sets_for(self, jobs: Sequence[Job]) -> dict[tuple[str, ...], tuple[str, ...]]:
        """For each set of imports asked for, the largest asked for or running that holds it; none stays none."""
        asked = {job.imports for job in jobs}
        servers = sorted(asked | self._running.keys(), key=len, reverse=True)
        return {
            one: next((other for other in servers if one and set(one) <= set(other)), one)
            for one in asked
        }  # fmt: skip

    def server(self, imports: tuple[str, ...]) -> _Server:
        """The server that has loaded exactly these imports."""
        if imports not in self._running:
            self._running[imports] = _Server.start(imports, self._folder, quiet=self._quiet)
            self.selector.register(self._running[imports].control, selectors.EVENT_READ, self._running[imports])
        return self._running[imports]

    def forget(self, server: _Server) -> None:
        """Let the next job that needs these imports start another: this one has hung up.

        One that could not import them says so to every job.
        """
        self.selector.unregister(server.control)
        if not server.failed:
            self._running.pop(server.imports, None)
            server.stop()


def run_jobs(jobs: Sequence[Job], servers: ForkServers, *, at_once: int | None = None) -> Iterator[Job | Outcome]:
    """Run ``jobs``; yields each job when it starts and its outcome when it has ended, in any order.

    Closing the iterator (an interrupt) kills whatever still runs, with all processes it started.
    """
    waiting = list(reversed(jobs))
    sets = servers.sets_for(jobs)
    room = at_once or os.cpu_count() or 1
    active: list[_Running] = []
    try:
        while waiting or active:
            while waiting and len(active) < room:
                job = waiting.pop()
                active.append(_start(job, servers.server(sets[job.imports]), servers.selector))
                yield job
            _wait(servers, active)
            for running in [one for one in active if _is_over(one)]:
                active.remove(running)
                running.server.running.pop(running.job.id, None)
                yield _outcome(running)
    finally:
        for running in active:
            _kill(running)


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


def _wait(servers: ForkServers, active: list[_Running]) -> None:
    """Handle what arrives until something changes or the nearest deadline passes."""
    now = time.monotonic()
    nearest = min((running.began + _allowed(running) for running in active), default=now)
    for key, _ in servers.selector.select(timeout=max(0.0, min(nearest - now, 1.0))):
        if isinstance(key.data, _Running):
            _read_results(key.data, servers.selector)
        else:
            _read_control(key.data, servers)
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


def _read_control(server: _Server, servers: ForkServers) -> None:
    try:
        received = server.control.recv(MAX_MESSAGE_BYTES)
    except ConnectionResetError:
        return  # it ended without reading all jobs; what it said before comes next, then the end
    if not received:
        servers.forget(server)
        for running in server.running.values():
            if running.ended is None:
                _kill(running)  # nobody is left who would tell of its end
                running.ended = -signal.SIGKILL
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
