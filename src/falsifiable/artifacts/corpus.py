"""Corpus manifests: which file is in which split, by sha256, and the split's text and tokens where they were kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from falsifiable.artifacts.confinement import confined_path
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.files import SourceFile, folder_digest, read_small_file
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.json_reader import read_json
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
CORPUS_MANIFEST_FORMAT = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSIGNED_BYTES = (2, 4)


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One file of a split: its path in the source the corpus was made from, sha256 and size in bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Split:
    """One split. ``sha256`` is over the sorted lines ``sha256  path`` of its files.

    ``path`` (its files one after the other) and ``tokens_path`` (raw little-endian unsigned integers) are relative to
    the manifest's folder, or None where the split was not kept. ``real_share`` is the share of rows nobody made up.
    """

    name: str
    sha256: str
    tokens: int
    files: tuple[CorpusFile, ...]
    path: str | None = None
    tokens_path: str | None = None
    tokens_sha256: str | None = None
    real_share: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the validation loss is computed over: the first ``sequences`` x ``sequence_length`` validation tokens."""

    sequences: int
    sequence_length: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Corpus:
    """A corpus as its manifest states it. Texts and tokens are read, and checked against it, when asked for."""

    path: Path
    manifest: Mapping[str, Any]
    splits: Mapping[str, Split]
    evaluation: Evaluation | None
    file_digests: Mapping[str, str]
    digest: str

    kind: ClassVar[str] = "corpus"

    def __repr__(self) -> str:
        return f"<Corpus {str(self.path)!r}, {', '.join(self.splits)}, {self.digest}>"

    @property
    def folder(self) -> Path:
        """The folder that paths in the manifest are relative to."""
        return self.path.parent

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the digest covers: the manifest, which pins all others."""
        return (self.path,)

    @property
    def name(self) -> str | None:
        """What the corpus is called."""
        name = self.manifest.get("name")
        return name if isinstance(name, str) else None

    def text(self, split: str) -> str:
        """The text of a split, every file in it checked against its sha256.

        Raises ArtifactError: ``unreadable`` where the split's text was not kept, ``unsound`` where it is not what the
        manifest says.
        """
        declared = self._split(split)
        if declared.path is None:
            message = f"the text of split {split!r} was not kept"
            raise ArtifactError(self.path, message, expected="a path in the manifest")
        source = SourceFile(self.folder / declared.path, declared.path)
        content = source.read(0, source.size)
        source.verify_unchanged()
        if len(content) != sum(file.bytes for file in declared.files):
            wanted = f"{sum(file.bytes for file in declared.files)} bytes, the sum over the files of the split"
            raise _unsound(source.path, f"has {len(content)} bytes", wanted)
        offset = 0
        for file in declared.files:
            piece = content[offset : offset + file.bytes]
            if hashlib.sha256(piece).hexdigest() != file.sha256:
                raise ArtifactError(
                    source.path, f"{file.path} is not what the manifest says", offset=offset,
                    expected=f"{file.bytes} bytes with sha256 {file.sha256}", kind="unsound",
                )  # fmt: skip
            offset += file.bytes
        return content.decode("utf-8", "replace")

    def token_ids(self, split: str) -> NDArray[Any]:
        """The token ids of a split, uint16 or uint32, one dimension, checked against their sha256.

        Raises ArtifactError: ``unreadable`` where they were not kept, ``unsound`` where they are not what the manifest
        says.
        """
        import numpy

        declared = self._split(split)
        if declared.tokens_path is None:
            raise ArtifactError(
                self.path, f"the tokens of split {split!r} were not kept", expected="a tokens_path in the manifest"
            )
        source = SourceFile(self.folder / declared.tokens_path, declared.tokens_path)
        width = source.size // declared.tokens if declared.tokens else 0
        if width not in _UNSIGNED_BYTES or source.size != width * declared.tokens:
            wanted = f"2 or 4 bytes for each of {declared.tokens} tokens"
            raise _unsound(source.path, f"has {source.size} bytes", wanted)
        content = source.read(0, source.size)
        found = hashlib.sha256(content).hexdigest()
        if found != declared.tokens_sha256:
            raise _unsound(source.path, f"has the sha256 {found}", f"{declared.tokens_sha256}, as the manifest says")
        return numpy.frombuffer(content, dtype=f"<u{width}")

    def has_digest(self, sha256: str) -> bool:
        """Whether a split or a file of the corpus has this digest."""
        return any(
            sha256 in (split.sha256, split.tokens_sha256) or any(file.sha256 == sha256 for file in split.files)
            for split in self.splits.values()
        )

    def without_file(self, path: str) -> Corpus:
        """The same without a file, the sha256 of its split left as it was. Raises ValueError if there is none."""
        holder = next((split for split in self.splits.values() if any(file.path == path for file in split.files)), None)
        if holder is None:
            raise ValueError(f"{self.path}: no split has a file {path!r} to take out")
        kept = tuple(file for file in holder.files if file.path != path)
        return self._with_files(holder.name, kept, f"{holder.name} without {path}")

    def with_file_in(self, split: str, file: CorpusFile) -> Corpus:
        """The same with a file more in a split, the split's sha256 left as it was."""
        return self._with_files(split, (*self._split(split).files, file), f"{split} with {file.path}")

    def with_split(self, split: str, **changes: Any) -> Corpus:
        """The same with fields of a split changed, such as ``tokens=0``. Raises TypeError for an unknown field."""
        return self._with(replace(self._split(split), **changes), f"{split} {', '.join(changes)}")

    def _with_files(self, split: str, files: tuple[CorpusFile, ...], mutation: str) -> Corpus:
        return self._with(replace(self._split(split), files=files), mutation)

    def _with(self, split: Split, mutation: str) -> Corpus:
        splits = MappingProxyType({**self.splits, split.name: split})
        return replace(self, splits=splits, digest=mutant_digest(self.digest, mutation))

    def _split(self, name: str) -> Split:
        if name not in self.splits:
            raise ArtifactError(self.path, f"has no split {name!r}", expected=f"one of {', '.join(self.splits)}")
        return self.splits[name]


