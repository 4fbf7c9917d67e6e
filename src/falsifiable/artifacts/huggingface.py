"""A Hugging Face folder: config.json, generation_config.json, safetensors weights in one file or in shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from falsifiable.artifacts.contents import Contents
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.files import SourceFile, read_small_file
from falsifiable.artifacts.json_reader import read_json
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.safetensors_reader import SafetensorsHeader, read_safetensors
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
)
_OTHER_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pth", "tf_model.h5", "flax_model.msgpack")
_SHARD_NAME = re.compile(r"model-\d{5,}-of-\d{5,}\.safetensors")
_MOST_NAMES_SHOWN = 5


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model in the Hugging Face layout."""
    return any((folder / name).exists() for name in (CONFIG, WEIGHTS, INDEX))


def read_huggingface(folder: Path, limits: Limits = DEFAULT_LIMITS) -> Contents:
    """The configuration and the headers of the weights in ``folder``; tensor data is not read. Raises ArtifactError."""
    if not is_model_folder(folder):
        found = ", ".join(sorted(one.name for one in folder.iterdir())[:_MOST_NAMES_SHOWN]) or "nothing"
        raise ArtifactError(folder, f"the folder holds {found}", expected=f"{CONFIG} with {WEIGHTS} or {INDEX}")
    sources: list[SourceFile] = []
    metadata: dict[str, object] = {}
    for name, prefix in ((CONFIG, ""), (GENERATION_CONFIG, "generation_config.")):
        if _present(folder, name):
            source, fields = _read_object(folder, name, limits)
            sources.append(source)
            metadata.update({prefix + key: value for key, value in fields.items()})
    shards, index_source = _weights(folder, limits)
    sources += [index_source] if index_source is not None else []
    tensors: dict[str, TensorInfo] = {}
    for source, header in shards:
        sources.append(source)
        tensors.update(header.tensors)
        metadata.update({f"__metadata__.{key}": value for key, value in header.metadata.items()})
    for name in TOKENIZER_FILES:
        if _present(folder, name):
            sources.append(SourceFile(_inside(folder, name), name))
    return Contents(folder, "huggingface", tuple(sources), metadata, tensors)


def _present(folder: Path, name: str) -> bool:
    return (folder / name).exists() or (folder / name).is_symlink()


def _read_object(folder: Path, name: str, limits: Limits) -> tuple[SourceFile, dict[str, object]]:
    source, content = read_small_file(_inside(folder, name), limits.json_bytes, relative=name)
    fields = read_json(content, source.path, limits=limits)
    if not isinstance(fields, dict):
        raise ArtifactError(source.path, f"holds a JSON {type(fields).__name__}", expected="a JSON object")
    return source, fields


def _weights(folder: Path, limits: Limits) -> tuple[list[tuple[SourceFile, SafetensorsHeader]], SourceFile | None]:
    """The open weight files with their headers, and the index if there is one."""
    single, sharded = _present(folder, WEIGHTS), _present(folder, INDEX)
    if single and sharded:
        raise ArtifactError(
            folder,
            f"holds both {WEIGHTS} and {INDEX}, and loaders differ in which they read",
            expected="one of them",
            kind="unsound",
        )
    if single:
        return [_open_weights(folder, WEIGHTS, limits)], None
    if sharded:
        return _sharded_weights(folder, limits)
    other = next((name for name in _OTHER_WEIGHTS if _present(folder, name)), None)
    if other is not None:
        raise ArtifactError(
            folder / other,
            "weights in a format that this version does not read",
            expected=WEIGHTS,
            hint="Save the model as safetensors: model.save_pretrained(folder)",
        )
    shards = sorted(one.name for one in folder.iterdir() if _SHARD_NAME.fullmatch(one.name))
    missing = f"shards without their {INDEX}" if shards else "no weights"
    raise ArtifactError(folder, f"{CONFIG} describes a model and the folder has {missing}", kind="unsound")


def _open_weights(folder: Path, name: str, limits: Limits) -> tuple[SourceFile, SafetensorsHeader]:
    source = SourceFile(_inside(folder, name), name)
    return source, read_safetensors(source, limits)


def _sharded_weights(folder: Path, limits: Limits) -> tuple[list[tuple[SourceFile, SafetensorsHeader]], SourceFile]:
    index, fields = _read_object(folder, INDEX, limits)
    shard_of = _weight_map(index, fields)
    names = sorted(set(shard_of.values()))
    if len(names) > limits.model_shards:
        raise ArtifactError(index.path, f"{len(names)} shards", expected=f"at most {limits.model_shards}")
    for name in names:  # all of them before any is opened
        _check_shard_name(index, name)
        _inside(folder, name)
    _check_shards_present(folder, index, names)
    shards = [_open_weights(folder, name, limits) for name in names]
    _check_shard_contents(index, shard_of, shards)
    _check_total_size(index, fields, shards)
    return shards, index


def _weight_map(index: SourceFile, fields: Mapping[str, object]) -> dict[str, str]:
    weight_map = fields.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ArtifactError(
            index.path,
            "weight_map is absent or maps to other than file names",
            expected="tensor -> shard",
            kind="unsound",
        )
    return weight_map


def _check_shard_name(index: SourceFile, name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith(("/", "~")) or ".." in parts or any(one in name for one in "\\:\0"):
        raise ArtifactError(
            index.path, f"names the shard {name!r}", expected="a file inside the folder of the index", kind="unsound"
        )


def _check_shards_present(folder: Path, index: SourceFile, names: list[str]) -> None:
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise ArtifactError(
            index.path,
            f"{len(missing)} of {len(names)} shards are missing: {_some(missing)}",
            hint="Fetch or copy them next to the index",
            kind="unsound",
        )
    extra = [one.name for one in folder.iterdir() if _SHARD_NAME.fullmatch(one.name) and one.name not in names]
    if extra:
        raise ArtifactError(
            index.path,
            f"the folder holds shards that the index does not name: {_some(sorted(extra))}",
            hint="They are left from another save; remove them",
            kind="unsound",
        )


def _check_shard_contents(
    index: SourceFile, shard_of: Mapping[str, str], shards: Iterable[tuple[SourceFile, SafetensorsHeader]]
) -> None:
    found_in: dict[str, str] = {}
    for source, header in shards:
        for tensor in header.tensors:
            twice = found_in.setdefault(tensor, source.relative)
            if twice != source.relative:
                raise _index_fault(index, f"the tensor {tensor!r} stands in both {twice} and {source.relative}")
    for tensor, shard in shard_of.items():
        if found_in.get(tensor) != shard:
            elsewhere = f", which holds it in {found_in[tensor]}" if tensor in found_in else ""
            raise _index_fault(index, f"the tensor {tensor!r} is not in {shard}{elsewhere}")
    unnamed = [tensor for tensor in found_in if tensor not in shard_of]
    if unnamed:
        raise _index_fault(index, f"tensors in the shards that the index does not name: {_some(unnamed)}")


def _check_total_size(
    index: SourceFile, fields: Mapping[str, object], shards: Iterable[tuple[SourceFile, SafetensorsHeader]]
) -> None:
    metadata = fields.get("metadata")
    declared = metadata.get("total_size") if isinstance(metadata, dict) else None
    held = sum(tensor.nbytes for _, header in shards for tensor in header.tensors.values())
    if declared is not None and declared != held:
        raise _index_fault(index, f"total_size is {declared!r:.80}, the tensors take {held} bytes")


def _index_fault(index: SourceFile, message: str) -> ArtifactError:
    return ArtifactError(
        index.path, message, hint="Save the model again, so that index and shards belong together", kind="unsound"
    )


def _inside(folder: Path, name: str) -> Path:
    """The path of a file of the folder, which must not lead out of it through a symbolic link.

    In the cache of the Hugging Face hub, ``snapshots/REVISION/FILE`` links to ``blobs/DIGEST`` two folders up; there,
    the model's cache folder is the boundary.
    """
    path = folder / name
    root = folder.resolve()
    boundary = (
        root.parent.parent if root.parent.name == "snapshots" and (root.parent.parent / "blobs").is_dir() else root
    )
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as fault:  # RuntimeError: a loop of links, up to Python 3.12
        raise ArtifactError(path, f"cannot be followed: {fault}") from fault
    if not target.is_relative_to(boundary):
        raise ArtifactError(
            path,
            f"is a symbolic link out of the folder, to {target}",
            expected=f"a file inside {boundary}",
            kind="unsound",
        )
    return path


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES_SHOWN])
    return shown if len(names) <= _MOST_NAMES_SHOWN else f"{shown} and {len(names) - _MOST_NAMES_SHOWN} more"
