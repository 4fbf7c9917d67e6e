"""Arrays in GGUF metadata, kept as bytes and read item by item."""

from __future__ import annotations

import sys
from abc import abstractmethod
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

from falsifiable.artifacts.errors import ArtifactError

Item = TypeVar("Item")


class GgufArray(Sequence[Item]):
    """An immutable array; equal to any sequence of equal items. ``element_type`` is its GGUF name (``FLOAT32``)."""

    __slots__ = ("element_type",)
    __hash__ = None  # type: ignore[assignment]

    element_type: str

    @abstractmethod
    def _item(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self._item(one) for one in range(*index.indices(len(self)))]
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

    def _item(self, index: int) -> Any:
        return self._values[index]


class StringArray(GgufArray[str]):
    """Strings located by one walk and decoded on access; ``file_offset`` is where ``content`` begins in the file."""

    __slots__ = ("_content", "_file_offset", "_path", "_starts")

    def __init__(self, content: bytes, starts: array[int], path: Path, file_offset: int) -> None:
        self.element_type = "STRING"
        self._content = content
        self._starts = starts
        self._path = path
        self._file_offset = file_offset

    def __len__(self) -> int:
        return len(self._starts) - 1

    def _item(self, index: int) -> str:
        begin = self._starts[index] + 8
        try:
            return self._content[begin : self._starts[index + 1]].decode()
        except UnicodeDecodeError as fault:
            raise ArtifactError(
                self._path,
                f"string {index} of an array is not UTF-8",
                offset=self._file_offset + begin + fault.start,
                kind="unsound",
            ) from fault
