"""The state of the pickle machine: the bytes ahead, the stack, the memo, and what was named and called so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.pickle_objects import COMPUTED, Called, Persistent, Reference
from falsifiable.artifacts.limits import Limits


class FaultError(Exception):
    """Why the stream cannot be read on."""


class CutError(FaultError):
    """The bytes end before the stream does."""


class LimitError(FaultError):
    """An unpickler would go on, and this reader does not."""


class StopError(Exception):
    """The opcode STOP."""


class Machine:
    """The stack, the memo and the position of one pickle."""

    def __init__(
        self,
        content: bytes,
        path: Path,
        start: int,
        base_offset: int,
        persistent: Persistent | None,
        limits: Limits,
    ) -> None:
        self.content = content
        self.path = path
        self.position = start
        self.base_offset = base_offset
        self.persistent = persistent
        self.limits = limits
        self.started = start  # where the opcode in hand begins
        self.opcodes = 0
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # the stacks below each MARK
        self.memo: dict[int, Any] = {}
        self.references: list[Reference] = []
        self.calls: list[Called] = []
        self.fault: ArtifactError | None = None  # the first that did not end the run
        self.wanted = 0  # up to where bytes were asked for that are not there
        self.frame_end = 0

    def note(self, what: str) -> None:
        """Remember a fault that some unpickler would not stop at, so that what comes behind it is read."""
        if self.fault is None:
            self.fault = self.error(what)

    def cut(self, count: int, what: str) -> CutError:
        """The error that ``count`` bytes are asked for, which are more than there are."""
        self.wanted = self.position + count
        return CutError(what)

    def error(self, what: str) -> ArtifactError:
        """The fault at the opcode in hand."""
        return ArtifactError(
            self.path,
            f"the pickle {what}",
            offset=self.base_offset + self.started,
            expected="a complete pickle of protocol 0 to 5",
            kind="unsound",
        )

    @property
    def offset(self) -> int:
        """Where the opcode in hand lies in the file."""
        return self.base_offset + self.started

    # Bytes of the stream

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        start = self.position
        end = start + count
        if end > len(self.content):
            raise self.cut(count, f"needs {count} bytes more, {len(self.content) - start} are left: the file was cut")
        if start < self.frame_end:  # asked here, because most bytes are taken outside of frames
            self.check_frame(end)
        self.position = end
        return self.content[start:end]

    def line(self) -> bytes:
        """The bytes up to the next line feed, which is dropped."""
        start = self.position
        end = self.content.find(b"\n", start)
        if end < 0:
            raise self.cut(len(self.content) - start + 1, "has a text argument without an end")
        self.check_frame(end + 1)
        self.position = end + 1
        return self.content[start:end]

    def check_frame(self, end: int) -> None:
        """Bytes up to ``end`` must not leave the frame they begin in.

        Python's unpickler in C drops what is left of a frame then, and reads on behind it when it reads a file, but not
        when it reads bytes: the stream is two programs, of which the other one is not read here.
        """
        if self.position < self.frame_end < end:
            raise LimitError("reaches over the end of a frame, where unpicklers differ in what they read")

    def counted(self, width: int) -> bytes:
        """Bytes behind their length, a little-endian number of ``width`` bytes."""
        length = int.from_bytes(self.take(width), "little")
        return self.short(self.take(length), self.limits.pickle_string_bytes, "a string")

    def short(self, text: bytes, limit: int, what: str) -> bytes:
        """``text``; where it is longer than the limit, nothing, and a fault."""
        if len(text) <= limit:
            return text
        self.note(f"has {what} of {len(text)} bytes (the limit is {limit})")
        return b""

    def digits(self) -> int:
        """A number of the memo, written as text."""
        text = self.line()
        if len(text) > self.limits.json_number_characters:
            raise FaultError(f"has a memo entry of {len(text)} digits")
        return int(text)

    # The stack

    def push(self, value: object) -> None:
        """Put a value on the stack that is current once ``value`` was computed."""
        self.stack.append(value)

    def above_mark(self) -> list[Any]:
        """What was pushed since the last MARK, which is taken off with it."""
        if not self.outer:
            raise FaultError("closes a MARK that is not there")
        found, self.stack = self.stack, self.outer.pop()
        return found

    def remember(self, index: int) -> None:
        """Store the top of the stack in the memo."""
        self.memo[index] = self.stack[-1]
        if len(self.memo) > self.limits.pickle_memo_entries:
            raise LimitError(f"has more than {self.limits.pickle_memo_entries} memo entries, the limit")

    def recall(self, index: int) -> None:
        """Push what the memo holds."""
        if index not in self.memo:
            raise FaultError(f"uses memo entry {index}, which it never wrote")
        self.stack.append(self.memo[index])

    # Names and calls

    def refer(self, module: object, name: object) -> Reference:
        """The inert reference to a name; a name that is no text was computed by what the stream calls."""
        known = isinstance(module, str) and isinstance(name, str)
        reference = Reference(str(module), str(name), self.offset) if known else Reference(COMPUTED, "", self.offset)
        self.references.append(reference)
        if len(self.references) > self.limits.pickle_names:
            raise LimitError(f"names more than {self.limits.pickle_names} functions and classes, the limit")
        if known and len(str(module)) + len(str(name)) > self.limits.pickle_name_characters:
            raise LimitError("names a function or class of absurd length")
        return reference

    def call(self, target: object, arguments: object, opcode: str, named: object = None) -> Called:
        """The inert record of a call."""
        plain = arguments if isinstance(arguments, tuple) else (arguments,)
        called = Called(target, plain, opcode, self.offset, named if isinstance(named, dict) else None)
        self.calls.append(called)
        if not isinstance(arguments, tuple):
            self.note(f"calls with arguments that are no tuple ({opcode})")
        return called
