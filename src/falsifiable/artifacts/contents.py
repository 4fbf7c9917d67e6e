"""What opening a model finds: its files, its metadata, its tensors; and the digests of those files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from falsifiable.artifacts.fingerprints.fingerprint import Fingerprint
from falsifiable.artifacts.identity import digest_of_files
from falsifiable.artifacts.naming import Dialect, canonical_names
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.tensors import TensorInfo

Format = Literal["safetensors", "huggingface", "gguf", "apr", "pytorch", "peft", "mlx"]


@dataclass(frozen=True, slots=True)
class KnownContent:
    """What is known of a model's files from an earlier reading, so that they need not be read again.

    ``digests`` maps a file's path relative to the model's folder (the bare name, for a single file) to its sha256 in
    hexadecimal; ``fingerprints`` maps stored tensor names. Whoever passes them vouches that the files are the same.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """A model's files as opened; ``sources`` are all files that its digest covers.

    ``checksums`` are what the format lets a reader verify only by reading all of a file: each raises ArtifactError
    (unsound) where the bytes are not what the file says they are.
    """

    path: Path
    format: Format
    sources: tuple[Source, ...]
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]
    known: KnownContent = field(default_factory=KnownContent)
    checksums: tuple[Callable[[], None], ...] = ()

    def file_digests(self) -> Mapping[str, str]:
        """Relative path -> sha256 of every file, reading those that are not known."""
        return {source.relative: self._known_digest(source) or source.sha256() for source in self.sources}

    def digest(self) -> str:
        """The sha256 of the one file, or of the folder (see ``folder_digest``)."""
        return digest_of_files(self.path, self.file_digests())

    def digest_if_known(self) -> str | None:
        """The digest if every file's is known, without reading any."""
        digests = {source.relative: self._known_digest(source) for source in self.sources}
        known = {relative: digest for relative, digest in digests.items() if digest is not None}
        return digest_of_files(self.path, known) if len(known) == len(digests) else None

    def _known_digest(self, source: Source) -> str | None:
        return self.known.digests.get(source.relative) or source.known_sha256


def with_canonical_names(
    tensors: Mapping[str, TensorInfo], dialect: Dialect, prefix: str = ""
) -> Mapping[str, TensorInfo]:
    """The same tensors, each told its canonical name; ``prefix`` is what a wrapper put before every stored name."""
    names = canonical_names([name.removeprefix(prefix) for name in tensors], dialect)
    canonical_of = {prefix + stored: canonical for canonical, stored in names.items()}
    return MappingProxyType({name: _called(info, canonical_of.get(name)) for name, info in tensors.items()})


def _called(info: TensorInfo, canonical: str | None) -> TensorInfo:
    if info.canonical == canonical:
        return info
    # Every tensor passes here when a model is opened, and dataclasses.replace takes four times as long.
    return TensorInfo(info.name, canonical, info.shape, info.dtype, info.file, info.offset, info.nbytes, info.strides)