def open_corpus(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Corpus:
    """The corpus whose manifest, or whose folder, is at ``path``; neither text nor tokens are read.

    Raises:
        ArtifactError: ``unreadable`` where there is no manifest; ``unsound`` where it is broken, points out of its
            folder, or a split's sha256 is not that of its files.
    """
    given = Path(path)
    path = given / MANIFEST if given.is_dir() else given
    source, content = read_small_file(path, limits.json_bytes)
    is_manifest = b'"corpus_manifest"' in content
    manifest = read_json(content, path, limits=limits, kind="unsound" if is_manifest else "unreadable")
    if not isinstance(manifest, dict) or manifest.get("corpus_manifest") != CORPUS_MANIFEST_FORMAT:
        raise ArtifactError(path, "is no corpus manifest", expected=f'"corpus_manifest": {CORPUS_MANIFEST_FORMAT}')
    splits = manifest.get("splits")
    if not isinstance(splits, dict):
        raise _unsound(path, "splits is not an object", "an object from the name of a split to its files")
    digests = {source.relative: source.sha256()}
    return Corpus(
        path=path,
        manifest=MappingProxyType(manifest),
        splits=MappingProxyType({name: _read_split(name, entry, path) for name, entry in splits.items()}),
        evaluation=_read_evaluation(manifest.get("evaluation"), path),
        file_digests=MappingProxyType(digests),
        digest=digest_of_files(given, digests),
    )


def _read_split(name: str, entry: Any, path: Path) -> Split:
    where = f"splits.{name}"
    if not isinstance(entry, dict) or not isinstance(entry.get("files"), list):
        raise _unsound(path, f"{where} has no list of files")
    files = tuple(_read_file(f"{where}.files[{place}]", file, path) for place, file in enumerate(entry["files"]))
    if len({file.path for file in files}) != len(files):
        raise _unsound(path, f"{where} lists a file twice")
    for key in ("path", "tokens_path"):
        if entry.get(key) is not None:
            confined_path(path.parent, entry[key], path, f"{where}.{key}")
    share = entry.get("real_share")
    if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
        raise _unsound(path, f"{where}.real_share is {share!r}", "a share between 0 and 1")
    split = Split(
        name,
        sha256=_digest(entry.get("sha256"), f"{where}.sha256", path),
        tokens=_count(entry.get("tokens"), f"{where}.tokens", path),
        files=files,
        path=entry.get("path"),
        tokens_path=entry.get("tokens_path"),
        tokens_sha256=_optional_digest(entry.get("tokens_sha256"), f"{where}.tokens_sha256", path),
        real_share=share,
    )
    found = folder_digest({file.path: file.sha256 for file in files})
    if found != split.sha256:
        raise _unsound(path, f"{where}.sha256 is {split.sha256}", f"{found}, over the files of the split")
    return split


def _read_file(where: str, entry: Any, path: Path) -> CorpusFile:
    if not isinstance(entry, dict):
        raise _unsound(path, f"{where} is {entry!r}", "an object with path, sha256 and bytes")
    confined_path(path.parent, entry.get("path"), path, f"{where}.path")
    sha256 = _digest(entry.get("sha256"), f"{where}.sha256", path)
    return CorpusFile(entry["path"], sha256, _count(entry.get("bytes"), f"{where}.bytes", path))


def _read_evaluation(entry: Any, path: Path) -> Evaluation | None:
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
