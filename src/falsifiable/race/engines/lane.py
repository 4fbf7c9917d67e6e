"""One run of a race as the local engine sees it: its claim, its process, its log, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from falsifiable.artifacts.races.rows import Status
from falsifiable.race.deciding.plan import Log
from falsifiable.race.engines.followed_log import FollowedLog
from falsifiable.race.engines.processes import LOG_FILE, RunProcess
from falsifiable.race.ledger.entrants import Entrant

Standing = Literal["waiting", "running", "held", "ending"] | Status


@dataclass(slots=True)
class Lane:
    """A run from its claim to its end.

    Attributes:
        name: the canon name that the ledger knows it by.
        recorded: step -> value of every sample in the ledger, by this attempt or an earlier one.
        evaluations: ids of the distinct evaluations.
        base_seconds: wall clock of earlier attempts, which a crash of the runner ended.
        attempt: how many times it was started, in this folder.
        process, log: of this attempt, None until it started.
        has_started, echoed: what the ledger already holds of it, by this attempt or an earlier one.
        effective, corpus: what the run said of itself.
        reported: what it says its result is, None where it said nothing.
        reason: why it is ending or has ended.
        failed: whether that is a fault.
        result: how it ended, None while it has not.
    """

    name: str
    entrant: Entrant
    folder: Path
    recorded: dict[int, float] = field(default_factory=dict)
    evaluations: dict[int, str] = field(default_factory=dict)
    base_seconds: float = 0.0
    attempt: int = 1
    process: RunProcess | None = None
    log: FollowedLog | None = None
    has_started: bool = False
    echoed: bool = False
    effective: Mapping[str, Any] | None = None
    corpus: Mapping[str, str] | None = None
    reported: float | None = None
    reason: str = ""
    failed: bool = False
    result: Status | None = None

    @property
    def standing(self) -> Standing:
        """Where it is between its claim and its end."""
        if self.result is not None:
            return self.result
        if self.process is None:
            return "waiting"
        if self.is_ending:
            return "ending"
        return "held" if self.process.is_held else "running"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.result is not None

    @property
    def seconds(self) -> float:
        """Wall clock that it computed, over all attempts and without the time that it was held."""
        return self.base_seconds + (self.process.seconds if self.process is not None else 0.0)

    @property
    def last_step(self) -> int:
        """The last step with a value in the ledger, 0 before the first."""
        return max(self.recorded, default=0)

    @property
    def value(self) -> float | None:
        """Its last value, None before the first."""
        return self.recorded[self.last_step] if self.recorded else None

    def start(self, command: tuple[str, ...], said_in: Log) -> int:
        """Start its process; the process id. The log of an earlier attempt is kept under its number."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / LOG_FILE
        if log.exists():
            log.rename(self.folder / f"log.{self._attempts_kept + 1}.txt")
        self.attempt = self._attempts_kept + 1
        self.log = FollowedLog(self.folder / said_in.file if said_in.file else log, said_in)
        self.process = RunProcess(command, self.folder)
        return self.process.pid

    @property
    def _attempts_kept(self) -> int:
        return sum(1 for _ in self.folder.glob("log.*.txt"))

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return bool(self.reason)

    def end(self, reason: str, *, failed: bool) -> None:
        """Tell it to end, for a reason; the first reason stays.

        What has ended by itself cannot be stopped any more, though it can turn out to have failed.
        """
        ended = self.process is not None and self.process.code is not None
        if self.has_ended or self.is_ending or (ended and not failed):
            return
        self.reason, self.failed = reason, failed
        if self.process is not None:
            self.process.ask_to_end()
