"""Tensors in a PyTorch checkpoint: from the inert calls of its pickle to where their bytes lie.

``torch.save`` writes a tensor as a call of ``torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)``, and
a storage as a persistent id ``("storage", class, key, device, elements)`` (torch 2.13, ``serialization.py``). Offset
and strides count elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from falsifiable.artifacts.dtypes import ELEMENT_TYPES
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.pickle_objects import Called, Reference
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.tensors import TensorInfo

_STORAGES: Mapping[str, str | None] = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "UntypedStorage": None, "_UntypedStorage": None,
}  # fmt: skip
_DTYPES: Mapping[str, str] = {
    "float64": "F64", "double": "F64", "float32": "F32", "float": "F32", "float16": "F16", "half": "F16",
    "bfloat16": "BF16", "int64": "I64", "long": "I64", "int32": "I32", "int": "I32", "int16": "I16", "short": "I16",
    "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL", "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}  # fmt: skip
# Storages whose elements this package has no type for: bytes an element, to find the storages behind them.
_OTHER_WIDTHS = {
    "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
}  # fmt: skip
_REBUILD = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
_MOST_WRAPPERS = 4  # a parameter of a tensor subclass is two


@dataclass(frozen=True, slots=True)
class Storage:
    """A persistent id: ``dtype`` is None for an untyped storage, whose ``elements`` are bytes.

    ``view`` is (first element, elements) of a legacy view into it; ``offset`` is where the pickle names the storage.
    """

    key: str
    kind: str
    elements: int
    view: tuple[int, int] | None
    offset: int

    @property
    def dtype(self) -> str | None:
        """The element type, or None where the storage has none."""
        return _STORAGES.get(self.kind)

    @property
    def width(self) -> int:
        """Bytes an element takes."""
        dtype = self.dtype
        return _OTHER_WIDTHS.get(self.kind, 1) if dtype is None else ELEMENT_TYPES[dtype].block_bytes

    @property
    def nbytes(self) -> int:
        """Bytes of the whole storage."""
        return self.elements * self.width


@dataclass(frozen=True, slots=True)
class Place:
    """Where a storage's bytes lie in the file."""

    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A tensor whose values cannot be found as plain bytes, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The arguments of a call that rebuilds a tensor; ``dtype`` is that of the storage unless stated."""

    storage: Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    offset: int


def storage_of(path: Path, identifier: object, offset: int) -> object:
    """What the persistent id at ``offset`` of the pickle stands for. Raises ArtifactError (unsound)."""
    if isinstance(identifier, tuple) and identifier[:1] == ("module",) and len(identifier) >= 2:
        return identifier[1]  # a class with its source, which is not looked at
    match identifier:
        case ("storage", Reference(module=_, name=name), key, str(), int(elements), *rest) if (
            (name in _STORAGES or name in _OTHER_WIDTHS) and isinstance(key, str | int) and elements >= 0
        ):
            return Storage(str(key), name, elements, _view(path, rest[0] if rest else None, elements, offset), offset)
    raise ArtifactError(
        path,
        "the pickle names an object outside itself that is no storage",
        offset=offset,
        expected="('storage', a storage class of torch, key, device, elements)",
        kind="unsound",
    )


def _view(path: Path, view: object, elements: int, offset: int) -> tuple[int, int] | None:
    match view:
        case None:
            return None
        case (_, int(first), int(count)) if 0 <= first <= first + count <= elements and count >= 0:
            return first, count
    raise ArtifactError(path, "a view outside its storage", offset=offset, kind="unsound")


def rebuilt(value: object, path: Path) -> Rebuilt | Unread | None:
    """What an inert value says about a tensor, or None if it is no tensor. Raises ArtifactError (unsound)."""
    for _ in range(_MOST_WRAPPERS):
        if not isinstance(value, Called) or not isinstance(value.target, Reference):
            return None
        module, name, arguments = value.target.module, value.target.name, value.arguments
        if module == "torch._utils" and name in _REBUILD:
            return _rebuilt(value, name, path)
        if module == "torch._utils" and name.startswith("_rebuild_parameter") and arguments:
            value = arguments[0]
        elif module == "torch._tensor" and name.startswith("_rebuild_from_type") and len(arguments) >= 3:
            inner = arguments[2]
            value = Called(arguments[0], inner if isinstance(inner, tuple) else (), value.opcode, value.offset)
        elif module == "torch._utils" and name.startswith("_rebuild_"):
            return Unread(f"{name} is not a plain tensor")
        else:
            return None
    return Unread("wrapped more often than any tensor is")


def _rebuilt(called: Called, name: str, path: Path) -> Rebuilt | Unread:
    fields = called.arguments
    storage, first, size, stride = (*fields, None, None, None, None)[:4]
    shape, strides = _sizes(size), _sizes(stride)
    if not isinstance(storage, Storage) or type(first) is not int or shape is None or strides is None:
        raise ArtifactError(
            path,
            "a tensor is rebuilt from other than storage, offset, size and stride",
            offset=called.offset,
            kind="unsound",
        )
    dtype = storage.dtype
    if name == "_rebuild_tensor_v3":
        stated = fields[6] if len(fields) > 6 else None
        dtype = _DTYPES.get(stated.name) if isinstance(stated, Reference) else None
    if dtype is None:
        return Unread(f"elements of {storage.kind} have no type here")
    marks = fields[7 if name == "_rebuild_tensor_v3" else 6 :]
    if marks and isinstance(marks[0], dict) and any(marks[0].get(bit) for bit in ("conj", "neg")):
        return Unread("its values are negated or conjugated when it is used")
    return Rebuilt(storage, first, shape, strides, dtype, called.offset)


def _sizes(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Called) and isinstance(value.target, Reference) and value.target.name == "Size":
        value = value.arguments[0] if value.arguments else ()
    if isinstance(value, tuple | list) and all(type(one) is int for one in value):
        return tuple(value)
    return None


def located(name: str, tensor: Rebuilt, place: Place, path: Path, limits: Limits) -> TensorInfo:
    """The tensor as bytes of the file; it must lie inside its storage. Raises ArtifactError."""
    storage, shape, strides = tensor.storage, tensor.shape, tensor.strides
    _check_sizes(name, tensor, path, limits)
    if place.nbytes != storage.nbytes:
        raise ArtifactError(
            path,
            f"tensor {name!r}: storage {storage.key} has {place.nbytes} bytes",
            offset=place.offset,
            expected=f"{storage.nbytes} bytes, {storage.elements} elements of {storage.kind}",
            kind="unsound",
        )
    width = ELEMENT_TYPES[tensor.dtype].block_bytes
    begin, available = 0, storage.nbytes
    if storage.view is not None:
        begin, available = storage.view[0] * storage.width, storage.view[1] * storage.width
    elements = math.prod(shape)
    span = 0 if not elements else 1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if (tensor.first + span) * width > available:
        raise ArtifactError(
            path,
            f"tensor {name!r} reaches to byte {(tensor.first + span) * width} of a storage of {available}",
            offset=tensor.offset,
            expected="a view inside its storage",
            kind="unsound",
        )
    if elements > max(limits.expanded_elements, span):
        raise ArtifactError(
            path,
            f"tensor {name!r} shows {span} elements as {elements}",
            offset=tensor.offset,
            expected=f"at most {limits.expanded_elements}",
        )
    plain = not elements or _row_major(shape, strides)
    offset = place.offset + begin + tensor.first * width
    return TensorInfo(name, None, shape, tensor.dtype, path, offset, span * width, None if plain else strides)


def _check_sizes(name: str, tensor: Rebuilt, path: Path, limits: Limits) -> None:
    shape, strides = tensor.shape, tensor.strides
    negative = tensor.first < 0 or any(one < 0 for one in (*shape, *strides))
    if negative or len(shape) != len(strides) or len(shape) > limits.tensor_dimensions:
        raise ArtifactError(
            path,
            f"tensor {name!r} has offset {tensor.first!r:.40}, size {shape!r:.80} and stride {strides!r:.80}",
            offset=tensor.offset,
            expected=f"as many strides as sizes, at most {limits.tensor_dimensions}, none negative",
            kind="unsound",
        )


def _row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    expected = 1
    for size, step in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and step != expected:
            return False
        expected *= size
    return True
