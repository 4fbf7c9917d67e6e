"""Corpus manifests: which file is in which split, by sha256, and the split's text and tokens where they were kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from falsifiable.artifacts.corpora.manifest import (
    CorpusFile,
    Evaluation,
    Origin,
    Split,
    read_evaluation,
    read_origins,
    read_split,
)
from falsifiable.artifacts.corpora.shards import Record, shard_records, shard_text, shard_texts, shard_tokens
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.confinement import confined_path
from falsifiable.artifacts.sources.files import SourceFile, door, read_small_file
from falsifiable.artifacts.sources.json_reader import read_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
CORPUS_MANIFEST_FORMAT = 1

_UNSIGNED_BYTES = (2, 4)
_FORMATS_OF_ROWS = ("jsonl", "chat")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Corpus:
    """A corpus as its manifest states it. Texts and tokens are read, and checked against it, when asked for.

    ``origins`` is what rows were made from, by the id that a row names. ``replaced`` holds the rows of splits, and the
    tokens, that a mutation put in the place of those on disk.
    """

    path: Path
    manifest: Mapping[str, Any]
    splits: Mapping[str, Split]
    evaluation: Evaluation | None
    file_digests: Mapping[str, str]
    digest: str
    origins: Mapping[str, Origin] = field(default_factory=dict)
    replaced: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    replaced_tokens: Mapping[str, NDArray[Any]] = field(default_factory=dict)

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
    def pinned_files(self) -> Mapping[str, Path]:
        """Relative path -> file that the manifest pins and the digest therefore does not cover; it may be absent."""
        shards = [shard.path for split in self.splits.values() for shard in split.shards]
        kept = [path for split in self.splits.values() for path in (split.path, split.tokens_path) if path is not None]
        named = dict.fromkeys([*shards, *kept, *(origin.path for origin in self.origins.values())])
        return {name: self.folder / name for name in named}

    @property
    def name(self) -> str | None:
        """What the corpus is called."""
        name = self.manifest.get("name")
        return name if isinstance(name, str) else None

    def text(self, split: str) -> str:
        """The text of a split, every file in it checked against its sha256.

        The texts of rows stand one under the other. Raises ArtifactError: ``unreadable`` where the split's text was not
        kept, ``unsound`` where it is not what the manifest says.
        """
        declared = self._split(split)
        if declared.format == "jsonl":
            return "\n".join(self.rows(split))
        if declared.format == "text" and declared.shards:
            return "".join(shard_text(self.folder, shard) for shard in declared.shards)
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

    def rows(self, split: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[str]:
        """The text of every row of a split kept as JSON lines, in order, each shard checked before its rows are read.

        Raises ArtifactError: ``unreadable`` for a split of another format, ``unsound`` where a shard is not what the
        manifest says, or a row is no object with a text under the field that the manifest names.
        """
        declared = self._split(split)
        if declared.format != "jsonl" or declared.text_field is None:
            message = f"split {split!r} is kept as {declared.format}, which has no rows"
            raise ArtifactError(self.path, message, expected="a split of the format jsonl")
        for shard in declared.shards:
            yield from shard_texts(self.folder, shard, declared.text_field, limits)

    def records(self, split: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Record]:
        """Every row of a split kept as JSON lines, as it stands there, each shard checked before its rows are read.

        Nothing is asked of a row but that it is an object. Raises ArtifactError: ``unreadable`` for a split of another
        format, ``unsound`` where a shard is not what the manifest says.
        """
        declared = self._split(split)
        if declared.format not in _FORMATS_OF_ROWS:
            message = f"split {split!r} is kept as {declared.format}, which has no rows"
            raise ArtifactError(self.path, message, expected="a split of the format jsonl or chat")
        if split in self.replaced:
            yield from self.replaced[split]
            return
        for shard in declared.shards:
            yield from shard_records(self.folder, shard, limits)

    def found_digest(self, relative: str) -> str | None:
        """The sha256 of the file that lies at a path of the manifest; None where there is none."""
        path = confined_path(self.folder, relative, self.path, relative)
        return SourceFile(path, relative).sha256() if path.exists() else None

    def token_shards(self, split: str) -> Iterator[NDArray[Any]]:
        """The token ids of a split, shard by shard, as :meth:`token_ids` has them; only one shard is held at a time."""
        declared = self._split(split)
        if split in self.replaced_tokens:
            yield self.replaced_tokens[split]
        elif declared.dtype is None:
            yield self._tokens_in_one_file(declared)
        else:
            for shard in declared.shards:
                yield shard_tokens(self.folder, shard, declared.dtype)

    def token_ids(self, split: str, *, first: int | None = None) -> NDArray[Any]:
        """The token ids of a split, uint16 or uint32, one dimension, checked against their sha256.

        Given ``first``, only so many from the beginning, and shards beyond them are not opened. Raises ArtifactError:
        ``unreadable`` where they were not kept, ``unsound`` where they are not what the manifest says.
        """
        import numpy

        parts: list[NDArray[Any]] = []
        held = 0
        for part in self.token_shards(split):
            parts.append(part)
            held += len(part)
            if first is not None and held >= first:
                break
        whole = parts[0] if len(parts) == 1 else numpy.concatenate(parts or [numpy.zeros(0, "<u2")])
        return whole[:first]

    def _tokens_in_one_file(self, declared: Split) -> NDArray[Any]:
        import numpy

        if declared.tokens_path is None:
            message = f"the tokens of split {declared.name!r} were not kept"
            raise ArtifactError(self.path, message, expected="a tokens_path in the manifest")
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

    def without_split(self, split: str) -> Corpus:
        """The same without a split. Raises ArtifactError if there is none of this name."""
        kept = {name: one for name, one in self.splits.items() if name != self._split(split).name}
        return replace(self, splits=MappingProxyType(kept), digest=mutant_digest(self.digest, f"without split {split}"))

    def with_evaluation(self, evaluation: Evaluation | None) -> Corpus:
        """The same with another rule for what the validation loss is computed over, or without one."""
        return replace(self, evaluation=evaluation, digest=mutant_digest(self.digest, f"evaluation {evaluation}"))

    def rewritten(self) -> Corpus:
        """The same content in other bytes: the digest differs and nothing else."""
        return replace(self, digest=mutant_digest(self.digest, "rewritten"))

    def with_split(self, split: str, **changes: Any) -> Corpus:
        """The same with fields of a split changed, such as ``tokens=0``. Raises TypeError for an unknown field."""
        return self._with(replace(self._split(split), **changes), f"{split} {', '.join(changes)}")

    def with_records(self, split: str, rows: Sequence[Mapping[str, Any]]) -> Corpus:
        """The same with other rows in a split kept as JSON lines; what the manifest says of it stays as it was."""
        where = self._split(split).shards[0].path
        records = tuple(Record(where, line, row) for line, row in enumerate(rows, start=1))
        mutated = self._with(self._split(split), f"{split} of {len(rows)} other rows")
        return replace(mutated, replaced=MappingProxyType({**self.replaced, split: records}))

    def with_tokens(self, split: str, tokens: NDArray[Any]) -> Corpus:
        """The same with other tokens in a split; what the manifest says of it stays as it was."""
        mutated = self._with(self._split(split), f"{split} of {len(tokens)} other tokens")
        return replace(mutated, replaced_tokens=MappingProxyType({**self.replaced_tokens, split: tokens}))

    def without_source(self, name: str) -> Corpus:
        """The same without what rows were made from under this id. Raises KeyError where there is none."""
        _ = self.origins[name]
        kept = {one: origin for one, origin in self.origins.items() if one != name}
        return replace(self, origins=MappingProxyType(kept), digest=mutant_digest(self.digest, f"without {name}"))

    def with_source(self, name: str, origin: Origin) -> Corpus:
        """The same with what rows under this id were made from replaced, or one more."""
        origins = MappingProxyType({**self.origins, name: origin})
        return replace(self, origins=origins, digest=mutant_digest(self.digest, f"source {name}"))

    def _with_files(self, split: str, files: tuple[CorpusFile, ...], mutation: str) -> Corpus:
        return self._with(replace(self._split(split), files=files), mutation)

    def _with(self, split: Split, mutation: str) -> Corpus:
        splits = MappingProxyType({**self.splits, split.name: split})
        return replace(self, splits=splits, digest=mutant_digest(self.digest, mutation))

    def _split(self, name: str) -> Split:
        if name not in self.splits:
            raise ArtifactError(self.path, f"has no split {name!r}", expected=f"one of {', '.join(self.splits)}")
        return self.splits[name]


@door
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
        splits=MappingProxyType({name: read_split(name, entry, path, limits) for name, entry in splits.items()}),
        evaluation=read_evaluation(manifest.get("evaluation"), path),
        file_digests=MappingProxyType(digests),
        digest=digest_of_files(given, digests),
        origins=MappingProxyType(read_origins(manifest.get("sources"), path, limits)),
    )


def _unsound(path: Path, message: str, expected: str) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
