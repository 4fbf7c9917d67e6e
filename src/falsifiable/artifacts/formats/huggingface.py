"""A Hugging Face folder: config.json, generation_config.json, weights in one file or in shards.

Weights are safetensors or, where there are none, PyTorch checkpoints (``pytorch_model.bin``), which are read without
executing anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from falsifiable.artifacts.contents import Contents
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.safetensors import read_safetensors
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import Source, read_whole
from falsifiable.artifacts.sources.folders import Folder, LocalFolder, folder_of, inside
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.tensors import TensorInfo

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

# What the model's tokenizer is read from: part of the model's digest, because verdicts rest on it.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_OTHER_WEIGHTS = ("model.pth", "tf_model.h5", "flax_model.msgpack")
_MOST_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Layout:
    """How weights of one kind are called: whole, as the index of shards, and as shards."""

    whole: str
    index: str
    shard: re.Pattern[str]


# Loaders take safetensors where there are both.
_SAFETENSORS = _Layout(WEIGHTS, INDEX, re.compile(r"model-\d{5,}-of-\d{5,}\.safetensors"))
_PYTORCH = _Layout(
    "pytorch_model.bin", "pytorch_model.bin.index.json", re.compile(r"pytorch_model-\d{5,}-of-\d{5,}\.bin")
)
_SHARED = "__shared__."


@dataclass(frozen=True, slots=True)
class _WeightFile:
    """One file of weights; ``metadata`` is what it says itself, under keys that no config.json has."""

    source: Source
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]
    checksums: tuple[Callable[[], None], ...] = ()

    @property
    def names(self) -> list[str]:
        """All names it stores, those too that share their bytes with another."""
        return [*self.tensors, *(key.removeprefix(_SHARED) for key in self.metadata if key.startswith(_SHARED))]


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model in the Hugging Face layout."""
    return any(folder_of(folder).holds(name) for name in (CONFIG, WEIGHTS, INDEX, _PYTORCH.whole, _PYTORCH.index))


def read_huggingface(path: Path, limits: Limits = DEFAULT_LIMITS) -> Contents:
    """The configuration and the headers of the weights in the folder at ``path``, here or elsewhere.

    Tensor data is not read. Raises ArtifactError.
    """
    if not is_model_folder(path):
        raise ArtifactError(path, f"the folder {_holdings(path)}", expected=f"{CONFIG} with {WEIGHTS} or {INDEX}")
    folder = folder_of(path)
    sources: list[Source] = []
    metadata: dict[str, object] = {}
    for name, prefix in ((CONFIG, ""), (GENERATION_CONFIG, "generation_config.")):
        if folder.holds(name):
            source, fields = _read_object(folder, name, limits)
            sources.append(source)
            metadata.update({prefix + key: value for key, value in fields.items()})
    files, index_source = _weights(folder, limits)
    sources += [index_source] if index_source is not None else []
    tensors: dict[str, TensorInfo] = {}
    for file in files:
        sources.append(file.source)
        tensors.update(file.tensors)
        metadata.update(file.metadata)
    sources += [folder.open(name) for name in TOKENIZER_FILES if folder.holds(name)]
    checksums = tuple(verify for file in files for verify in file.checksums)
    return Contents(path, "huggingface", tuple(sources), metadata, tensors, checksums=checksums)


def _holdings(path: Path) -> str:
    names = folder_of(path).names()
    if names is None:
        return f"has none of {CONFIG}, {WEIGHTS} and {INDEX}"
    return f"holds {', '.join(names[:_MOST_NAMES_SHOWN]) or 'nothing'}"


def _read_object(folder: Folder, name: str, limits: Limits) -> tuple[Source, dict[str, object]]:
    source = folder.open(name)
    fields = read_json(read_whole(source, limits.json_bytes), source.path, limits=limits)
    if not isinstance(fields, dict):
        raise ArtifactError(source.path, f"holds a JSON {type(fields).__name__}", expected="a JSON object")
    return source, fields


def _weights(folder: Folder, limits: Limits) -> tuple[list[_WeightFile], Source | None]:
    """The open weight files, and the index if there is one."""
    for layout in (_SAFETENSORS, _PYTORCH):
        single, sharded = folder.holds(layout.whole), folder.holds(layout.index)
        if single and sharded:
            raise ArtifactError(
                folder.path,
                f"holds both {layout.whole} and {layout.index}, and loaders differ in which they read",
                expected="one of them",
                kind="unsound",
            )
        if single:
            return [_open_weights(folder, layout.whole, layout, limits)], None
        if sharded:
            return _sharded_weights(folder, layout, limits)
    other = next((name for name in _OTHER_WEIGHTS if folder.holds(name)), None)
    if other is not None:
        raise ArtifactError(
            folder.path / other,
            "weights in a format that this version does not read",
            expected=WEIGHTS,
            hint="Save the model as safetensors: model.save_pretrained(folder)",
        )
    missing = f"shards without their {INDEX}" if _shards_in(folder, _SAFETENSORS) else "no weights"
    raise ArtifactError(folder.path, f"{CONFIG} describes a model and the folder has {missing}", kind="unsound")


