"""One file in the ``pv`` dialect, with all that is reported of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from falsifiable.contracts.diagnostics import Diagnostic
from falsifiable.contracts.pv.lint import Lint

if TYPE_CHECKING:
    from falsifiable.contracts.pv.parts import Part


class PvFile(NamedTuple):
    """One file in the ``pv`` dialect.

    ``lint`` is what its bytes tell. ``part`` is what could be read of it (None where it is no YAML, or where the lint
    was known and nothing had to be read), ``sound`` whether pv could read it. ``source`` is where it lies; ``path`` is
    as shown in diagnostics.
    """

    path: str
    diagnostics: tuple[Diagnostic, ...]
    lint: Lint
    part: Part | None = None
    sound: bool = False
    source: Path | None = None

    @property
    def stem(self) -> str:
        """The name other contracts depend on it by: that of the file, without its ending."""
        return PurePath(self.path).stem

    @property
    def valid(self) -> bool:
        """Whether nothing is an error."""
        return not any(one.severity == "error" for one in self.diagnostics)

    def with_diagnostics(self, more: Iterable[Diagnostic]) -> PvFile:
        """The same file with ``more`` diagnostics, in the order of the file."""
        both = sorted((*self.diagnostics, *more), key=lambda one: (one.line, one.column))
        return self._replace(diagnostics=tuple(both))


def linted(path: str, lint: Lint, source: Path | None) -> PvFile:
    """The file shown as ``path``, of which nothing but the lint of its bytes is known."""
    return PvFile(path, tuple(one.in_file(path) for one in lint.faults), lint, source=source)
