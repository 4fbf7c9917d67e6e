"""What a corpus manifest states: its splits, the files or the shards of each, and what its rows came from, by sha256.

A manifest of conversations for a fine-tune, as ``examples/adapter`` writes it::

    {"corpus_manifest": 1,
     "name": "corrections",
     "sources": {"replay-0001": {"path": "sources/replay-0001.json", "sha256": "9f86..."}},
     "splits": {
       "train": {"format": "chat", "kind": "partial-real", "sha256": "...", "tokens": 8122, "real_share": 0.75,
                 "shards": [{"path": "train.jsonl", "sha256": "...", "bytes": 40213, "rows": 16}]},
       "valid": {...}}}

Every line of a shard of the format ``chat`` is one row::

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}],
     "kind": "real", "source": "replay-0001"}

``kind`` is ``real`` for a row made from something that really happened, whose ``source`` is then the id of it under
``sources``, and ``synthetic`` for a row that was made up, which needs none. The ``kind`` of a split is ``synthetic``
(none of its rows is real), ``partial-real`` (some are) or ``real`` (all are). A trainer refuses rows of another shape,
such as ``{"text": ...}``: so does ``corpus.chat-format``, and the reader hands on whatever objects it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.confinement import confined_path
from falsifiable.artifacts.sources.files import folder_digest

SplitFormat = Literal["text", "jsonl", "tokens", "chat"]
SplitKind = Literal["synthetic", "partial-real", "real"]
TokenType = Literal["uint16", "uint32"]

TOKEN_BYTES = {"uint16": 2, "uint32": 4}

_SHA256 = re.compile(r"[0-9a-f]{64}")
SPLIT_KINDS: tuple[SplitKind, ...] = get_args(SplitKind)
_COUNTED = {
    "jsonl": "rows",
    "chat": "rows",
    "tokens": "tokens",
}  # what a shard of each format states how many it holds of


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One file of a split: its path in the source the corpus was made from, sha256 and size in bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of a split that is kept in several: relative path, sha256, size in bytes, and how much it holds."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """One split. ``sha256`` is over the sorted lines ``sha256  path`` of its files.

    ``path`` (its files one after the other) and ``tokens_path`` (raw little-endian unsigned integers) are relative to
    the manifest's folder, or None where the split was not kept. ``real_share`` is the share of rows nobody made up.

    A split may be kept in ``shards`` instead, which then are its files, one after the other in this order: of text; of
    rows, a JSON object per line with the text under ``text_field``; of conversations, a JSON object per line with
    ``messages``; or of tokens, little-endian integers of ``dtype``. ``kind`` says how much of it is real.
    """

    name: str
    sha256: str
    tokens: int
    files: tuple[CorpusFile, ...]
    path: str | None = None
    tokens_path: str | None = None
    tokens_sha256: str | None = None
    real_share: float | None = None
    format: SplitFormat = "text"
    shards: tuple[Shard, ...] = ()
    text_field: str | None = None
    dtype: TokenType | None = None
    kind: SplitKind | None = None

    @property
    def rows(self) -> int | None:
        """The rows that the manifest states for all shards together; None where it states none."""
        counts = [shard.rows for shard in self.shards if shard.rows is not None]
        return sum(counts) if counts else None


@dataclass(frozen=True, slots=True)
class Origin:
    """What rows were made from, by the id they name: a file relative to the manifest's folder, and its sha256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the validation loss is computed over: the first ``sequences`` x ``sequence_length`` validation tokens."""

    sequences: int
    sequence_length: int


def read_split(name: str, entry: Any, path: Path, limits: Limits) -> Split:
    """The split ``name`` as the manifest at ``path`` has it. Raises ArtifactError (unsound)."""
    where = f"splits.{name}"
    if not isinstance(entry, dict):
        raise _unsound(path, f"{where} is {entry!r:.80}", "an object with files or shards")
    shards = _read_shards(where, entry, path, limits)
    if shards:
        files = tuple(CorpusFile(shard.path, shard.sha256, shard.bytes) for shard in shards)
    elif isinstance(entry.get("files"), list):
        files = tuple(_read_file(f"{where}.files[{place}]", file, path) for place, file in enumerate(entry["files"]))
    else:
        raise _unsound(path, f"{where} has no list of files and none of shards")
    if len({file.path for file in files}) != len(files):
        raise _unsound(path, f"{where} lists a file twice")
    for key in ("path", "tokens_path"):
        if entry.get(key) is not None:
            confined_path(path.parent, entry[key], path, f"{where}.{key}")
    _check_realness(where, entry, path)
    form = entry.get("format", "text")
    split = Split(
        name,
        sha256=_digest(entry.get("sha256"), f"{where}.sha256", path),
        tokens=_count(entry.get("tokens"), f"{where}.tokens", path),
        files=files,
        path=entry.get("path"),
        tokens_path=entry.get("tokens_path"),
        tokens_sha256=_optional_digest(entry.get("tokens_sha256"), f"{where}.tokens_sha256", path),
        real_share=entry.get("real_share"),
        format=form,
        shards=shards,
        text_field=entry.get("text_field") if form == "jsonl" else None,
        dtype=entry.get("dtype") if form == "tokens" else None,
        kind=entry.get("kind"),
    )
    counted = sum(shard.tokens or 0 for shard in shards)
    if split.format == "tokens" and counted != split.tokens:
        raise _unsound(path, f"{where}.tokens is {split.tokens}", f"{counted}, the sum over its shards")
    found = folder_digest({file.path: file.sha256 for file in files})
    if found != split.sha256:
        raise _unsound(path, f"{where}.sha256 is {split.sha256}", f"{found}, over the files of the split")
    return split


