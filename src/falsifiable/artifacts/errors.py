"""The one exception that opening or reading an artifact raises."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Fault = Literal["unreadable", "unsound"]


class ArtifactError(Exception):
    """An artifact could not be read, or breaks the rules of its own format.

    ``kind`` is ``"unreadable"`` for what cannot be judged (an absent file, a named pipe, bytes of no known format, a
    size beyond a limit) and ``"unsound"`` for a recognised format that breaks its own rules (cut data, overlapping
    tensors), which falsifies the artifact. ``offset`` counts bytes from the start of the file.
    """

    def __init__(
        self,
        path: Path | str,
        message: str,
        *,
        offset: int | None = None,
        expected: str | None = None,
        hint: str | None = None,
        kind: Fault = "unreadable",
    ) -> None:
        self.path = path if isinstance(path, Path) else Path(path)
        self.place = str(path)  # a Path would take the slashes of a URL together
        self.message = message
        self.offset = offset
        self.expected = expected
        self.hint = hint
        self.kind: Fault = kind
        super().__init__(str(self))

    def __str__(self) -> str:
        """``file: at byte 8: what was found; expected this. What to do next``."""
        text = f"{self.place}: "
        if self.offset is not None:
            text += f"at byte {self.offset}: "
        text += self.message
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.hint is not None:
            text += f". {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        """An error crosses from a worker process with all its fields."""
        place = self.path if str(self.path) == self.place else self.place
        return _rebuilt, (place, self.message, self.offset, self.expected, self.hint, self.kind)


def _rebuilt(
    path: Path | str, message: str, offset: int | None, expected: str | None, hint: str | None, kind: Fault
) -> ArtifactError:
    return ArtifactError(path, message, offset=offset, expected=expected, hint=hint, kind=kind)
