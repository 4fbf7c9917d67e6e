"""Tensors of a model: where they lie, and their values on demand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.dtypes import ELEMENT_TYPES, UndecodableError, decode
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.sources.files import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_IN_A_FILE = -1


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a file declares about a tensor.

    ``shape`` is row-major (``[out, in]`` for a projection), whatever order the file uses. ``offset`` counts bytes from
    the start of ``file``; it is -1 for a tensor that a mutation added, whose values are zeros. ``strides`` (elements)
    are those of a view that does not lie in row-major order (PyTorch saves a transposed tensor so), else None.
    """

    name: str
    canonical: str | None
    shape: tuple[int, ...]
    dtype: str
    file: Path
    offset: int
    nbytes: int
    strides: tuple[int, ...] | None = None

    @property
    def elements(self) -> int:
        """How many elements the tensor has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; its values are read when :meth:`numpy` is called, each time anew."""

    info: TensorInfo
    _read: Callable[[], NDArray[Any]]

    @property
    def name(self) -> str:
        """The stored name."""
        return self.info.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, row-major."""
        return self.info.shape

    @property
    def dtype(self) -> str:
        """The stored element type, such as ``BF16`` or ``Q4_1``."""
        return self.info.dtype

    def numpy(self) -> NDArray[Any]:
        """The values, shaped ``shape``, dequantised, rows in Hugging Face order; treat the array as read-only.

        Floats of 16 bits or fewer and quantised elements become float32; other types keep theirs. Raises ArtifactError
        where the type cannot be decoded or the file changed since it was opened.
        """
        return self._read()


def read_values(info: TensorInfo, source: Source) -> NDArray[Any]:
    """The values of a tensor in the order of the file, through the memory map of ``source``; zeros if not stored."""
    import numpy

    if info.offset == NOT_IN_A_FILE or not info.nbytes:
        return _zeros(info)
    content = source.view(info.offset, info.nbytes)
    try:
        values = decode(content, ELEMENT_TYPES[info.dtype])
    except UndecodableError as fault:
        raise ArtifactError(info.file, f"tensor {info.name!r}: {fault}", offset=info.offset) from fault
    if info.strides is None:
        return values.reshape(info.shape)
    step = values.itemsize
    return numpy.lib.stride_tricks.as_strided(values, info.shape, [one * step for one in info.strides], writeable=False)


def _zeros(info: TensorInfo) -> NDArray[Any]:
    """A tensor without values may still be too long for an array in its other sizes."""
    import numpy

    try:
        return numpy.zeros(info.shape, dtype=numpy.float32)
    except (ValueError, OverflowError) as fault:
        said = f"tensor {info.name!r} of shape {list(info.shape)!r:.80} fits into no array"
        raise ArtifactError(info.file, said, kind="unsound") from fault


def verify_booleans(info: TensorInfo, source: Source, block_bytes: int) -> None:
    """Read the bytes of a ``BOOL`` tensor. Raises ArtifactError (unsound) where one is neither 0 nor 1.

    Such a value is true to one program and two to another.
    """
    offset = info.offset
    for block in source.blocks(info.offset, info.nbytes, block_bytes):
        if block.translate(None, b"\0\1"):
            place, byte = next((place, byte) for place, byte in enumerate(block) if byte > 1)
            raise ArtifactError(
                info.file,
                f"tensor {info.name!r} has a boolean of value {byte} at index {offset + place - info.offset}",
                offset=offset + place,
                expected="0 or 1",
                kind="unsound",
            )
        offset += len(block)


def permuted(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of q or k from Hugging Face order (halves of a head) to that of llama.cpp (neighbouring pairs)."""
    return rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermuted(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of q or k from the order of llama.cpp to that of Hugging Face; the inverse of :func:`permuted`."""
    return rows.reshape(heads, len(rows) // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
