"""Faults of a file as values: which rule, where, what was found, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from falsifiable.contracts.spelling import nearest

Severity = Literal["error", "warning"]

_LONGEST_QUOTE_CHARACTERS = 60
_LONGEST_WORD_COMPARED_CHARACTERS = 100
_MOST_NAMES_LISTED = 12


class Position(NamedTuple):
    """A place in a text file; the first character of a file is line 1, column 1."""

    line: int = 1
    column: int = 1


class _Fault(NamedTuple):
    rule: str
    severity: Severity
    path: str
    line: int
    column: int
    message: str
    hint: str


class Diagnostic(_Fault):
    """One fault of one file.

    ``path`` is shown as given (relative to the workspace root where there is one), ``line`` and ``column`` count from 1
    in characters, ``message`` says what was found and what was expected, ``hint`` what to do next. Characters that a
    terminal would not show as themselves (control, bidirectional, zero-width) are escaped on construction, so that no
    listener has to remember to.
    """

    __slots__ = ()

    def __new__(
        cls, rule: str, severity: Severity, path: str, line: int, column: int, message: str, hint: str = ""
    ) -> Diagnostic:
        """The fault, its texts made printable."""
        return super().__new__(cls, rule, severity, printable(path), line, column, printable(message), printable(hint))

    def moved(self, path: str) -> Diagnostic:
        """The same fault of the file shown as ``path``."""
        return self._replace(path=printable(path))

    @property
    def place(self) -> str:
        """``file:line:column``, the form editors turn into a link.

        The log of a build server takes a line that begins with ``::`` for a command, and a file may be called so.
        """
        path = f"./{self.path}" if self.path.startswith(":") else self.path
        return f"{path}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.severity} {self.rule}: {self.message}" + (f"; {self.hint}" if self.hint else "")

    def explained(self) -> str:
        """Several lines: the fault, the hint, and where to read more."""
        lines = [f"{self.place}: {self.severity}: {self.message}"]
        if self.hint:
            lines.append(f"    {self.hint}")
        lines.append(f"    more: contract explain {self.rule}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; ``Diagnostic(**d.to_json()) == d``."""
        return self._asdict()


def printable(text: str) -> str:
    """``text`` with every character that does not print as itself written as an escape (``\\x1b``, ``\\u202e``)."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def shortened(text: str) -> str:
    """``text``, or its beginning where it is too long for a message."""
    return text if len(text) <= _LONGEST_QUOTE_CHARACTERS else f"{text[:_LONGEST_QUOTE_CHARACTERS]}..."


def quoted(text: str) -> str:
    """``text`` in quotes, shortened where it is long."""
    return f"'{shortened(text)}'"


def suggestion(word: str, known: Iterable[str], what: str) -> str:
    """A hint for a ``word`` that is none of ``known``: the nearest spelling, and the names there are.

    ``what`` names them in the plural, such as ``known keys``.
    """
    names = sorted(known)
    if not names:
        return f"{what}: none"
    compared = word[:_LONGEST_WORD_COMPARED_CHARACTERS].lower().replace("_", "-")
    spellings = {name.lower().replace("_", "-"): name for name in reversed(names)}
    near = nearest(compared, spellings)
    listed = ", ".join(names[:_MOST_NAMES_LISTED])
    more = len(names) - _MOST_NAMES_LISTED
    rest = f" and {more} more" if more > 0 else ""
    return (f"did you mean '{spellings[near]}'? " if near is not None else "") + f"{what}: {listed}{rest}"
