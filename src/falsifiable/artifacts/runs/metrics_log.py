"""``metrics.jsonl``: one JSON object per logged step, read line by line however large the file is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.json_reader import read_json

Row = Mapping[str, Any]

_NOT_A_NUMBER = re.compile(rb'"([^"\\]*)"\s*:\s*(-?(?:NaN|Infinity)|\d+,\d)')


# What other trainers call the losses that this project's falsifiers and contracts know by one name.
_USUAL_NAMES = {"loss": "train_loss", "eval_loss": "val_loss"}


@dataclass(frozen=True, slots=True)
class MetricsLog:
    """The rows of a log in order. ``torn`` says that the last line was cut, as a killed run leaves it, and left out."""

    rows: tuple[Row, ...] = ()
    torn: bool = False


def read_metrics(source: SourceFile, limits: Limits = DEFAULT_LIMITS) -> MetricsLog:
    """The rows of a log.

    Raises:
        ArtifactError: of kind ``unsound`` for a line that is no JSON object, a value that is no JSON number (NaN,
            Infinity, ``1e400``), a step that is missing or does not grow within its phase; the message names the line.
            Of kind ``unreadable`` where a line or the number of lines is beyond the limits.
    """
    rows: list[Row] = []
    last_steps: dict[object, tuple[int, int]] = {}
    for number, offset, line, is_whole in _lines(source, limits):
        try:
            row = _row(source, number, offset, line, limits)
        except ArtifactError:
            if not is_whole:
                return MetricsLog(tuple(rows), torn=True)
            raise
        if len(rows) == limits.metrics_rows:
            raise ArtifactError(source.path, f"more than {limits.metrics_rows} lines", offset=offset)
        check_step(source, number, offset, row, last_steps)
        rows.append(row)
    source.verify_unchanged()
    return MetricsLog(tuple(rows))


def with_usual_names(row: Row) -> Row:
    """``row`` with its losses also under their usual names, ``train_loss`` and ``val_loss``; stored names stay."""
    usual = {name: row[stored] for stored, name in _USUAL_NAMES.items() if stored in row and name not in row}
    return {**row, **usual}


def _lines(source: SourceFile, limits: Limits) -> Iterator[tuple[int, int, bytes, bool]]:
    """Number from 1, offset and content of every line that is not blank, and whether a line break ends it."""
    number, offset, rest = 1, 0, b""
    for block in source.blocks(0, source.size, limits.read_block_bytes):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                yield number, offset, line, True
            number, offset = number + 1, offset + len(line) + 1
        if len(rest) > limits.metrics_line_bytes:
            raise ArtifactError(
                source.path,
                f"line {number} is longer than {limits.metrics_line_bytes} bytes",
                offset=offset,
                expected="one JSON object per line",
            )
    if rest.strip():
        yield number, offset, rest, False


def _row(source: SourceFile, number: int, offset: int, line: bytes, limits: Limits) -> Row:
    try:
        row = read_json(line, source.path, limits=limits, kind="unsound", base_offset=offset)
    except ArtifactError as error:
        found = _NOT_A_NUMBER.search(line)
        said = f"{found[1].decode('utf-8', 'replace')} is {found[2].decode()}, not a number" if found else error.message
        raise fault_in_line(source, number, error.offset or offset, said) from error
    if not isinstance(row, dict):
        raise fault_in_line(source, number, offset, f"is {row!s:.40}", "a JSON object")
    for name, value in row.items():
        if isinstance(value, dict | list):
            raise fault_in_line(source, number, offset, f"{name} is a list or an object", "a number or a text")
    return row


def check_step(
    source: SourceFile, number: int, offset: int, row: Row, last_steps: dict[object, tuple[int, int]]
) -> None:
    """Note the step of a row in ``last_steps``. Raises ArtifactError (unsound) where it does not grow in its phase."""
    step, phase = row.get("step"), row.get("phase")
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        raise fault_in_line(source, number, offset, f"step is {step!r}", "a whole number of at least 0")
    last_step, last_line = last_steps.get(phase, (-1, 0))
    if step <= last_step:
        said = f"step {step} comes after step {last_step} (line {last_line})" + (f" of {phase}" if phase else "")
        raise fault_in_line(source, number, offset, said, "steps that grow, from one run only")
    last_steps[phase] = (step, number)


def fault_in_line(
    source: SourceFile, number: int, offset: int, message: str, expected: str | None = None
) -> ArtifactError:
    """A log breaks its own rules in the line ``number``."""
    return ArtifactError(source.path, f"line {number}: {message}", offset=offset, expected=expected, kind="unsound")
