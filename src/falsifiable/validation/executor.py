"""Who runs jobs: the narrow interface between the engine and the machines, and the executor of this machine.

The engine hands an executor jobs and hears of each when it starts and what came of it. Everything else (what is
planned, what is already known, what a verdict means, what is remembered) is the engine's, so that a plan gives the same
results wherever it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from falsifiable.validation.workers import ForkServers, Job, Outcome, run_jobs


@dataclass(frozen=True, slots=True)
class Lost:
    """A job that went down with whatever ran it, before it had said anything, and is run again; ``said`` says why."""

    job: Job
    said: str


class ExecutorError(Exception):
    """The machines cannot be reached; the message says which were asked, and what to do."""


class Executor(Protocol):
    """Runs jobs. It is entered before the first round and left after the last.

    A job handed in has exactly one :class:`Outcome`, whatever happens to the machines. A round whose iterator is closed
    early leaves nothing running.
    """

    def __enter__(self) -> Self:
        """Make ready. Raises ExecutorError."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave nothing running."""
        ...

    def run(self, jobs: Sequence[Job], *, at_once: int | None = None) -> Iterator[Job | Lost | Outcome]:
        """Each job when it starts, whatever is lost on the way, and its outcome when it has ended, in any order.

        At most ``at_once`` run on any one machine.
        """
        ...


class LocalExecutor:
    """Processes of this machine, by one fork server per set of imports.

    Who validates several times enters it around all of them: its servers stay until it has been left as often as it was
    entered, so that libraries are imported once.
    """

    def __init__(self, *, quiet: bool = True) -> None:
        self._servers = ForkServers(quiet=quiet)
        self._entered = 0

    def __enter__(self) -> Self:
        if not self._entered:
            self._servers.__enter__()
        self._entered += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._entered -= 1
        if not self._entered:
            self._servers.__exit__(kind, error, trace)

    def run(self, jobs: Sequence[Job], *, at_once: int | None = None) -> Iterator[Job | Outcome]:
        """Run ``jobs``, ``at_once`` of them or one per core at a time."""
        return run_jobs(jobs, self._servers, at_once=at_once)
