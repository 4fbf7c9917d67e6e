"""What ``mlx_lm.lora`` prints while it trains: read without a pattern, because the trainer's own lines are known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.runs.metrics_log import MetricsLog, Row, fault_in_line, with_usual_names
from falsifiable.artifacts.runs.text_log import NUMBER, log_lines, plain_line
from falsifiable.artifacts.sources.files import SourceFile

PHASE = "train"
TRAINER = "mlx-lm"

_BEGINS = re.compile(rb"(?:Iter \d{1,18}: (?:Train loss |Val loss |Saved )|Starting training\.\.\., iters: \d)")
_LINE_BEGINS = re.compile(rb"(?:\A|[\r\n])(?:\x1b\[[0-9;]*[A-Za-z])*" + _BEGINS.pattern)
_RECORD_BEGINS = re.compile(rb"(?:\A|\n)run_record:")
_ITERATION = re.compile(rb"Iter (\d{1,18}): ")
_PLANNED = re.compile(rb"Starting training\.\.\., iters: (\d{1,18})\s*$")
_SAVED = b"Saved adapter weights to "
_ENDED = (b"Saved final weights to ", b"Saved final adapter weights to ")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf)")


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A number as the trainer prints it: its name here, the unit behind it, and what it is multiplied by."""

    name: str
    unit: bytes = b""
    times: float = 1


# In the order in which the trainer prints them; what is not named here (other versions print more) is passed over.
_QUANTITIES: Mapping[bytes, _Quantity] = {
    b"Train loss": _Quantity("loss"),
    b"Learning Rate": _Quantity("lr"),
    b"It/sec": _Quantity("steps_per_second"),
    b"Tokens/sec": _Quantity("tokens_per_second"),
    b"Trained Tokens": _Quantity("trained_tokens"),
    b"Peak mem": _Quantity("peak_memory_bytes", b"GB", 1e9),
    b"Val loss": _Quantity("val_loss"),
    b"Val took": _Quantity("val_seconds", b"s"),
}


