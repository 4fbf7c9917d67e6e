"""The header of a GGUF file, read strictly, with the standard library alone.

GGUF is magic, version, two counts, key-values, tensor descriptions, and tensor data at aligned offsets
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; versions 2 and 3 share this layout). Every length is
checked against what is left of the file before anything is allocated, and a vocabulary of 150,000 strings is located
in one walk and decoded only when a token is looked at.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from falsifiable.artifacts.dtypes import GGML_TYPES
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.gguf.arrays import NumberArray, StringArray
from falsifiable.artifacts.formats.gguf.cursor import Cursor
from falsifiable.artifacts.formats.gguf.strings import locate_strings
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.naming import tensor_name_fault
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.sources.magic import describe_start
from falsifiable.artifacts.tensors import TensorInfo

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_FIXED_HEADER_BYTES = 24
_ALIGNMENT, _DEFAULT_ALIGNMENT = "general.alignment", 32

# GGUF specification, gguf_metadata_value_type: number -> (name, struct code)
_SCALARS = {
    0: ("UINT8", "B"), 1: ("INT8", "b"), 2: ("UINT16", "H"), 3: ("INT16", "h"), 4: ("UINT32", "I"), 5: ("INT32", "i"),
    6: ("FLOAT32", "f"), 7: ("BOOL", "B"), 10: ("UINT64", "Q"), 11: ("INT64", "q"), 12: ("FLOAT64", "d"),
}  # fmt: skip
_UINT32, _BOOL, _STRING, _ARRAY = 4, 7, 8, 9
_SMALLEST_ENTRY_BYTES = 8 + 4 + 1  # key length, value type, a one-byte value (an empty key is refused later)
_SMALLEST_TENSOR_BYTES = 8 + 4 + 4 + 8  # name length, dimension count, type, offset


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """``metadata`` in the order of the file; ``tensors`` too, with absolute offsets and row-major shapes."""

    version: int
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]


def read_gguf(source: Source, limits: Limits = DEFAULT_LIMITS) -> GgufHeader:
    """The header of an open file; tensor data is not read. Raises ArtifactError."""
    cursor = Cursor(source, limits)
    version = _version(source)
    cursor.need(len(MAGIC) + 4)
    tensor_count, entry_count = _counts(cursor)
    metadata = _metadata(cursor, entry_count)
    alignment = _alignment(cursor, metadata)
    descriptions = _descriptions(cursor, tensor_count)
    data_start = _aligned(cursor.position, alignment)
    tensors = _located(cursor, descriptions, data_start, alignment)
    _check_coverage(cursor, tensors, data_start, alignment)
    return GgufHeader(version, metadata, tensors)


def _version(source: Source) -> int:
    start = source.read(0, min(source.size, 512))
    if not start.startswith(MAGIC):
        known = describe_start(start)
        found = known.description if known else f"begins with {start[:4].hex(' ') or 'nothing: the file is empty'}"
        hint = known.hint if known else None
        raise ArtifactError(source.path, found, offset=0, expected="a GGUF file", hint=hint)
    if len(start) < len(MAGIC) + 4:
        raise ArtifactError(source.path, "magic without a version", offset=4, expected="GGUF version 2 or 3")
    (version,) = struct.unpack_from("<I", start, 4)
    if version not in _VERSIONS:
        (swapped,) = struct.unpack_from(">I", start, 4)
        found = f"big-endian GGUF version {swapped}" if swapped in _VERSIONS else f"GGUF version {version}"
        raise ArtifactError(source.path, found, offset=4, expected="little-endian GGUF version 2 or 3")
    return int(version)


def _counts(cursor: Cursor) -> tuple[int, int]:
    limits = cursor.limits
    result = []
    for what, limit in (("tensors", limits.model_tensors), ("key-values", limits.gguf_metadata_entries)):
        cursor.reading = f"the count of {what}"
        start = cursor.position
        count = cursor.count()
        if count > limit:
            raise ArtifactError(
                cursor.source.path, f"declares {count} {what}", offset=start, expected=f"at most {limit}"
            )
        result.append(count)
    tensors, entries = result
    least = _FIXED_HEADER_BYTES + tensors * _SMALLEST_TENSOR_BYTES + entries * _SMALLEST_ENTRY_BYTES
    if least > cursor.source.size:
        raise cursor.unsound(
            f"{tensors} tensors and {entries} key-values need at least {least} bytes, the file has "
            f"{cursor.source.size}",
            hint="The file was cut while it was written or downloaded",
        )
    return tensors, entries


def _metadata(cursor: Cursor, count: int) -> dict[str, object]:
    metadata: dict[str, object] = {}
    for index in range(count):
        cursor.reading = f"the key of key-value {index}"
        start = cursor.position
        key = cursor.text(cursor.limits.gguf_key_bytes)
        if not key:
            raise cursor.unsound(f"{cursor.reading} is empty", offset=start)
        if key in metadata:
            raise cursor.unsound(f"the key {key!r} stands twice", offset=start)
        cursor.reading = f"the value of {key!r:.100}"
        type_number = int(cursor.unpack("I"))
        if key == _ALIGNMENT and type_number in _SCALARS and type_number != _UINT32:
            # gguf and llama.cpp refuse every other type, even one that holds a good number.
            raise cursor.unsound(
                f"{key} has the type {_SCALARS[type_number][0]}", offset=cursor.position - 4, expected="UINT32"
            )
        metadata[key] = _value(cursor, type_number)
    return metadata


def _value(cursor: Cursor, type_number: int) -> object:
    if type_number == _STRING:
        return cursor.text(cursor.limits.gguf_string_bytes)
    if type_number == _ARRAY:
        return _array(cursor)
    if type_number not in _SCALARS:
        raise cursor.unsound(
            f"{cursor.reading} has type {type_number}", offset=cursor.position - 4, expected="a value type of 0 to 12"
        )
    start = cursor.position
    value = cursor.unpack(_SCALARS[type_number][1])
    if type_number != _BOOL:
        return value
    if value not in (0, 1):
        raise cursor.unsound(f"{cursor.reading} is a boolean of value {value}", offset=start, expected="0 or 1")
    return bool(value)


def _array(cursor: Cursor) -> NumberArray | StringArray:
    start = cursor.position
    element_type, count = int(cursor.unpack("I")), cursor.count()
    if element_type == _ARRAY:
        raise cursor.unsound(f"{cursor.reading} is an array of arrays", offset=start, expected="a flat array")
    if element_type != _STRING and element_type not in _SCALARS:
        raise cursor.unsound(
            f"{cursor.reading} is an array of type {element_type}", offset=start, expected="a value type of 0 to 12"
        )
    if count > cursor.limits.gguf_array_items:
        raise cursor.unsound(
            f"{cursor.reading} is an array of {count} items",
            offset=start,
            expected=f"at most {cursor.limits.gguf_array_items}",
        )
    return locate_strings(cursor, count) if element_type == _STRING else _number_array(cursor, element_type, count)


def _number_array(cursor: Cursor, element_type: int, count: int) -> NumberArray:
    name, code = _SCALARS[element_type]
    length = count * struct.calcsize("<" + code)
    begin = cursor.need(length)
    content = cursor.content[begin : begin + length]
    if element_type == _BOOL and content.strip(b"\0\1"):
        wrong = next(index for index, byte in enumerate(content) if byte > 1)
        raise cursor.unsound(
            f"{cursor.reading} holds a boolean of value {content[wrong]} at index {wrong}",
            offset=begin + wrong,
            expected="0 or 1",
        )
    return NumberArray(content, name, "?" if element_type == _BOOL else code)


def _alignment(cursor: Cursor, metadata: Mapping[str, object]) -> int:
    value = metadata.get(_ALIGNMENT, _DEFAULT_ALIGNMENT)
    limit = cursor.limits.gguf_alignment_bytes
    if type(value) is not int or not 8 <= value <= limit or value & (value - 1):
        raise cursor.unsound(
            f"general.alignment is {value!r:.80}",
            offset=_FIXED_HEADER_BYTES,
            expected=f"a power of two of 8 to {limit}",
        )
    return value


@dataclass(frozen=True, slots=True)
class _Description:
    """A tensor as the header describes it; ``offset`` counts from the start of the data."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    offset: int


