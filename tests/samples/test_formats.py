"""The writers of specimens, judged by the libraries that everybody reads these formats with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable.samples import write_gguf, write_safetensors

TENSORS: dict[str, numpy.ndarray[Any, Any]] = {
    "matrix": numpy.arange(12, dtype=numpy.float32).reshape(3, 4),
    "half": numpy.arange(5, dtype=numpy.float16),
    "scalar": numpy.array(2.5, dtype=numpy.float32),
    "empty": numpy.zeros((0, 3), dtype=numpy.float32),
}


def test_safetensors_reads_back_what_was_written(tmp_path: Path) -> None:
    from safetensors import safe_open

    integers: dict[str, numpy.ndarray[Any, Any]] = {
        name: numpy.arange(2, dtype=name) for name in ("int64", "int32", "int16", "int8", "uint8", "bool")
    }
    tensors = {**TENSORS, **integers, "double": numpy.ones((2, 2))}
    path = write_safetensors(tmp_path / "model.safetensors", tensors, {"format": "pt"})
    with safe_open(path, framework="numpy") as opened:
        assert opened.metadata() == {"format": "pt"}
        assert set(opened.keys()) == set(tensors)
        for name, tensor in tensors.items():
            read = opened.get_tensor(name)
            assert read.dtype == tensor.dtype
            numpy.testing.assert_array_equal(read, tensor)


def test_metadata_may_be_left_out(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "model.safetensors", {"a": TENSORS["half"]})
    assert b"__metadata__" not in path.read_bytes()


def test_gguf_reads_back_what_was_written(tmp_path: Path) -> None:
    from gguf import GGUFReader

    fields: dict[str, object] = {
        "general.architecture": "qwen2",
        "text": "größer",
        "count": 7,
        "negative": -7,
        "ratio": 0.5,
        "flag": True,
        "texts": ["a", "ü"],
        "integers": [1, -2],
        "ratios": [0.5, 1.5],
        "nothing": [],
    }
    tensors = {name: TENSORS[name] for name in ("matrix", "half")}
    reader = GGUFReader(write_gguf(tmp_path / "model.gguf", fields, tensors))
    for key, value in fields.items():
        assert reader.fields[key].contents() == value
    for tensor in reader.tensors:
        assert tensor.data_offset % 32 == 0
        numpy.testing.assert_array_equal(tensor.data, tensors[tensor.name])
    assert list(reader.tensors[0].shape) == [4, 3]  # the other way round than numpy


@pytest.mark.parametrize("value", [None, {"a": 1}, [1, "a"], [[1]]])
def test_gguf_refuses_what_it_cannot_store(value: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="key"):
        write_gguf(tmp_path / "model.gguf", {"key": value}, {})
