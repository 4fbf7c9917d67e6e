"""Plain training logs: the lines that a declared pattern finds, whatever else was printed between them."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.runs.metrics_log import MetricsLog, Row, check_step, fault_in_line, with_usual_names
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.contracts.log_pattern import PHASE, STEP, pattern_fault

# Colours and cursor movements (ECMA-48 control sequences), titles of the terminal, and two-character escapes.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NOT_A_NUMBER = r"(?i:[+-]?(?:nan|inf(?:inity)?)\b)"
_WORD = re.compile(_NOT_A_NUMBER.encode())
_MORE_OF_A_NUMBER = re.compile(rb"(?:[.,_]?\d+|[eE][+-]?\d+)+")
_SPLITS_AT_COMMAS = re.compile(r"\)(?:\\s[*+?]?| [*+?]?)?\\?,")
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def identity_of_pattern(pattern: str | None) -> dict[str, str]:
    """What a pattern adds to the digests of the files: the same log read otherwise is another run."""
    return {} if pattern is None else {"(pattern)": hashlib.sha256(pattern.encode()).hexdigest()}


@dataclass(frozen=True, slots=True)
class LogPattern:
    """A compiled pattern: column -> number of its group, the step first; and whether commas stand between columns."""

    expression: Any
    columns: Mapping[str, int]
    splits_at_commas: bool


def compiled_pattern(pattern: str, path: Path) -> LogPattern:
    """``pattern`` as the linear-time engine RE2 has it. Every number in it may also be a word such as ``nan``.

    Without that, a run that diverges would fall silent: ``nan`` fits no expression written for numbers.

    Raises:
        ArtifactError: ``unreadable``; it is no pattern of a log, RE2 refuses it, or RE2 is not installed.
    """
    if said := pattern_fault(pattern):
        raise ArtifactError(path, said, hint="Correct the pattern in artifacts.yaml")
    try:
        import re2
    except ImportError as fault:
        hint = "Install it with pip install 'falsifiable[logs]'"
        raise ArtifactError(path, "is read by a pattern, and google-re2 is not installed", hint=hint) from fault
    options = re2.Options()
    options.log_errors = False
    try:
        expression = re2.compile(with_words_for_numbers(pattern).encode(), options)
    except (re2.error, UnicodeEncodeError) as fault:
        said = fault.args[0].decode("utf-8", "replace") if isinstance(fault.args[0], bytes) else str(fault)
        raise ArtifactError(path, f"the engine RE2 refuses the pattern: {said}") from fault
    named = {name.decode(): number for name, number in expression.groupindex.items()}
    columns = dict(sorted(named.items(), key=lambda one: (one[0] != STEP, one[1])))
    return LogPattern(expression, columns, _SPLITS_AT_COMMAS.search(pattern) is not None)


def read_text_log(source: SourceFile, pattern: str, limits: Limits = DEFAULT_LIMITS) -> MetricsLog:
    """The rows of a plain log, one for each line that ``pattern`` finds; other lines are passed over.

    Of a line that a progress bar wrote over, the last state counts; colours are left out. A last line that no line
    break ends was cut: it is left out, and the log is torn.

    Raises:
        ArtifactError: of kind ``unsound`` for a number that is none (``nan``, ``1,23``, ``1e400``) and for a step that
            does not grow within its phase; the message names line and column. Of kind ``unreadable`` for a pattern that
            cannot be used, text that is not UTF-8, and a line or a number of rows beyond the limits.
    """
    reader = _LineReader(source, compiled_pattern(pattern, source.path), limits)
    rows: list[Row] = []
    last_steps: dict[object, tuple[int, int]] = {}
    torn = False
    for number, offset, line, is_whole in log_lines(source, limits):
        if not is_whole:
            torn = True
            break
        row = reader.row(number, offset, line)
        if row is None:
            continue
        if len(rows) == limits.metrics_rows:
            raise ArtifactError(source.path, f"more than {limits.metrics_rows} logged steps", offset=offset)
        check_step(source, number, offset, row, last_steps)
        rows.append(with_usual_names(row))
    source.verify_unchanged()
    return MetricsLog(tuple(rows), torn)


def rows_as_logged(source: SourceFile, pattern: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[int, Row]]:
    """Line and row of each line that ``pattern`` finds, whatever its step is; ``nan`` and ``inf`` are such floats.

    A curve that goes back, or diverges, must be seen to do so. The columns keep the names of their groups. A last line
    that no line break ends was cut, and is left out. Raises ArtifactError as :func:`read_text_log` does otherwise.
    """
    reader = _LineReader(source, compiled_pattern(pattern, source.path), limits, takes_words=True)
    for number, offset, line, is_whole in log_lines(source, limits):
        row = reader.row(number, offset, line) if is_whole else None
        if row is not None:
            yield number, row
    source.verify_unchanged()


@dataclass(frozen=True, slots=True)
class _LineReader:
    """Makes a row of one line; ``takes_words`` says that a number may be ``nan`` or ``inf``."""

    source: SourceFile
    pattern: LogPattern
    limits: Limits
    takes_words: bool = False

    def row(self, number: int, offset: int, line: bytes) -> dict[str, Any] | None:
        """What the pattern finds in the line, or None where it finds nothing."""
        line = plain_line(self.source, number, offset, line)
        match = self.pattern.expression.search(line)
        if match is None:
            return None
        row: dict[str, Any] = {}
        for name, group in self.pattern.columns.items():
            begin, end = match.span(group)
            if begin < 0:
                continue
            try:
                row[name] = line[begin:end].decode() if name == PHASE else self._number(name, line, begin, end)
            except _NotANumberError as fault:
                raise fault_in_line(self.source, number, offset, f"{_step_of(row)}{fault}") from None
        return row

    def _number(self, name: str, line: bytes, begin: int, end: int) -> int | float:
        """The number that a group holds, which must be all of the number that the line holds there."""
        text = line[begin:end]
        more = _MORE_OF_A_NUMBER.match(line, end)
        if more is not None and not (self.pattern.splits_at_commas and line[end : end + 1] == b","):
            raise _NotANumberError(name, line[begin : more.end()])
        if begin and line[begin - 1 : begin].isdigit() and text[:1].isdigit():
            raise ArtifactError(
                self.source.path,
                f"the pattern takes {text.decode()!r} for {name}, the end of a longer number, in {line[:80]!r}",
                hint="Let what stands before the group end in something other than digits",
            )
        if self.takes_words and name != STEP and _WORD.fullmatch(text):
            return float(text)
        if len(text) > self.limits.json_number_characters or not NUMBER.fullmatch(text):
            raise _NotANumberError(name, text)
        if name == STEP and text.isdigit():
            return int(text)
        value = float(text)
        if not math.isfinite(value):
            raise _NotANumberError(name, text)
        return value


class _NotANumberError(ValueError):
    """A column of a line holds something other than a finite number."""

    def __init__(self, name: str, text: bytes) -> None:
        super().__init__(f"{name} is {text.decode('utf-8', 'replace'):.60}, not a finite number")


def _step_of(row: Mapping[str, Any]) -> str:
    return f"step {row[STEP]}: " if STEP in row else ""


def plain_line(source: SourceFile, number: int, offset: int, line: bytes) -> bytes:
    """A line of a log without its colours. Raises ArtifactError (unreadable) for what is not UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError as fault:
        encoding = _OTHER_ENCODINGS.get(line[:2], "not UTF-8") if number == 1 else "not UTF-8"
        raise ArtifactError(
            source.path, f"line {number}: {encoding}", offset=offset + fault.start, expected="a log in UTF-8"
        ) from fault
    return _ESCAPES.sub(b"", line)


