"""A class of defects in a ledger: what is wrong, how often, and where it stands first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

FIRST = 3
"""Rows that are shown of each class."""


@dataclass(frozen=True, slots=True)
class Found:
    """One place where a defect stands: the file, its line, and what is there."""

    path: Path
    line: int
    said: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}: {self.said}"


@dataclass(frozen=True, slots=True)
class Defect:
    """Every occurrence of one class of defects.

    Attributes:
        name: kebab-case, stable.
        title: what is wrong, in words.
        count: how many ``of`` there are: rows, ids, runs, groups.
        of: what is counted.
        runs: the runs that it touches.
        voids: whether a curve of such a run counts for nothing.
        first: where it stands first.
        more: other figures about it, in words; "" where there are none.
    """

    name: str
    title: str
    count: int
    of: str
    runs: frozenset[str]
    voids: bool
    first: tuple[Found, ...]
    more: str = ""


def defect(
    name: str,
    title: str,
    places: Sequence[Found],
    runs: Iterable[str],
    *,
    of: str,
    voids: bool = False,
    count: int | None = None,
    more: str = "",
) -> Defect:
    """A class of defects from all its places; ``count`` where places are not what is counted."""
    number = len(places) if count is None else count
    return Defect(name, title, number, of, frozenset(runs), voids, tuple(places[:FIRST]), more)
