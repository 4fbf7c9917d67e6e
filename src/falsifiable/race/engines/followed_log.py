"""The log of a running run, read as it grows: its values by pattern, its configuration and its corpus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falsifiable.artifacts.runs.text_log import with_words_for_numbers
from falsifiable.race.deciding.plan import Log

VALUE, STEP, EVALUATION, NATS = "value", "step", "evaluation", "nats"
CONFIG, CORPUS, REPORTED, MALFORMED = "config", "corpus", "reported", "malformed"
MOST_LINE_BYTES = 1_000_000

_CONFIG = re.compile(r"config (\{.*\})")
_CORPUS = re.compile(
    r"corpus=(?P<name>\S+) train_sha256=(?P<train_sha256>[0-9a-f]{64}) "
    r"validation_sha256=(?P<validation_sha256>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One value as a run logged it.

    Attributes:
        step: the step it is of.
        value: the value.
        evaluation: the number of its evaluation, or of the step where the pattern has none.
        nats: the cross-entropy it was made of, None where the pattern has none.
        line: the line before it, in which it stands alone; "" where there is none.
    """

    step: int
    value: float
    evaluation: str
    nats: float | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """Something else that a run says: ``config`` (as it took effect), ``corpus``, ``reported``, ``malformed``."""

    kind: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class FollowedLog:
    """A log from its first byte on; ``read`` gives what is new since the last call.

    Args:
        path: the file; until it is there, nothing is new.
        said_in: how its lines are read. A value may also be ``nan`` or ``inf``: a run that diverges is not to fall
            silent.
    """

    path: Path
    said_in: Log
    _expression: re.Pattern[str] = field(init=False)
    _reported: re.Pattern[str] | None = field(init=False)
    _alone: str = ""
    _offset: int = 0
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self._expression = re.compile(with_words_for_numbers(self.said_in.pattern))
        reported = self.said_in.reported
        self._reported = None if reported is None else re.compile(with_words_for_numbers(reported))

    def read(self, *, to_end: bool = False) -> list[Logged | Said]:
        """What whole lines say that were written since the last call; ``to_end`` counts a cut last line as whole."""
        return [one for line in self._lines(to_end=to_end) if (one := self._said(line)) is not None]

    def _lines(self, *, to_end: bool) -> Iterator[str]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                block = file.read()
        except FileNotFoundError:
            return
        self._offset += len(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        if to_end or len(self._rest) > MOST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            yield line.rpartition(b"\r")[2].decode(errors="replace") if line else ""

    def _said(self, line: str) -> Logged | Said | None:
        if found := self._expression.search(line):
            alone, self._alone = self._alone, ""
            return _logged(found, line, alone)
        if self.said_in.metric is not None and line.startswith(self.said_in.metric):
            self._alone = line
            return None
        if self._reported is not None and (found := self._reported.search(line)):
            return Said(REPORTED, {VALUE: found[VALUE]})
        if found := _CONFIG.match(line):
            return _config(found[1])
        if found := _CORPUS.match(line):
            return Said(CORPUS, found.groupdict())
        return None


def _logged(found: re.Match[str], line: str, alone: str) -> Logged | Said:
    groups = found.groupdict()
    try:
        step = int(groups[STEP])
        nats = None if groups.get(NATS) is None else float(groups[NATS])
        return Logged(step, float(groups[VALUE]), groups.get(EVALUATION) or str(step), nats, alone)
    except (TypeError, ValueError) as error:
        return Said(MALFORMED, {"line": line[:200], "fault": str(error)})


def _config(text: str) -> Said:
    try:
        return Said(CONFIG, json.loads(text))
    except ValueError as error:
        return Said(MALFORMED, {"line": text[:200], "fault": f"no JSON object: {error}"})