def is_mlx_log(path: Path, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether a line of MLX-LM's trainer stands in the beginning of the file at ``path``, which no record is.

    What cannot be opened is none; whoever opens it says why.
    """
    try:
        source = SourceFile(path)
        start = source.read(0, min(source.size, limits.read_block_bytes))
    except (ArtifactError, OSError):
        return False
    return _LINE_BEGINS.search(start) is not None and _RECORD_BEGINS.search(start) is None


def read_mlx_log(source: SourceFile, limits: Limits = DEFAULT_LIMITS) -> tuple[dict[str, Any], MetricsLog]:
    """What the log states, and its rows: one per iteration that it reports on, of the phase ``train``.

    A row holds ``loss`` (the mean since the report before), ``lr``, ``tokens_per_second`` and ``val_loss`` where they
    were printed; a loss that became nan is the text ``nan``, as in a log of our own. The record holds ``steps``, the
    ``checkpoints`` that were saved on the way, and ``end_reason`` where the trainer says that it saved the final
    weights. A last line that no line break ends was cut: it is left out, and the log is torn.

    Raises:
        ArtifactError: of kind ``unsound`` for a number that is none, an iteration that goes back, and two values of one
            quantity at one iteration; the message names the line. Of kind ``unreadable`` for text that is not UTF-8,
            and a line or a number of rows beyond the limits.
    """
    log = _Log(source, limits)
    torn = False
    for number, offset, line, is_whole in log_lines(source, limits):
        if not is_whole:
            torn = True
            break
        log.read(_Line(source, number, offset, plain_line(source, number, offset, line).strip()))
    source.verify_unchanged()
    rows = (with_usual_names({"phase": PHASE, "step": step, **values}) for step, values in log.rows.items())
    return log.record(), MetricsLog(tuple(rows), torn)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the log without colours, and where it stands."""

    source: SourceFile
    number: int
    offset: int
    text: bytes

    def fault(self, message: str, expected: str | None = None) -> ArtifactError:
        """This line breaks the rules of the log."""
        return fault_in_line(self.source, self.number, self.offset, message, expected)


@dataclass(slots=True)
class _Log:
    """What has been read so far."""

    source: SourceFile
    limits: Limits
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    saves: list[dict[str, Any]] = field(default_factory=list)
    planned: int | None = None
    last: int = 0
    final: str | None = None

    def read(self, line: _Line) -> None:
        """Take in one line; whatever else was printed is passed over."""
        if found := _PLANNED.match(line.text):
            if self.planned is not None:
                raise line.fault("the training starts a second time", "the log of one run only")
            self.planned = int(found[1])
        elif line.text.startswith(_ENDED):
            self.final = _path(line.text[line.text.index(b" to ") + 4 :])
        elif found := _ITERATION.match(line.text):
            self._read_iteration(line, int(found[1]), line.text[found.end() :])

    def record(self) -> dict[str, Any]:
        """What the log says beside its rows, under the names of a run record."""
        ended = {} if self.final is None else {"end_reason": "completed", "final_weights": self.final}
        done = self.planned if ended and self.planned is not None else self.last
        steps = {"planned": self.planned, "done": done}
        return {"trainer": TRAINER, "steps": steps, "checkpoints": self.saves, **ended}

    def _read_iteration(self, line: _Line, step: int, said: bytes) -> None:
        if said.startswith(_SAVED):
            self._check_order(line, step)
            if len(self.saves) == self.limits.metrics_rows:
                raise ArtifactError(self.source.path, f"more than {self.limits.metrics_rows} saves", offset=line.offset)
            latest, both, numbered = said.removeprefix(_SAVED).rpartition(b" and ")
            self.saves.append({"step": step, "path": _path(numbered if both else latest or numbered)})
        elif values := self._quantities(line, step, said):
            self._check_order(line, step)
            self._add(line, step, values)

    def _quantities(self, line: _Line, step: int, said: bytes) -> dict[str, float | str]:
        values: dict[str, float | str] = {}
        for part in said.split(b", "):
            name, quantity = next(((n, q) for n, q in _QUANTITIES.items() if part.startswith(n + b" ")), (b"", None))
            if quantity is not None:
                text = part[len(name) :].removesuffix(quantity.unit).strip()
                values[quantity.name] = self._value(line, step, quantity, text)
        return values

    def _value(self, line: _Line, step: int, quantity: _Quantity, text: bytes) -> float | str:
        if _NOT_FINITE.fullmatch(text):
            return text.decode().removeprefix("+")
        if len(text) > self.limits.json_number_characters or not NUMBER.fullmatch(text):
            shown = text.decode("utf-8", "replace")
            raise line.fault(f"iteration {step}: {quantity.name} is {shown:.60}, not a number")
        if text.isdigit() and quantity.times == 1:
            return int(text)
        value = float(text) * quantity.times
        if not math.isfinite(value):
            raise line.fault(f"iteration {step}: {quantity.name} is {text.decode()}, beyond the range of numbers")
        return value

    def _check_order(self, line: _Line, step: int) -> None:
        if step < self.last:
            raise line.fault(f"iteration {step} comes after iteration {self.last}", "iterations of one run only")
        self.last = step

    def _add(self, line: _Line, step: int, values: Row) -> None:
        """The validation and the training loss of one iteration are lines of their own, and one row here."""
        if step not in self.rows and len(self.rows) == self.limits.metrics_rows:
            message = f"more than {self.limits.metrics_rows} logged steps"
            raise ArtifactError(self.source.path, message, offset=line.offset)
        row = self.rows.setdefault(step, {})
        if twice := sorted(row.keys() & values.keys()):
            raise line.fault(f"{twice[0]} of iteration {step} stands twice", "the log of one run only")
        row.update(values)


def _path(text: bytes) -> str:
    """The path at the end of a sentence."""
    return text.removesuffix(b".").decode()
