"""Arrays in GGUF metadata, kept as bytes and read item by item."""

from __future__ import annotations

import sys
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from mmap import mmap
from pathlib import Path
from typing import Any, TypeVar, overload

from falsifiable.artifacts.errors import ArtifactError

Item = TypeVar("Item")

LENGTH_BYTES = 8  # of the length before every text
_STRINGS_AT_ONCE = 4096


class GgufArray(Sequence[Item]):
    """An immutable array; equal to any sequence of equal items. ``element_type`` is its GGUF name (``FLOAT32``)."""

    __slots__ = ("element_type",)
    __hash__ = None  # type: ignore[assignment]

    element_type: str

    @abstractmethod
    def _item(self, index: int) -> Item: ...

    def _items(self, indices: range) -> list[Item]:
        return [self._item(index) for index in indices]

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return self._items(range(*index.indices(len(self))))
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"index {index} of an array of {len(self)} items")
        return self._item(position)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __repr__(self) -> str:
        shown = ", ".join(repr(item) for item in self[:3])
        return f"<{len(self)} {self.element_type}: {shown}{', ...' if len(self) > 3 else ''}>"


class NumberArray(GgufArray[Any]):
    """Numbers or booleans; ``code`` is their struct code and ``content`` their little-endian bytes."""

    __slots__ = ("_values",)

    def __init__(self, content: bytes, element_type: str, code: str) -> None:
        self.element_type = element_type
        if sys.byteorder == "big":
            swapped = array("B" if code == "?" else code, content)
            swapped.byteswap()
            content = swapped.tobytes()
        self._values: memoryview[Any] = memoryview(content).cast(code)  # type: ignore[call-overload]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def _item(self, index: int) -> Any:
        return self._values[index]

    def _items(self, indices: range) -> list[Any]:
        stop = None if indices.stop < 0 else indices.stop
        return self._values[indices.start : stop : indices.step].tolist() if indices else []


class StringArray(GgufArray[str]):
    """Strings located by one walk and decoded on access.

    ``content`` is the header of the file, in which they lie one after the other, each with its length before it;
    ``starts`` says where each begins and where the last one ends, in bytes from the start of the file.
    """

    __slots__ = ("_content", "_path", "_starts")

    def __init__(self, content: bytes | mmap, starts: array[int], path: Path) -> None:
        self.element_type = "STRING"
        self._content = content
        self._starts = starts
        self._path = path

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _STRINGS_AT_ONCE):
            yield from self._items(range(first, min(first + _STRINGS_AT_ONCE, len(self))))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StringArray):  # equal texts have equal bytes, lengths included
            return self._stored() == other._stored()
        return super().__eq__(other)

    def _stored(self) -> bytes:
        return self._content[self._starts[0] : self._starts[-1]]

    def _item(self, index: int) -> str:
        begin = self._starts[index] + LENGTH_BYTES
        try:
            return self._content[begin : self._starts[index + 1]].decode()
        except UnicodeDecodeError as fault:
            raise ArtifactError(
                self._path,
                f"string {index} of an array is not UTF-8",
                offset=begin + fault.start,
                kind="unsound",
            ) from fault

    def _items(self, indices: range) -> list[str]:
        if indices.step != 1:
            return super()._items(indices)
        content, starts = self._content, self._starts[indices.start : indices.stop + 1]
        try:
            return [str(content[begin + LENGTH_BYTES : end], "utf-8") for begin, end in pairwise(starts)]
        except UnicodeDecodeError:
            return super()._items(indices)  # which says where
