"""The door to models: a path becomes a :class:`~falsifiable.artifacts.model.Model`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from falsifiable.artifacts.contents import Contents, KnownContent
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.files import SourceFile
from falsifiable.artifacts.gguf_reader import MAGIC, read_gguf
from falsifiable.artifacts.huggingface import INDEX, read_huggingface
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.model import Model
from falsifiable.artifacts.safetensors_reader import read_safetensors

_GGUF_SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf")


def open_model(path: str | Path, *, known: KnownContent | None = None, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Open a model: a Hugging Face folder, a ``.safetensors`` file or a ``.gguf`` file, told by content, not by name.

    Only headers are read; tensor data waits for :meth:`Model.tensor`, ``digest`` or ``fingerprints``. ``known`` is what
    is already known of these very files and need not be read again. Raises :class:`ArtifactError`.
    """
    path = Path(path)
    try:
        contents = _read(path, limits)
    except OSError as fault:
        raise ArtifactError(path, f"cannot be read: {fault.strerror or fault}") from fault
    return Model.of(contents if known is None else replace(contents, known=known))


def _read(path: Path, limits: Limits) -> Contents:
    if path.is_dir():
        return read_huggingface(path, limits)
    if path.name == INDEX:
        raise ArtifactError(path, "is the index of a model in shards", hint=f"Give the folder: {path.parent}")
    return _read_file(path, limits)


def _read_file(path: Path, limits: Limits) -> Contents:
    source = SourceFile(path)
    start = source.read(0, min(len(MAGIC), source.size))
    if start == MAGIC or path.suffix == ".gguf":
        header = read_gguf(source, limits)
        _refuse_part(path, header.metadata.get("split.count"))
        return Contents(path, "gguf", (source,), header.metadata, header.tensors)
    weights = read_safetensors(source, limits)
    metadata = {f"__metadata__.{key}": value for key, value in weights.metadata.items()}
    return Contents(path, "safetensors", (source,), metadata, weights.tensors)


def _refuse_part(path: Path, split_count: object) -> None:
    """One part of a model split over several GGUF files holds some of its tensors, and must not pass for all."""
    if not isinstance(split_count, int) or split_count <= 1:
        return
    named = _GGUF_SPLIT.fullmatch(path.name)
    stem = named["stem"] if named else path.stem
    parts = [f"{stem}-{part:05d}-of-{split_count:05d}.gguf" for part in range(1, min(split_count, 1000) + 1)]
    absent = [part for part in parts if not (path.parent / part).exists()]
    missing = f" ({len(absent)} of them are not in this folder, {absent[0]} is the first)" if absent else ""
    raise ArtifactError(
        path,
        f"one of {split_count} parts of a model{missing}",
        expected="a model in one file",
        hint="Join the parts: llama-gguf-split --merge FIRST_PART JOINED.gguf",
    )
