"""What ``record --check`` has to say, and how a region differs from what the evidence implies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from falsifiable.spec.markdown import cells
from falsifiable.spec.regions import Region

Kind = Literal["out-of-date", "edited", "marker", "evidence", "stale", "pending", "undecided", "amendment"]
Severity = Literal["error", "inconclusive", "note"]

DIFFERENCES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, at a path relative to the workspace.

    An ``error`` is out of date or was tampered with (exit code 1), what is ``inconclusive`` could not be seen from here
    (exit code 2), and a ``note`` is worth knowing and fails nothing.
    """

    kind: Kind
    severity: Severity
    path: str
    message: str
    line: int | None = None
    hint: str = ""

    @property
    def place(self) -> str:
        """``file:line``, or the file where it is about the whole of it."""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def differences(region: Region, computed: str) -> tuple[str, ...]:
    """Where the written region and the computed one part, cell by cell where both have the row."""
    every = list(_differences(region, computed))
    more = len(every) - DIFFERENCES_SHOWN
    return tuple(every[:DIFFERENCES_SHOWN]) + ((f"and {more} more",) if more > 0 else ())


def _differences(region: Region, computed: str) -> Iterator[str]:
    written, wanted = region.content.split("\n"), computed.split("\n")
    for _, begin, end, wanted_begin, wanted_end in SequenceMatcher(None, written, wanted, False).get_opcodes():
        if written[begin:end] == wanted[wanted_begin:wanted_end]:
            continue
        for here, there in zip_longest(range(begin, end), range(wanted_begin, wanted_end)):
            line = region.content_line + (end if here is None else here)
            found = None if here is None else written[here]
            expected = None if there is None else wanted[there]
            yield from _of_line(line, found, expected, [] if there is None else _header(wanted, there))


def _of_line(line: int, written: str | None, wanted: str | None, header: list[str]) -> Iterator[str]:
    row, computed = cells(written or ""), cells(wanted or "")
    if row and computed and row[0] == computed[0] and len(row) == len(computed) == len(header):
        for column, found, expected in zip(header, row, computed, strict=True):
            if found != expected:
                yield f"line {line}, {row[0]}, {column}: says {_quoted(found)}, the evidence says {_quoted(expected)}"
        return
    if written:
        yield f"line {line} says {_quoted(written)}" + ("" if wanted else ", for which there is no evidence")
    if wanted:
        yield f"the evidence says {_quoted(wanted)}" + ("" if written else f", which is missing before line {line}")


def _header(lines: list[str], index: int) -> list[str]:
    """The column names of the table that line ``index`` belongs to."""
    while index > 0 and cells(lines[index - 1]) is not None:
        index -= 1
    return cells(lines[index]) or []


def _quoted(text: str) -> str:
    return f"{text[:117]}..." if len(text) > 120 else text or "nothing"
