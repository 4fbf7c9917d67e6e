"""Shards of a corpus: files of text, of rows or of tokens, read only once they are known to be the ones meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.corpora.manifest import Shard, TokenType
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.json_reader import read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SURROGATE = re.compile("[\ud800-\udfff]")  # a pair of them is one character by now


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it stands in a shard: the shard's path, the line from 1, and the JSON object."""

    path: str
    line: int
    values: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where the row is, for messages."""
        return f"{self.path} line {self.line}"


def opened_shard(folder: Path, shard: Shard) -> SourceFile:
    """The file of a shard, its size and then its sha256 checked. Raises ArtifactError (unsound)."""
    source = SourceFile(folder / shard.path, shard.path)
    if source.size != shard.bytes:
        raise _unsound(source, f"has {source.size} bytes", f"{shard.bytes}, as the manifest says")
    if source.sha256() != shard.sha256:
        raise _unsound(source, f"has the sha256 {source.sha256()}", f"{shard.sha256}, as the manifest says")
    return source


def shard_text(folder: Path, shard: Shard) -> str:
    """The whole text of a shard. Raises ArtifactError (unsound)."""
    source = opened_shard(folder, shard)
    content = source.read(0, source.size)
    source.verify_unchanged()
    return content.decode("utf-8", "replace")


def shard_tokens(folder: Path, shard: Shard, dtype: TokenType) -> NDArray[Any]:
    """The token ids of a shard, mapped and not loaded; treat them as read-only. Raises ArtifactError (unsound)."""
    import numpy

    source = opened_shard(folder, shard)
    stored = numpy.dtype(dtype).newbyteorder("<")
    return numpy.frombuffer(source.view(0, source.size), stored) if source.size else numpy.zeros(0, stored)


def shard_texts(folder: Path, shard: Shard, field: str, limits: Limits) -> Iterator[str]:
    """The text of every row of a shard, line by line. Raises ArtifactError, which names the line."""
    for source, number, offset, row in _numbered_rows(folder, shard, limits):
        yield _text(source, number, offset, row, field)


def shard_records(folder: Path, shard: Shard, limits: Limits) -> Iterator[Record]:
    """Every row of a shard as it stands there, line by line. Raises ArtifactError, which names the line."""
    for source, number, offset, row in _numbered_rows(folder, shard, limits):
        if not isinstance(row, dict):
            raise _bad_row(source, number, offset, f"is {row!r:.80}", "a JSON object")
        yield Record(shard.path, number, row)


def _numbered_rows(folder: Path, shard: Shard, limits: Limits) -> Iterator[tuple[SourceFile, int, int, Any]]:
    """The open shard, and line from 1, offset and value of every row of it."""
    source = opened_shard(folder, shard)
    count = 0
    for offset, line in _lines(source, limits):
        count += 1
        try:
            row = read_json(line, source.path, limits=limits, kind="unsound", base_offset=offset)
        except ArtifactError as error:
            raise _bad_row(source, count, error.offset or offset, error.message) from error
        yield source, count, offset, row
    source.verify_unchanged()
    if count != shard.rows:
        raise _unsound(source, f"has {count} rows", f"{shard.rows}, as the manifest says")


def _lines(source: SourceFile, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Offset and content of every line; a last one without a line break is a line too."""
    offset, rest = 0, b""
    for block in source.blocks(0, source.size, limits.read_block_bytes):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
        if len(rest) > limits.corpus_row_bytes:
            message = f"a row is longer than {limits.corpus_row_bytes} bytes"
            raise ArtifactError(source.path, message, offset=offset, expected="one JSON object per line")
    if rest:
        yield offset, rest


def _text(source: SourceFile, number: int, offset: int, row: Any, field: str) -> str:
    text = row.get(field) if isinstance(row, dict) else None
    if not isinstance(text, str):
        found = f"{field} is {text!r:.80}" if isinstance(row, dict) else f"is {row!r:.80}"
        raise _bad_row(source, number, offset, found, f"an object with a text under {field}")
    if _SURROGATE.search(text):
        raise _bad_row(source, number, offset, f"{field} holds half of a surrogate pair, which is no character")
    return text


def _bad_row(source: SourceFile, number: int, offset: int, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(source.path, f"line {number}: {message}", offset=offset, expected=expected, kind="unsound")


def _unsound(source: SourceFile, message: str, expected: str) -> ArtifactError:
    return ArtifactError(source.path, message, expected=expected, kind="unsound")
