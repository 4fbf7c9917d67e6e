"""What a pickle holds, as inert data: names, calls, and what reading it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from falsifiable.artifacts.errors import ArtifactError

COMPUTED = "<computed while loading>"
"""The module and name of a reference that is not in the stream as text."""
EXTENSION = "<extension registry>"


@dataclass(frozen=True, slots=True)
class Reference:
    """A function or class that the stream names; ``offset`` is that of the opcode, in the file."""

    module: str
    name: str
    offset: int = field(default=-1, compare=False)

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Called:
    """What a call would have given: what is called, with what, and what was then put into the result.

    ``items`` and ``pairs`` are what APPEND and SETITEM added, ``state`` what BUILD handed over.
    """

    __slots__ = ("arguments", "items", "named", "offset", "opcode", "pairs", "state", "target")

    def __init__(
        self,
        target: object,
        arguments: tuple[object, ...],
        opcode: str,
        offset: int,
        named: dict[object, object] | None = None,
    ) -> None:
        self.target = target
        self.arguments = arguments
        self.opcode = opcode
        self.offset = offset
        self.named = named  # keyword arguments, of NEWOBJ_EX
        self.items: list[object] | None = None
        self.pairs: dict[object, object] | None = None
        self.state: object = None

    def __repr__(self) -> str:
        return f"Called({self.target if isinstance(self.target, Reference) else '...'}, at byte {self.offset})"


class OpaqueKey:
    """A key of a dict that is no plain value; hashing nested tuples from a file is not safe."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


Ending = Literal["stop", "cut", "limit", "break"]
"""Where a run ended: at STOP, at the end of the bytes, at a limit of ours, or where any unpickler breaks."""


@dataclass(frozen=True, slots=True)
class PickleRun:
    """What a pickle holds and what loading it would do.

    ``end`` is the offset behind STOP, in the file. Where ``fault`` is set the value is None: the stream ended before
    its STOP, or it holds what only other unpicklers than this one make a value of, and went on. References and calls
    are those up to ``ending``; where that is ``cut``, bytes up to ``wanted`` were asked for.
    """

    value: object
    end: int
    references: tuple[Reference, ...]
    calls: tuple[Called, ...]
    opcodes: int
    fault: ArtifactError | None = None
    ending: Ending = "stop"
    wanted: int = 0


Persistent = Callable[[object, int], object]
"""What a persistent id (plain data) at an offset stands for."""
