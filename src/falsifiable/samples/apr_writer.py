"""A writer of APR version 2 (the container of aprender), for tests and examples; it needs numpy alone.

Tensor data stand in the order given, as aprender's streaming writer leaves them, and the index is sorted by name.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_ALIGNMENT_BYTES = 64
_ROW_MAJOR = 0x400
_TYPE_NUMBERS = {
    "F32": 0, "F16": 1, "F64": 3, "I32": 4, "I64": 5, "I8": 6, "U8": 7, "Q4_K": 12, "Q6_K": 14, "BF16": 30,
    "APR_Q4": 128, "APR_Q8": 129,
}  # fmt: skip
_TYPE_OF_ARRAY = {
    "float32": "F32", "float16": "F16", "float64": "F64", "int32": "I32", "int64": "I64", "int8": "I8", "uint8": "U8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as bytes, for what numpy has no type for: ``dtype`` is ``BF16``, ``Q4_K``, ``APR_Q4``, ..."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes


def write_apr(
    path: Path,
    metadata: Mapping[str, object],
    tensors: Mapping[str, Array | StoredTensor],
    *,
    flags: int = _ROW_MAJOR,
) -> Path:
    """Write an APR file: the same bytes for the same arguments. Raises KeyError for a type that APR does not have."""
    text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    stored = {name: _stored(tensor) for name, tensor in tensors.items()}
    offsets, data = _laid_out(stored)
    index = b"".join(_entry(name, stored[name], offsets[name]) for name in sorted(stored))
    index_at = _ALIGNMENT_BYTES + len(_padded(text))
    data_at = index_at + len(_padded(index))
    head = struct.pack(
        "<4s2BHIQIQQ", b"APR\0", 2, 0, flags, len(stored), _ALIGNMENT_BYTES, len(text), index_at, data_at
    )
    head += struct.pack("<I20x", zlib.crc32(head + bytes(20)))
    content = head + _padded(text) + _padded(index) + data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content + struct.pack("<I", zlib.crc32(content)))
    return path


def _stored(tensor: Array | StoredTensor) -> StoredTensor:
    if isinstance(tensor, StoredTensor):
        return tensor
    little_endian = tensor.astype(tensor.dtype.newbyteorder("<"), copy=False)
    return StoredTensor(_TYPE_OF_ARRAY[tensor.dtype.name], tensor.shape, little_endian.tobytes())


def _laid_out(stored: Mapping[str, StoredTensor]) -> tuple[dict[str, int], bytes]:
    """Where each tensor begins among the data, and the data."""
    offsets, data = {}, bytearray()
    for name, tensor in stored.items():
        offsets[name] = len(data)
        data += _padded(tensor.content)
    return offsets, bytes(data)


def _entry(name: str, tensor: StoredTensor, offset: int) -> bytes:
    text = name.encode()
    sizes = struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
    kind = struct.pack("<2B", _TYPE_NUMBERS[tensor.dtype], len(tensor.shape))
    return struct.pack("<H", len(text)) + text + kind + sizes + struct.pack("<2Q", offset, len(tensor.content))


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT_BYTES)
