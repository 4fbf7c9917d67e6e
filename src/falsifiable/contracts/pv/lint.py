"""What a look at the bytes of one file in the ``pv`` dialect found, and what only its surroundings can tell.

All of it follows from the bytes alone, wherever the file lies and whatever it is called, so that it can be kept under
their digest. It is plain data: texts, numbers and tuples of them, which go through JSON and come back equal.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from falsifiable.contracts.diagnostics import Diagnostic, Position, Severity


class Fault(NamedTuple):
    """A diagnostic that has no file yet."""

    rule: str
    severity: Severity
    line: int
    column: int
    message: str
    hint: str = ""

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.line, self.column)

    def in_file(self, path: str) -> Diagnostic:
        """The diagnostic of the file shown as ``path``."""
        return Diagnostic(self.rule, self.severity, path, self.line, self.column, self.message, self.hint)


Question = Literal["none", "files", "test", "function", "proofs"]


class Doubt(NamedTuple):
    """A fault, and the question that would refute it; ``none`` can be asked about what is certain.

    ``names`` are, for ``files``, paths of which one must be in the workspace; for ``test`` the file of a pytest id, and
    the classes and the function in it; for ``function`` its name. ``proofs`` asks of every one of ``parts`` whether one
    of its files is there; their messages name the theorems.
    """

    fault: Fault
    question: Question = "none"
    names: tuple[str, ...] = ()
    parts: tuple[Doubt, ...] = ()


Named = tuple[str, int, int]
"""A name that stands in the file, with its line and column."""


class Lint(NamedTuple):
    """``faults`` are those of the file itself, as pv reports them; ``doubts`` what pv misses, in this order.

    ``ids`` are those of tests and harnesses, which no other file may have; ``depends_on`` the contracts it leans on.
    """

    faults: tuple[Fault, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    ids: tuple[Named, ...] = ()
    depends_on: tuple[Named, ...] = ()


def lint_from_json(data: Any) -> Lint:
    """The lint that was written as JSON, where tuples are lists."""
    faults, doubts, ids, depends_on = data
    return Lint(
        tuple(Fault(*one) for one in faults),
        tuple(_doubt_from_json(one) for one in doubts),
        tuple((name, line, column) for name, line, column in ids),
        tuple((name, line, column) for name, line, column in depends_on),
    )


def _doubt_from_json(data: Any) -> Doubt:
    fault, question, names, parts = data
    return Doubt(Fault(*fault), question, tuple(names), tuple(_doubt_from_json(one) for one in parts))


def place_of(named: Named) -> Position:
    """Where a name stands."""
    return Position(named[1], named[2])