def log_lines(source: SourceFile, limits: Limits) -> Iterator[tuple[int, int, bytes, bool]]:
    """Number from 1, offset and content of every line that is not blank, and whether a line break ends it.

    What a carriage return wrote over is dropped as it is read, so that a progress bar of any length is held in part.
    """
    number, offset, rest = 1, 0, b""
    for block in source.blocks(0, source.size, limits.read_block_bytes):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            start, shown = _last_state(line.rstrip(b"\r"))
            if shown.strip():
                yield number, offset + start, _without_mark(shown, offset + start), True
            number, offset = number + 1, offset + len(line) + 1
        start, rest = _last_state(rest)
        offset += start
        if len(rest) > limits.metrics_line_bytes:
            message = f"line {number} is longer than {limits.metrics_line_bytes} bytes"
            raise ArtifactError(source.path, message, offset=offset, expected="a log in lines")
    if rest.strip():
        yield number, offset, rest, False


def _last_state(line: bytes) -> tuple[int, bytes]:
    """Where the last state of a line begins, and that state; a carriage return at its end may belong to a line break.

    A state of nothing but blanks, which clears the line, is a state.
    """
    start = line.rfind(b"\r", 0, max(len(line) - 1, 0)) + 1
    return start, line[start:]


def _without_mark(line: bytes, offset: int) -> bytes:
    return line.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else line


def with_words_for_numbers(pattern: str) -> str:
    """``pattern`` whose groups of numbers also match ``nan`` and ``inf``."""
    parts, place = [], 0
    for found in re.finditer(r"\(\?P<(\w+)>", pattern):
        if found[1] in (STEP, PHASE) or found.start() < place:
            continue
        end = _end_of_group(pattern, found.end())
        parts += [pattern[place : found.end()], f"{_NOT_A_NUMBER}|(?:{pattern[found.end() : end]})"]
        place = end
    return "".join([*parts, pattern[place:]])


def _end_of_group(pattern: str, start: int) -> int:
    """The place of the bracket that closes the group whose content begins at ``start``."""
    depth, place = 1, start
    while place < len(pattern):
        sign = pattern[place]
        if sign == "\\":
            place += 1
        elif sign == "[":
            place = _end_of_class(pattern, place)
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return place
        place += 1
    return len(pattern)


def _end_of_class(pattern: str, start: int) -> int:
    """The place of the bracket that closes the character class at ``start``; first in a class, ``]`` is a letter."""
    place = start + (2 if pattern[start + 1 : start + 2] == "^" else 1)
    place += pattern[place : place + 1] == "]"
    while place < len(pattern) and pattern[place] != "]":
        place += 2 if pattern[place] == "\\" else 1
    return place
