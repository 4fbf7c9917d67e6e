"""A model as files that a client can be given: those it was read from, or for a mutant new ones in a passing folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from falsifiable import Model

_GENERATION, _HEADER = "generation_config.", "__metadata__."
_REWRITTEN = ("config.json", "generation_config.json")
_WEIGHTS = (".safetensors", ".bin", ".index.json")
_TORCH_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_UINT32_END = 2**32


class UnwritableError(ValueError):
    """A mutant that no file can hold, or not in this format."""


@contextmanager
def as_files(model: Model) -> Iterator[Path]:
    """The file or folder to give to a client; a mutant's is removed afterwards.

    Raises:
        UnwritableError: the model is a mutant that cannot be written.
    """
    if not model.is_mutant:
        yield model.path
        return
    if model.format not in ("gguf", "huggingface"):
        raise UnwritableError(f"a mutant of a {model.format} model cannot be written for a client")
    with tempfile.TemporaryDirectory(prefix="falsifiable-client-") as folder:
        place = Path(folder) / "model.gguf" if model.format == "gguf" else Path(folder) / "model"
        try:
            (_write_gguf if model.format == "gguf" else _write_folder)(model, place)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise UnwritableError(f"the mutant cannot be written as {model.format}: {error}") from error
        yield place


def _write_gguf(model: Model, path: Path) -> None:
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter

    writer = GGUFWriter(path, "")
    writer.kv_data[0].clear()  # the library writes an architecture of its own; ours may be absent, or no text
    for key, value in model.metadata.items():
        _add_value(writer, key, value)
    for name, info in model.tensors.items():
        kept = model.stored_bytes(name)
        if kept is None:
            writer.add_tensor(name, np.ascontiguousarray(model.as_stored(name), dtype=np.float32))
        else:
            shape = (*info.shape[:-1], info.nbytes // max(1, _product(info.shape[:-1])))
            values = np.frombuffer(kept, dtype=np.uint8).reshape(shape)
            writer.add_tensor(name, values, raw_dtype=GGMLQuantizationType[info.dtype])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _product(sizes: Sequence[int]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def _add_value(writer: Any, key: str, value: Any) -> None:
    from gguf import GGUFValueType

    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value):  # the library cannot write an empty list; clients take an absent one for the same
            kind = GGUFValueType[_value_type(value[0], in_list=True)]
            writer.add_key_value(key, list(value), GGUFValueType.ARRAY, sub_type=kind)
    else:
        writer.add_key_value(key, value, GGUFValueType[_value_type(value, in_list=False)])


def _value_type(value: Any, *, in_list: bool) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0 or in_list:
            return "INT32"
        return "UINT32" if value < _UINT32_END else "UINT64"
    names = {bool: "BOOL", float: "FLOAT32", str: "STRING"}
    if type(value) not in names:
        raise TypeError(f"a {type(value).__name__} is no value of GGUF")
    return names[type(value)]


def _write_folder(model: Model, folder: Path) -> None:
    folder.mkdir()
    own = model.metadata.items()
    config = {key: value for key, value in own if not key.startswith((_GENERATION, _HEADER))}
    generation = {key.removeprefix(_GENERATION): value for key, value in own if key.startswith(_GENERATION)}
    header = {key.removeprefix(_HEADER): str(value) for key, value in own if key.startswith(_HEADER)}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if generation:
        (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    _copy_tokenizer(model, folder)
    _write_weights(model, folder / "model.safetensors", header)


def _copy_tokenizer(model: Model, folder: Path) -> None:
    """Everything beside the weights, unless the mutation took the tokenizer away."""
    if model.tokenizer is None:
        return
    if model.tokenizer.is_mutant:
        raise UnwritableError("a changed tokenizer cannot be written beside the weights")
    for file in model.path.iterdir():
        if file.is_file() and file.name not in _REWRITTEN and not file.name.endswith(_WEIGHTS):
            shutil.copy(file, folder / file.name)


def _write_weights(model: Model, path: Path, header: dict[str, str]) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {}
    for name, info in model.tensors.items():
        kept = model.stored_bytes(name)
        if kept is None:
            tensors[name] = torch.tensor(model.as_stored(name), dtype=torch.float32).contiguous()
        else:
            kind = getattr(torch, _TORCH_TYPES[info.dtype])
            tensors[name] = torch.frombuffer(bytearray(kept), dtype=kind).reshape(info.shape)
    save_file(tensors, path, {"format": "pt", **header})