def _descriptions(cursor: Cursor, count: int) -> list[_Description]:
    found: dict[str, _Description] = {}
    for index in range(count):
        start = cursor.position
        description = _description(cursor, index)
        if description.name in found:
            raise cursor.unsound(f"the tensor {description.name!r} stands twice", offset=start)
        found[description.name] = description
    return list(found.values())


def _description(cursor: Cursor, index: int) -> _Description:
    cursor.reading = f"the name of tensor {index}"
    start = cursor.position
    name = cursor.text(cursor.limits.gguf_tensor_name_bytes)
    fault = tensor_name_fault(name, cursor.limits.gguf_tensor_name_bytes)
    if fault is not None:
        raise cursor.unsound(f"{cursor.reading}, {name!r}, {fault}", offset=start)
    cursor.reading = f"the description of tensor {name!r}"
    start = cursor.position
    dimensions = int(cursor.unpack("I"))
    if dimensions > cursor.limits.gguf_tensor_dimensions:
        raise cursor.unsound(
            f"tensor {name!r} has {dimensions} dimensions",
            offset=start,
            expected=f"at most {cursor.limits.gguf_tensor_dimensions}",
        )
    innermost_first = cursor.counts(dimensions)
    elements = math.prod(innermost_first)
    if not 0 < elements < 2**63:
        raise cursor.unsound(
            f"tensor {name!r} has sizes {innermost_first}", offset=start + 4, expected="1 to 2^63 - 1 elements"
        )
    start = cursor.position
    kind = GGML_TYPES.get(int(cursor.unpack("I")))
    if kind is None:
        number = struct.unpack_from("<I", cursor.content, start)[0]
        raise cursor.unsound(f"tensor {name!r} has element type {number}", offset=start, expected="a GGML type in use")
    row = innermost_first[0] if innermost_first else 1
    row_bytes = kind.bytes_of(row)
    if row_bytes is None:
        raise cursor.unsound(
            f"tensor {name!r} of {kind.name} has rows of {row} elements",
            offset=start,
            expected=f"a multiple of {kind.block_elements}",
        )
    nbytes = row_bytes * (elements // row)
    return _Description(name, tuple(reversed(innermost_first)), kind.name, nbytes, cursor.count())


def _located(
    cursor: Cursor, descriptions: list[_Description], data_start: int, alignment: int
) -> dict[str, TensorInfo]:
    path = cursor.source.path
    tensors = {}
    for one in descriptions:
        if one.offset % alignment:
            raise cursor.unsound(
                f"tensor {one.name!r} has offset {one.offset}",
                offset=data_start,
                expected=f"a multiple of the alignment, {alignment}",
            )
        tensors[one.name] = TensorInfo(one.name, None, one.shape, one.dtype, path, data_start + one.offset, one.nbytes)
    return tensors


def _check_coverage(cursor: Cursor, tensors: Mapping[str, TensorInfo], data_start: int, alignment: int) -> None:
    """Tensors must follow one another, padded to the alignment, and the last one must end where the file does."""
    size = cursor.source.size
    in_order = sorted(tensors.values(), key=lambda tensor: tensor.offset)
    end, expected, previous = cursor.position, data_start, None
    for tensor in in_order:
        if tensor.offset < expected:
            raise cursor.unsound(
                f"tensors {previous!r} and {tensor.name!r} overlap by {expected - tensor.offset} bytes",
                offset=tensor.offset,
            )
        if tensor.offset > expected:
            raise cursor.unsound(
                f"bytes {expected} to {tensor.offset} belong to no tensor (before {tensor.name!r})", offset=expected
            )
        end, previous = tensor.offset + tensor.nbytes, tensor.name
        expected = _aligned(end, alignment)
        if end > size:
            last = max(one.offset + one.nbytes for one in in_order)
            raise cursor.unsound(
                f"missing {last - size} bytes: tensor {tensor.name!r} lies at bytes {tensor.offset} to {end}, the file "
                f"ends at {size}",
                offset=size,
                expected=f"{last} bytes",
                hint="The file was cut while it was written or downloaded",
            )
    if size > expected:
        trailing = cursor.source.read(expected, min(8, size - expected))
        raise cursor.unsound(
            f"{size - expected} bytes after the last tensor, beginning with {trailing.hex(' ')}",
            offset=expected,
            expected="the end of the file",
        )


def _aligned(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment
