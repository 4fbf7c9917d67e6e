"""One run of a race as a trainable of Ray Tune: the same process with the same log as on the local engine.

A result is one new evaluation, with every line that the process wrote since the last. Pausing ends the process, since
its memory cannot move to another node; restored, it is trained again from its first step, and what it repeats is handed
in with the next new evaluation, so that the ledger can tell whether it repeated it exactly.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from falsifiable.race.deciding.plan import Log
from falsifiable.race.engines.followed_log import FollowedLog, Logged, Said
from falsifiable.race.engines.processes import LOG_FILE, RunProcess
from falsifiable.race.engines.run_limits import RunLimits

STATE_FILE = "reported.json"
_TICK_SECONDS = 0.02


class RunTrainable(Trainable):  # type: ignore[misc]
    """A run: ``setup`` starts its process, every ``step`` waits for its next evaluation.

    Its configuration holds, beside what the scheduler reads, ``about``: run -> command, folder, directory, log,
    steps and limits.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Start the process."""
        self._about: Mapping[str, Any] = config["about"][config["run"]]
        folder = Path(self._about["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / LOG_FILE
        attempts = sum(1 for _ in folder.glob("log.*.txt"))
        if log.exists():
            log.rename(folder / f"log.{attempts + 1}.txt")
            attempts += 1
        self._attempt = attempts + 1
        self._reported, self._earlier_seconds = 0, 0.0
        self._new: deque[Logged | Said] = deque()
        self._log = FollowedLog(log, Log(**self._about["log"]))
        self._process = RunProcess(self._about["command"], folder, directory=Path(self._about["directory"]))

    def step(self) -> dict[str, Any]:
        """The next evaluation that was not reported yet; ``done`` with the last one, or at the end of the process."""
        lines: list[Mapping[str, Any]] = []
        while (one := self._next()) is not None:
            lines.append(as_line(one))
            if isinstance(one, Logged) and one.step > self._reported:
                self._reported = one.step
                if one.step < self._about["steps"]:
                    return self._result(lines) | {"step": one.step, "value": one.value}
        last = {"step": self._reported, "value": _last_value(lines)} if any("value" in line for line in lines) else {}
        return self._result(lines) | last | {"done": True, "exit_code": self._process.code, "fault": self._fault()}

    def _next(self) -> Logged | Said | None:
        """The next line; None once the process has ended and everything it wrote was handed in."""
        while not self._new:
            code = self._process.code
            self._new.extend(self._log.read(to_end=code is not None))
            if not self._new and code is not None:
                return None
            if self._fault():
                self.cleanup()
            time.sleep(_TICK_SECONDS)
        return self._new.popleft()

    def _fault(self) -> str:
        limits: RunLimits = self._about["limits"]
        return limits.exceeded(self._process.seconds, self._reported)

    def _result(self, lines: list[Mapping[str, Any]]) -> dict[str, Any]:
        seconds = self._earlier_seconds + self._process.seconds
        return {"lines": lines, "seconds": seconds, "attempt": self._attempt, "pid": self._process.pid}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """How far it was reported: all that another process needs to know, which starts from the first step."""
        state = {"reported": self._reported, "seconds": self._earlier_seconds + self._process.seconds}
        (Path(checkpoint_dir) / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")

    def load_checkpoint(self, checkpoint: str) -> None:
        """Report only what comes after the last report."""
        state = json.loads((Path(checkpoint) / STATE_FILE).read_text(encoding="utf-8"))
        self._reported, self._earlier_seconds = state["reported"], state["seconds"]

    def cleanup(self) -> None:
        """End the process gracefully, and whatever it left behind."""
        self._process.ask_to_end()
        while self._process.code is None and not self._process.end_if_overdue(self._about["limits"].grace):
            time.sleep(_TICK_SECONDS)
        self._process.clear()
        self._process.wait()


def as_line(one: Logged | Said) -> Mapping[str, Any]:
    """What a process wrote, as JSON values."""
    return asdict(one)


def from_line(line: Mapping[str, Any]) -> Logged | Said:
    """The inverse of :func:`as_line`."""
    return Logged(**line) if "value" in line else Said(**line)


def _last_value(lines: list[Mapping[str, Any]]) -> float:
    return float([line["value"] for line in lines if "value" in line][-1])