def _check_realness(where: str, entry: Mapping[str, Any], path: Path) -> None:
    share, kind = entry.get("real_share"), entry.get("kind")
    if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
        raise _unsound(path, f"{where}.real_share is {share!r}", "a share between 0 and 1")
    if kind is not None and kind not in SPLIT_KINDS:
        raise _unsound(path, f"{where}.kind is {kind!r:.80}", " or ".join(SPLIT_KINDS))


def _read_shards(where: str, entry: Mapping[str, Any], path: Path, limits: Limits) -> tuple[Shard, ...]:
    """The shards of a split, which stand instead of files; none where it has none."""
    _check_format(where, entry, path)
    shards = entry.get("shards")
    if shards is None:
        return ()
    if not isinstance(shards, list) or "files" in entry or "path" in entry or "tokens_path" in entry:
        raise _unsound(path, f"{where}.shards is no list, or stands beside files, path or tokens_path", "one of them")
    if len(shards) > limits.corpus_shards:
        raise ArtifactError(path, f"{where} has {len(shards)} shards", expected=f"at most {limits.corpus_shards}")
    counted = _COUNTED.get(entry.get("format", "text"))
    read = []
    for place, shard in enumerate(shards):
        at = f"{where}.shards[{place}]"
        file = _read_file(at, shard, path)
        count = None if counted is None else _count(shard.get(counted), f"{at}.{counted}", path)
        held = {} if counted is None else {counted: count}
        read.append(Shard(file.path, file.sha256, file.bytes, **held))
    _check_widths(where, entry, read, path)
    return tuple(read)


def _check_format(where: str, entry: Mapping[str, Any], path: Path) -> None:
    kind, field, dtype = entry.get("format", "text"), entry.get("text_field"), entry.get("dtype")
    if kind not in ("text", *_COUNTED):
        raise _unsound(path, f"{where}.format is {kind!r:.80}", "text, jsonl, chat or tokens")
    if kind in _COUNTED and not entry.get("shards"):
        raise _unsound(path, f"{where} of the format {kind} has no shards", "a list of shards")
    if kind == "jsonl" and not (isinstance(field, str) and field):
        raise _unsound(path, f"{where}.text_field is {field!r:.80}", "the key of the text in every row")
    if kind == "tokens" and not (isinstance(dtype, str) and dtype in TOKEN_BYTES):
        raise _unsound(path, f"{where}.dtype is {dtype!r:.80}", " or ".join(TOKEN_BYTES))


def _check_widths(where: str, entry: Mapping[str, Any], shards: Iterable[Shard], path: Path) -> None:
    """A shard of tokens takes as many bytes as its tokens do."""
    if entry.get("format") != "tokens":
        return
    width = TOKEN_BYTES[entry["dtype"]]
    for place, shard in enumerate(shards):
        if shard.bytes != width * (shard.tokens or 0):
            said = f"{where}.shards[{place}] has {shard.bytes} bytes"
            raise _unsound(path, said, f"{width} bytes for each of {shard.tokens} tokens of {entry['dtype']}")


def _read_file(where: str, entry: Any, path: Path) -> CorpusFile:
    if not isinstance(entry, dict):
        raise _unsound(path, f"{where} is {entry!r}", "an object with path, sha256 and bytes")
    confined_path(path.parent, entry.get("path"), path, f"{where}.path")
    sha256 = _digest(entry.get("sha256"), f"{where}.sha256", path)
    return CorpusFile(entry["path"], sha256, _count(entry.get("bytes"), f"{where}.bytes", path))


def read_origins(entry: Any, path: Path, limits: Limits) -> dict[str, Origin]:
    """What the manifest at ``path`` says rows were made from: id -> file. Raises ArtifactError (unsound)."""
    if entry is None:
        return {}
    if not isinstance(entry, dict):
        raise _unsound(path, f"sources is {entry!r:.80}", "an object from an id to path and sha256")
    if len(entry) > limits.corpus_sources:
        raise ArtifactError(path, f"has {len(entry)} sources", expected=f"at most {limits.corpus_sources}")
    origins = {}
    for name, one in entry.items():
        where = f"sources.{name}"
        if not isinstance(one, dict):
            raise _unsound(path, f"{where} is {one!r:.80}", "an object with path and sha256")
        confined_path(path.parent, one.get("path"), path, f"{where}.path")
        origins[name] = Origin(one["path"], _digest(one.get("sha256"), f"{where}.sha256", path))
    return origins


def read_evaluation(entry: Any, path: Path) -> Evaluation | None:
    """What the manifest at ``path`` evaluates on; None where it does not say. Raises ArtifactError (unsound)."""
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise _unsound(path, f"evaluation is {entry!r}", "an object with sequences and sequence_length")
    return Evaluation(
        _count(entry.get("sequences"), "evaluation.sequences", path),
        _count(entry.get("sequence_length"), "evaluation.sequence_length", path),
    )


def _count(value: object, where: str, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _unsound(path, f"{where} is {value!r}", "a count, an integer of at least 0")
    return value


def _digest(value: object, where: str, path: Path) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _unsound(path, f"{where} is {value!r}", "64 lower-case hexadecimal digits")
    return value


def _optional_digest(value: object, where: str, path: Path) -> str | None:
    return None if value is None else _digest(value, where, path)


def _unsound(path: Path, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
