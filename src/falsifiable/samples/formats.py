"""Writers of the two weight formats, small enough to be read at a glance.

They exist for specimens and tests: a file that the readers judge should not have been written by the readers' authors'
idea of a library, and writing it needs numpy alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

GGUF_ALIGNMENT_BYTES = 32

_SAFETENSORS_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
_GGUF_TENSOR_TYPES = {"float32": 0, "float16": 1}
_GGUF_UINT32, _GGUF_INT32, _GGUF_FLOAT32, _GGUF_BOOL, _GGUF_STRING, _GGUF_ARRAY = 4, 5, 6, 7, 8, 9


def write_safetensors(
    path: Path,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, str] | None = None,
    *,
    declared: Mapping[str, str] | None = None,
) -> Path:
    """Write ``tensors`` in the given order, with ``metadata`` as ``__metadata__``; the header is padded to 8 bytes.

    ``declared`` names types that numpy lacks, such as ``BF16``, of tensors that are given as their bit patterns.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        dtype = (declared or {}).get(name) or _SAFETENSORS_DTYPES[tensor.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(_little_endian(tensor) for tensor in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def write_gguf(path: Path, fields: Mapping[str, object], tensors: Mapping[str, Array]) -> Path:
    """Write a GGUF v3 file, little-endian, its tensors aligned to 32 bytes.

    ``fields`` may hold text, booleans, integers (stored as uint32, negative ones as int32), floats (float32), and lists
    of text, integers (int32) or floats. Tensors are float32 or float16, their shape row-major as in numpy; GGUF lists
    the dimensions the other way round.

    Raises:
        TypeError: a field holds something else.
    """
    head = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(fields))]
    head += [_string(key) + _typed_value(key, value) for key, value in fields.items()]
    data: list[bytes] = []
    offset = 0
    for name, tensor in tensors.items():
        dimensions = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        head.append(_string(name) + dimensions + struct.pack("<IQ", _GGUF_TENSOR_TYPES[tensor.dtype.name], offset))
        data.append(_padded(_little_endian(tensor)))
        offset += len(data[-1])
    path.write_bytes(_padded(b"".join(head)) + b"".join(data))
    return path


def _typed_value(key: str, value: object) -> bytes:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return struct.pack("<I", _GGUF_ARRAY) + _array(key, value)
    kind, packed = _scalar(key, value)
    return struct.pack("<I", kind) + packed


def _array(key: str, values: Sequence[object]) -> bytes:
    # An empty list is a list of text: the only lists a model file has empty are tokens and merges.
    kinds_and_items = [_scalar(key, value, integer=_GGUF_INT32) for value in values] or [(_GGUF_STRING, b"")]
    kinds = {kind for kind, _ in kinds_and_items}
    if len(kinds) != 1:
        raise TypeError(f"{key}: a GGUF array holds items of one type, found the types {sorted(kinds)}")
    return struct.pack("<IQ", kinds.pop(), len(values)) + b"".join(item for _, item in kinds_and_items)


def _scalar(key: str, value: object, integer: int = _GGUF_UINT32) -> tuple[int, bytes]:
    match value:
        case bool():
            return _GGUF_BOOL, struct.pack("<?", value)
        case int() if value < 0 or integer == _GGUF_INT32:
            return _GGUF_INT32, struct.pack("<i", value)
        case int():
            return _GGUF_UINT32, struct.pack("<I", value)
        case float():
            return _GGUF_FLOAT32, struct.pack("<f", value)
        case str():
            return _GGUF_STRING, _string(value)
    raise TypeError(f"{key}: cannot store a {type(value).__name__} in GGUF")


def _string(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % GGUF_ALIGNMENT_BYTES)


def _little_endian(tensor: Array) -> bytes:
    return tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes()
