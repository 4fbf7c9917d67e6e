"""Tables: files of JSON objects (correction rows, manifests, schemas), each row with the line it begins in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import door, read_small_file
from falsifiable.artifacts.sources.json_reader import check_counts, read_json

TableFormat = Literal["jsonl", "array", "object"]

_SPACES = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: the line of the file it begins in, counted from 1, and the JSON object that stands there."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table:
    """A file of JSON objects: JSON Lines, one array of objects, or one object, which is a table of one row."""

    path: Path
    format: TableFormat
    rows: tuple[TableRow, ...]
    file_digests: Mapping[str, str]
    digest: str

    kind: ClassVar[str] = "table"

    def __repr__(self) -> str:
        return f"<Table {str(self.path)!r}, {len(self.rows)} rows, {self.digest}>"

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file that was read."""
        return (self.path,)

    def with_row(self, place: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Table:
        """The same with the row at ``place`` (from 0) replaced by what ``change`` makes of it. Raises IndexError."""
        row = self.rows[place]
        rows = (*self.rows[:place], TableRow(row.line, change(dict(row.values))), *self.rows[place + 1 :])
        return self._with(rows, f"row {place} changed")

    def without_row(self, place: int) -> Table:
        """The same without the row at ``place`` (from 0). Raises IndexError."""
        return self._with(tuple(one for one in self.rows if one is not self.rows[place]), f"without row {place}")

    def with_more(self, values: Mapping[str, Any]) -> Table:
        """The same with one row more at the end."""
        line = self.rows[-1].line + 1 if self.rows else 1
        return self._with((*self.rows, TableRow(line, values)), "with a row more")

    def rewritten(self) -> Table:
        """The same content in other bytes: the digest differs and nothing else."""
        return self._with(self.rows, "rewritten")

    def _with(self, rows: tuple[TableRow, ...], mutation: str) -> Table:
        return replace(self, rows=rows, digest=mutant_digest(self.digest, mutation))


@door
def open_table(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Table:
    """The table at ``path``: a file that begins with ``[`` is one array, one that is a single object is one row, and
    everything else is JSON Lines (blank lines count as lines and hold no row).

    Raises:
        ArtifactError: ``unreadable`` where there is no file or it is beyond the limits; ``unsound`` where a row is no
            JSON object, the message naming its line.
    """
    given = Path(path)
    source, content = read_small_file(given, limits.table_bytes)
    form, rows = _rows(content, given, limits)
    digests = {source.relative: source.sha256()}
    return Table(given, form, rows, MappingProxyType(digests), digest_of_files(given, digests))


def _rows(content: bytes, path: Path, limits: Limits) -> tuple[TableFormat, tuple[TableRow, ...]]:
    start = content.lstrip()[:1]
    if start == b"[":
        items = read_json(content, path, limits=limits, kind="unsound")
        _check_number(len(items), path, limits)
        lines = _lines_of_items(content.decode())
        return "array", tuple(_row(item, line, path) for item, line in zip(items, lines, strict=True))
    if start not in (b"{", b""):
        raise ArtifactError(path, f"begins with {start!r}, which is no JSON object", expected="{ or [")
    first, _, rest = content.lstrip().partition(b"\n")
    if rest.strip() and not _is_whole(first, path, limits):
        line = content[: len(content) - len(content.lstrip())].count(b"\n") + 1
        return "object", (_row(read_json(content, path, limits=limits, kind="unsound"), line, path),)
    check_counts(content.decode("utf-8", "replace"), path, limits)  # of the whole file, not of one line
    return "jsonl", tuple(_json_lines(content, path, limits))


def _is_whole(line: bytes, path: Path, limits: Limits) -> bool:
    """Whether a line is a JSON document by itself, so that what stands below it is another."""
    try:
        read_json(line, path, limits=limits)
    except ArtifactError:
        return False
    return True


def _json_lines(content: bytes, path: Path, limits: Limits) -> Iterator[TableRow]:
    offset, count = 0, 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            count += 1
            _check_number(count, path, limits)
            yield _row(_value(line, number, offset, path, limits), number, path)
        offset += len(line) + 1


def _value(line: bytes, number: int, offset: int, path: Path, limits: Limits) -> Any:
    try:
        return read_json(line, path, limits=limits, kind="unsound", base_offset=offset)
    except ArtifactError as error:
        said = f"line {number}: {error.message}"
        raise ArtifactError(path, said, offset=error.offset or offset, kind=error.kind) from error


def _row(value: Any, line: int, path: Path) -> TableRow:
    if not isinstance(value, dict):
        raise ArtifactError(path, f"line {line}: the row is {value!r:.80}", expected="a JSON object", kind="unsound")
    return TableRow(line, value)


def _check_number(count: int, path: Path, limits: Limits) -> None:
    if count > limits.table_rows:
        raise ArtifactError(path, f"more than {limits.table_rows} rows", expected=f"at most {limits.table_rows}")


def _lines_of_items(text: str) -> list[int]:
    """The line in which each item of the array begins; the text is known to be an array in JSON."""
    decoder, lines = json.JSONDecoder(), []
    place, line, counted = _after_spaces(text, text.index("[") + 1), 1, 0
    while text[place] != "]":
        line, counted = line + text.count("\n", counted, place), place
        lines.append(line)
        place = _after_spaces(text, decoder.raw_decode(text, place)[1])
        if text[place] == ",":
            place = _after_spaces(text, place + 1)
    return lines


def _after_spaces(text: str, place: int) -> int:
    found = _SPACES.match(text, place)
    return found.end() if found else place
