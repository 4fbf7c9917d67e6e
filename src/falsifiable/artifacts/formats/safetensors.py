"""The header of a safetensors file, read strictly.

The file is an 8-byte little-endian header length, a JSON header, and tensor data that the header covers without holes
(https://github.com/huggingface/safetensors, README, "Format"). Stricter than the library in what it lets pass in
silence: a name or key that stands twice, a header that begins with white space, fields the format does not have.
"""

from __future__ import annotations

import math
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from falsifiable.artifacts.dtypes import SAFETENSORS_TYPES
from falsifiable.artifacts.errors import ArtifactError, Fault
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.naming import tensor_name_fault
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.sources.magic import describe_start
from falsifiable.artifacts.tensors import TensorInfo

_LENGTH_BYTES = 8
_ENTRY_FIELDS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """``metadata`` is the ``__metadata__`` of the header; ``tensors`` stand in the order of their data."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorInfo]


def is_safetensors(source: Source) -> bool:
    """Whether a file begins with a length that fits into it, and a JSON object.

    Asked before other formats are: the length may read like the first bytes of a pickle.
    """
    if source.size <= _LENGTH_BYTES:
        return False
    length, first = struct.unpack("<Qc", source.read(0, _LENGTH_BYTES + 1))
    return bool(first == b"{" and length <= source.size - _LENGTH_BYTES)


def read_safetensors(source: Source, limits: Limits = DEFAULT_LIMITS) -> SafetensorsHeader:
    """The header of an open file; tensor data is not read. Raises ArtifactError."""
    length = _header_length(source, limits)
    content = source.read(_LENGTH_BYTES, length)
    header = read_json(content, source.path, limits=limits, kind="unsound", base_offset=_LENGTH_BYTES)
    if not isinstance(header, dict):
        raise _unsound(source, "the header is not a JSON object", offset=_LENGTH_BYTES)
    metadata = _metadata(source, header.pop("__metadata__", {}))
    if len(header) > limits.model_tensors:
        raise ArtifactError(source.path, f"{len(header)} tensors", expected=f"at most {limits.model_tensors}")
    _check_names(source, list(header), limits)
    data_start = _LENGTH_BYTES + length
    tensors = [_tensor(source, name, entry, data_start, limits) for name, entry in header.items()]
    tensors.sort(key=lambda tensor: (tensor.offset, tensor.offset + tensor.nbytes))
    _check_coverage(source, tensors, data_start)
    return SafetensorsHeader(metadata, {tensor.name: tensor for tensor in tensors})


def _header_length(source: Source, limits: Limits) -> int:
    if source.size < _LENGTH_BYTES:
        raise ArtifactError(
            source.path,
            f"{source.size} of {_LENGTH_BYTES} header bytes",
            expected="a safetensors file",
            hint="The file is empty or was cut while it was written or downloaded",
        )
    start = source.read(0, min(source.size, 512))
    (length,) = struct.unpack_from("<Q", start)
    first = start[_LENGTH_BYTES : _LENGTH_BYTES + 1]
    available = source.size - _LENGTH_BYTES
    if length > limits.safetensors_header_bytes or length < 2 or not first or first not in b"{ \t\r\n":
        known = describe_start(start)
        raise ArtifactError(
            source.path,
            known.description if known else f"a header of {length} bytes in a file of {source.size} bytes",
            offset=0,
            expected=f"a safetensors header of at most {limits.safetensors_header_bytes} bytes that begins with '{{'",
            hint=known.hint if known else None,
        )
    if first != b"{":
        raise _unsound(
            source, "the header begins with white space", offset=8, expected="'{', as the format's README says"
        )
    if length > available:
        raise _unsound(
            source,
            f"the header is cut: {available} of {length} bytes",
            offset=source.size,
            hint="The file was cut while it was written or downloaded",
        )
    return int(length)


def _metadata(source: Source, metadata: object) -> Mapping[str, str]:
    if not isinstance(metadata, dict):
        raise _unsound(source, "__metadata__ is not an object", expected="a mapping of text to text")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise _unsound(source, f"__metadata__ has {key!r}: {value!r:.80}", expected="text")
    return metadata


def _check_names(source: Source, names: list[str], limits: Limits) -> None:
    normal_forms: dict[str, str] = {}
    for name in names:
        fault = tensor_name_fault(name, limits.tensor_name_bytes)
        if fault is not None:
            raise _unsound(source, f"tensor name {name[:80]!r} {fault}")
        twin = normal_forms.setdefault(unicodedata.normalize("NFC", name), name)
        if twin != name:
            raise _unsound(source, f"two tensor names that look the same: {twin!a} and {name!a}")


def _tensor(source: Source, name: str, entry: object, data_start: int, limits: Limits) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != _ENTRY_FIELDS:
        found = f"fields {', '.join(sorted(entry))}" if isinstance(entry, dict) else f"{entry!r:.80}"
        raise _unsound(source, f"tensor {name!r} has {found}", expected="dtype, shape and data_offsets")
    kind = SAFETENSORS_TYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if kind is None:
        raise _unsound(
            source,
            f"tensor {name!r} has dtype {entry['dtype']!r:.80}",
            expected=f"one of {', '.join(sorted(SAFETENSORS_TYPES))}",
        )
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _naturals(shape) or len(shape) > limits.tensor_dimensions:
        raise _unsound(
            source,
            f"tensor {name!r} has shape {shape!r:.80}",
            expected=f"a list of at most {limits.tensor_dimensions} whole numbers",
        )
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _unsound(
            source, f"tensor {name!r} has data_offsets {offsets!r:.80}", expected="[begin, end], begin <= end"
        )
    begin, end = offsets
    nbytes = kind.bytes_of(math.prod(shape))
    if nbytes is None or nbytes != end - begin:
        raise _unsound(
            source,
            f"tensor {name!r} covers {end - begin} bytes",
            offset=data_start + begin,
            expected=f"{nbytes} bytes for shape {shape} of {kind.name}",
        )
    return TensorInfo(name, None, tuple(shape), kind.name, source.path, data_start + begin, nbytes)


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)


def _check_coverage(source: Source, tensors: list[TensorInfo], data_start: int) -> None:
    """Tensors in order of their data must follow one another without overlap or hole up to the end of the file."""
    end, previous = data_start, None
    for tensor in tensors:
        if tensor.offset < end:
            raise _unsound(
                source,
                f"tensors {previous!r} and {tensor.name!r} overlap by {end - tensor.offset} bytes",
                offset=tensor.offset,
            )
        if tensor.offset > end:
            raise _unsound(
                source, f"bytes {end} to {tensor.offset} belong to no tensor (before {tensor.name!r})", offset=end
            )
        end, previous = tensor.offset + tensor.nbytes, tensor.name
        if end > source.size:
            last = max(one.offset + one.nbytes for one in tensors)
            raise _unsound(
                source,
                f"missing {last - source.size} bytes: tensor {tensor.name!r} ends at byte {end}, the file at "
                f"{source.size}",
                offset=source.size,
                expected=f"{last} bytes",
                hint="The file was cut while it was written or downloaded",
            )
    if end < source.size:
        trailing = source.read(end, min(8, source.size - end))
        raise _unsound(
            source,
            f"{source.size - end} bytes after the last tensor, beginning with {trailing.hex(' ')}",
            offset=end,
            expected="the end of the file",
        )


def _unsound(
    source: Source,
    message: str,
    *,
    offset: int | None = None,
    expected: str | None = None,
    hint: str | None = None,
) -> ArtifactError:
    kind: Fault = "unsound"
    return ArtifactError(source.path, message, offset=offset, expected=expected, hint=hint, kind=kind)
