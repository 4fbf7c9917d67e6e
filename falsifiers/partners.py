"""What the libraries that consume model files read from them, in one form for every library.

Nothing here uses a reader of falsifiable: a partner is worth having because it shares no code with what it is compared
to. Models and tokenizers are asked for the paths of their files and for nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from falsifiable import Model, Tokenizer

_BLOCK_BYTES = 2**20

# Bits per element (safetensors 0.8.0, Dtype::bitsize).
_SAFETENSORS_BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
_NOT_IN_NUMPY = {"BF16", "F4", *(name for name in _SAFETENSORS_BITS if name.startswith(("F6", "F8")))}
# What gguf.GGUFReader lists among the key-values, although it stands in the fixed header.
_NOT_KEY_VALUES = ("GGUF.version", "GGUF.tensor_count", "GGUF.kv_count")
# Configuration file -> what falsifiable puts before its keys.
_CONFIGURATIONS = {"config.json": "", "adapter_config.json": "", "generation_config.json": "generation_config."}


class Refusal(Exception):
    """A library does not open a file that falsifiable opens."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a library finds it: shape row-major; ``offset`` from the start of ``file``, None where the library
    does not tell; ``blake3`` hashes its stored bytes (hexadecimal)."""

    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    file: Path
    offset: int | None
    blake3: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A model as a library finds it; ``item_types`` names the type that an array of metadata holds."""

    made_by: str
    tensors: Mapping[str, StoredTensor]
    metadata: Mapping[str, object]
    item_types: Mapping[str, str] = field(default_factory=dict)
    metadata_is_complete: bool = True


@dataclass(frozen=True, slots=True)
class TokenizerReading:
    """A tokenizer as ``tokenizers`` finds it: ``tokens`` by id, added ones included; merges as ``"a b"``.

    ``special_ids`` holds those that the files state and no other source may change.
    """

    tokens: Mapping[int, str]
    added_tokens: Mapping[int, str]
    merges: Sequence[str]
    type: str
    special_ids: Mapping[str, int | None]


def read_model(model: Model) -> Reading | None:
    """The model's files as their library reads them, or None where there is no second library.

    Raises:
        Refusal: the library refuses a file.
        FileNotFoundError: the files are not on this machine.
        ModuleNotFoundError: the library is not installed.
    """
    stamps = tuple((one.st_size, one.st_mtime_ns) for one in map(os.stat, model.files))
    if model.format == "pytorch":
        return _read_pytorch(model)
    return _read_files(model.format, model.path, model.files, stamps)


@lru_cache(maxsize=1)
def _read_files(
    model_format: str, path: Path, files: tuple[Path, ...], _stamps: tuple[tuple[int, int], ...]
) -> Reading | None:
    """Read once for all counterexamples of one model, as long as sizes and times of its files (``_stamps``) stay."""
    if model_format == "gguf":
        return _read_gguf(files)
    return None if model_format == "apr" else _read_safetensors(path, files)


@contextmanager
def _may_refuse(library: str, file: Path) -> Iterator[None]:
    """Whatever a library raises over a file is its refusal, except that a library is absent or memory is."""
    try:
        yield
    except (ModuleNotFoundError, MemoryError):
        raise
    except Exception as fault:  # tokenizers raises nothing more specific
        said = " ".join(str(fault).split()) or type(fault).__name__
        raise Refusal(f"{library} refuses {file.name}, which falsifiable accepts: {said}") from fault


def _read_gguf(files: Sequence[Path]) -> Reading:
    from gguf import GGUFReader

    tensors: dict[str, StoredTensor] = {}
    metadata: dict[str, object] = {}
    item_types: dict[str, str] = {}
    for place, file in enumerate(files):
        with _may_refuse("gguf.GGUFReader", file):
            reader = GGUFReader(file)
            tensors |= {one.name: _tensor_of_gguf(one, file) for one in reader.tensors}
            if place:
                continue  # the metadata of a model in several files is that of the first
            fields = {key: one for key, one in reader.fields.items() if key not in _NOT_KEY_VALUES}
            metadata = {key: one.contents() for key, one in fields.items()}
            item_types = {key: one.types[1].name for key, one in fields.items() if len(one.types) > 1}
    return Reading("gguf", tensors, metadata, item_types)


def _tensor_of_gguf(one: Any, file: Path) -> StoredTensor:
    shape = tuple(reversed(one.shape.tolist()))
    return StoredTensor(
        shape, one.tensor_type.name, int(one.n_bytes), file, int(one.data_offset), cache(lambda: _hashed(one.data))
    )


def _hashed(values: Any) -> str:
    import numpy
    from blake3 import blake3

    return blake3(numpy.ascontiguousarray(values).reshape(-1).view(numpy.uint8).data).hexdigest()


def _read_safetensors(path: Path, files: Sequence[Path]) -> Reading:
    tensors: dict[str, StoredTensor] = {}
    metadata: dict[str, object] = {}
    for file in files:
        if file.name in _CONFIGURATIONS:
            with _may_refuse("json", file):
                fields = json.loads(file.read_bytes())
            metadata |= {_CONFIGURATIONS[file.name] + key: value for key, value in fields.items()}
    for file in [one for one in files if one.suffix == ".safetensors"] or [path]:
        stored, texts = _weights_in(file)
        tensors |= stored
        metadata |= {f"__metadata__.{key}": text for key, text in texts.items()}
    return Reading("safetensors", tensors, metadata)


def _weights_in(file: Path) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """The tensors of one file, and its metadata.

    The library tells the order of the data and no offsets. It refuses holes, so they follow: the data ends where the
    file does, and every tensor begins where the one before it ends.
    """
    from safetensors import safe_open

    with _may_refuse("safetensors", file), safe_open(file, framework="numpy") as weights:
        found = {name: weights.get_slice(name) for name in weights.offset_keys()}
        shapes = {name: tuple(one.get_shape()) for name, one in found.items()}
        dtypes = {name: str(one.get_dtype()) for name, one in found.items()}
        texts = dict(weights.metadata() or {})
    sizes = {name: _elements(shapes[name]) * _SAFETENSORS_BITS[dtypes[name]] // 8 for name in shapes}
    offset = file.stat().st_size - sum(sizes.values())
    tensors = {}
    for name, nbytes in sizes.items():
        tensors[name] = StoredTensor(
            shapes[name], dtypes[name], nbytes, file, offset, _hash_in(file, name, dtypes[name], offset, nbytes)
        )
        offset += nbytes
    return tensors, texts


def _elements(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _hash_in(file: Path, name: str, dtype: str, offset: int, nbytes: int) -> Callable[[], str]:
    """Hashes the tensor that the library hands out, or its bytes in the file for a type that numpy does not have."""
    if dtype in _NOT_IN_NUMPY:
        return cache(lambda: _hash_of_range(file, offset, nbytes))
    return cache(lambda: _hash_of_tensor(file, name))


def _hash_of_tensor(file: Path, name: str) -> str:
    from safetensors import safe_open

    with _may_refuse("safetensors", file), safe_open(file, framework="numpy") as weights:
        return _hashed(weights.get_tensor(name))


def _hash_of_range(file: Path, offset: int, nbytes: int) -> str:
    from blake3 import blake3

    digest = blake3()
    with file.open("rb") as stream:
        stream.seek(offset)
        while nbytes and (block := stream.read(min(nbytes, _BLOCK_BYTES))):
            digest.update(block)
            nbytes -= len(block)
    return digest.hexdigest()


# torch.dtype -> the name that safetensors has for it.
_TORCH_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "complex64": "C64",
}  # fmt: skip


def _read_pytorch(model: Model) -> Reading:
    """Tensors as ``torch.load(weights_only=True)`` gives them; those inside of mappings have dotted names.

    torch is no import of the check, which would pay for it with every other format. It tells neither where a tensor
    lies, nor which part of a checkpoint is the model (falsifiable's choice is taken), nor anything of the other parts.
    """
    import torch

    (file,) = model.files
    part = model.metadata.get("__state_dict__")
    shared = {key.removeprefix("__shared__.") for key in model.metadata if key.startswith("__shared__.")}
    with _may_refuse("torch.load(weights_only=True)", file):
        loaded = torch.load(file, map_location="cpu", weights_only=True)
        chosen = loaded[part] if part else _without_other_parts(loaded, model)
        found = {name: one for name, one in _named_tensors(chosen, "", torch.Tensor) if name not in shared}
        tensors = {name: _tensor_of_torch(one, file) for name, one in found.items()}
    return Reading("torch", tensors, {}, metadata_is_complete=False)


def _without_other_parts(loaded: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The entries at the top of a checkpoint that hold a tensor of the model: an optimizer beside it does not."""
    return {
        key: one
        for key, one in loaded.items()
        if (isinstance(one, Mapping) and any(name.startswith(f"{key}.") for name in model.tensors))
        or (not isinstance(one, Mapping) and any(name in loaded for name in model.tensors))
    }


def _named_tensors(value: object, name: str, kind: type) -> Iterator[tuple[str, Any]]:
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _named_tensors(inner, f"{name}.{key}" if name else str(key), kind)


def _tensor_of_torch(one: Any, file: Path) -> StoredTensor:
    import torch

    dtype = _TORCH_TYPES.get(str(one.dtype).removeprefix("torch."), str(one.dtype))
    flat = one.detach().contiguous().reshape(-1)
    return StoredTensor(
        tuple(one.shape),
        dtype,
        flat.numel() * flat.element_size(),
        file,
        None,
        cache(lambda: _hashed(flat.view(torch.uint8).numpy())),
    )


def tokenizer_file(tokenizer: Tokenizer) -> Path | None:
    """The ``tokenizer.json`` that a tokenizer was read from, whatever its name; None where it was another format."""
    named = [one for one in tokenizer.files if one.name == "tokenizer.json"]
    alone = [one for one in tokenizer.files if one.suffix == ".json" and one.name != "vocab.json"]
    return next(iter(named or (alone if len(tokenizer.files) == 1 else [])), None)


def read_tokenizer(tokenizer: Tokenizer, file: Path) -> TokenizerReading:
    """``file`` as ``tokenizers`` reads it, and the special ids that the files beside it state by their texts.

    Raises:
        Refusal: the library refuses the file.
        FileNotFoundError: the file is not on this machine.
    """
    os.fspath(file)
    with _may_refuse("tokenizers", file):
        from tokenizers import Tokenizer as Library

        library = Library.from_file(str(file))
        ids = library.get_vocab(with_added_tokens=True)
        added = {token_id: one.content for token_id, one in library.get_added_tokens_decoder().items()}
        model = json.loads(library.to_str())["model"]
    merges = [one if isinstance(one, str) else " ".join(one) for one in model.get("merges", ())]
    tokens = {token_id: token for token, token_id in ids.items()}
    return TokenizerReading(tokens, added, merges, model["type"], _special_ids(tokenizer, model, ids))


def _special_ids(tokenizer: Tokenizer, model: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, int | None]:
    """Special ids by field: those that ``tokenizer_config.json`` states, and the model's own unknown token.

    ``special_tokens_map.json`` states them a third time, which is not compared here.
    """
    beside = {one.name: one for one in tokenizer.files}
    if "special_tokens_map.json" in beside:
        return {}
    config = json.loads(beside["tokenizer_config.json"].read_bytes()) if "tokenizer_config.json" in beside else {}
    unknown = model.get("unk_token")
    stated: dict[str, int | None] = {"unk_token_id": ids.get(unknown) if unknown is not None else model.get("unk_id")}
    for name in ("bos", "eos", "pad", "unk"):
        text = config.get(f"{name}_token")
        text = text.get("content") if isinstance(text, Mapping) else text
        if text is not None or name != "unk":
            stated[f"{name}_token_id"] = ids.get(text) if isinstance(text, str) else None
    return stated
