"""The door to models: a path becomes a :class:`~falsifiable.artifacts.model.Model`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from falsifiable.artifacts.contents import Contents, KnownContent
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.model import Model
from falsifiable.artifacts.sources.files import Source, door
from falsifiable.artifacts.sources.folders import folder_of, open_source
from falsifiable.artifacts.sources.remote_path import place_of

_MAGIC_BYTES = 4
_INDEX = "model.safetensors.index.json"


@door
def open_model(path: str | Path, *, known: KnownContent | None = None, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Open a model, told by content, not by name.

    It may be a Hugging Face folder, the folder of a PEFT or MLX adapter, a safetensors, GGUF (any part of a split one)
    or APR file, or a PyTorch checkpoint; here, or at a URL.

    Only headers are read; tensor data waits for :meth:`Model.tensor`, ``digest`` or ``fingerprints``. ``known`` is what
    is already known of these very files and need not be read again. Raises :class:`ArtifactError`.
    """
    path = place_of(path)
    if path.name == _INDEX:
        raise ArtifactError(path, "is the index of a model in shards", hint=f"Give the folder: {path.parent}")
    contents = _read(path, limits)
    return Model.of(contents if known is None else replace(contents, known=known))


# A format's reader is imported when a file of that format is opened.


def _read(path: Path, limits: Limits) -> Contents:
    if path.is_dir():
        return _read_folder(path, limits)
    source = open_source(path)
    start = source.read(0, min(_MAGIC_BYTES, source.size))
    if start == b"GGUF" or path.suffix == ".gguf":
        return _read_gguf(path, source, limits)
    if start.startswith(b"APR") or path.suffix == ".apr":
        return _read_apr(path, source, limits)
    return _read_pytorch(path, source, limits) or _read_safetensors(path, source, limits)


def _read_folder(path: Path, limits: Limits) -> Contents:
    from falsifiable.artifacts.formats.adapters import is_adapter_folder, read_adapter
    from falsifiable.artifacts.formats.huggingface import read_huggingface

    return read_adapter(path, limits) if is_adapter_folder(path) else read_huggingface(path, limits)


def _read_gguf(path: Path, source: Source, limits: Limits) -> Contents:
    from falsifiable.artifacts.formats.gguf.reader import read_gguf
    from falsifiable.artifacts.formats.gguf.splits import is_split, read_split

    header = read_gguf(source, limits)
    if not is_split(header):
        return Contents(path, "gguf", (source,), header.metadata, header.tensors)
    parts = read_split(source, header, folder_of(path.parent).open, limits)
    return Contents(path, "gguf", parts.sources, parts.metadata, parts.tensors)


def _read_apr(path: Path, source: Source, limits: Limits) -> Contents:
    from falsifiable.artifacts.formats.apr import read_apr, verify_whole_file

    header = read_apr(source, limits)
    checksums = (partial(verify_whole_file, source, header, limits),)
    return Contents(path, "apr", (source,), header.metadata, header.tensors, checksums=checksums)


def _read_pytorch(path: Path, source: Source, limits: Limits) -> Contents | None:
    """None for what is no PyTorch checkpoint."""
    from falsifiable.artifacts.formats.safetensors import is_safetensors

    if is_safetensors(source):
        return None
    from falsifiable.artifacts.formats.pytorch.reader import is_pytorch, read_pytorch

    if not is_pytorch(source):
        return None
    saved = read_pytorch(source, limits)
    return Contents(path, "pytorch", (source,), saved.metadata, saved.tensors, checksums=saved.checksums)


def _read_safetensors(path: Path, source: Source, limits: Limits) -> Contents:
    """What is of no other format is judged as this one, which says what is found in its place."""
    from falsifiable.artifacts.formats.safetensors import read_safetensors

    weights = read_safetensors(source, limits)
    metadata = {f"__metadata__.{key}": value for key, value in weights.metadata.items()}
    return Contents(path, "safetensors", (source,), metadata, weights.tensors)