def _shards_in(folder: Folder, layout: _Layout) -> list[str]:
    """The files named like shards, as far as the folder can be listed."""
    return [name for name in folder.names() or [] if layout.shard.fullmatch(name)]


def _open_weights(folder: Folder, name: str, layout: _Layout, limits: Limits) -> _WeightFile:
    source = folder.open(name)
    if layout is _PYTORCH:
        from falsifiable.artifacts.formats.pytorch.reader import read_pytorch

        saved = read_pytorch(source, limits)
        found = {key: value for key, value in saved.metadata.items() if key.startswith("__")}
        return _WeightFile(source, found, saved.tensors, saved.checksums)
    header = read_safetensors(source, limits)
    return _WeightFile(source, {f"__metadata__.{key}": value for key, value in header.metadata.items()}, header.tensors)


def _sharded_weights(folder: Folder, layout: _Layout, limits: Limits) -> tuple[list[_WeightFile], Source]:
    index, fields = _read_object(folder, layout.index, limits)
    shard_of = _weight_map(index, fields)
    names = sorted(set(shard_of.values()))
    if len(names) > limits.model_shards:
        raise ArtifactError(index.path, f"{len(names)} shards", expected=f"at most {limits.model_shards}")
    for name in names:  # all of them before any is opened
        _check_shard_name(index, name)
        if isinstance(folder, LocalFolder):
            inside(folder.path, name)
    _check_shards_present(folder, index, names, _shards_in(folder, layout))
    shards = [_open_weights(folder, name, layout, limits) for name in names]
    _check_shard_contents(index, shard_of, shards)
    _check_total_size(index, fields, shards)
    return shards, index


def _weight_map(index: Source, fields: Mapping[str, object]) -> dict[str, str]:
    weight_map = fields.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ArtifactError(
            index.path,
            "weight_map is absent or maps to other than file names",
            expected="tensor -> shard",
            kind="unsound",
        )
    return weight_map


def _check_shard_name(index: Source, name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith(("/", "~")) or ".." in parts or any(one in name for one in "\\:\0"):
        raise ArtifactError(
            index.path, f"names the shard {name!r}", expected="a file inside the folder of the index", kind="unsound"
        )


def _check_shards_present(folder: Folder, index: Source, names: list[str], present: list[str]) -> None:
    missing = [name for name in names if not folder.holds(name)]
    if missing:
        raise ArtifactError(
            index.path,
            f"{len(missing)} of {len(names)} shards are missing: {_some(missing)}",
            hint="Fetch or copy them next to the index",
            kind="unsound",
        )
    extra = [name for name in present if name not in names]
    if extra:
        raise ArtifactError(
            index.path,
            f"the folder holds shards that the index does not name: {_some(sorted(extra))}",
            hint="They are left from another save; remove them",
            kind="unsound",
        )


def _check_shard_contents(index: Source, shard_of: Mapping[str, str], shards: Iterable[_WeightFile]) -> None:
    found_in: dict[str, str] = {}
    for shard in shards:
        for tensor in shard.names:
            twice = found_in.setdefault(tensor, shard.source.relative)
            if twice != shard.source.relative:
                raise _index_fault(index, f"the tensor {tensor!r} stands in both {twice} and {shard.source.relative}")
    for tensor, named in shard_of.items():
        if found_in.get(tensor) != named:
            elsewhere = f", which holds it in {found_in[tensor]}" if tensor in found_in else ""
            raise _index_fault(index, f"the tensor {tensor!r} is not in {named}{elsewhere}")
    unnamed = [tensor for tensor in found_in if tensor not in shard_of]
    if unnamed:
        raise _index_fault(index, f"tensors in the shards that the index does not name: {_some(unnamed)}")


def _check_total_size(index: Source, fields: Mapping[str, object], shards: Iterable[_WeightFile]) -> None:
    metadata = fields.get("metadata")
    declared = metadata.get("total_size") if isinstance(metadata, dict) else None
    held = sum(tensor.nbytes for shard in shards for tensor in shard.tensors.values())
    if declared is not None and declared != held:
        raise _index_fault(index, f"total_size is {declared!r:.80}, the tensors take {held} bytes")


def _index_fault(index: Source, message: str) -> ArtifactError:
    return ArtifactError(
        index.path, message, hint="Save the model again, so that index and shards belong together", kind="unsound"
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES_SHOWN])
    return shown if len(names) <= _MOST_NAMES_SHOWN else f"{shown} and {len(names) - _MOST_NAMES_SHOWN} more"
