"""Text that is safe inside a Markdown table or list, and tables made of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

_SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<!\w)_|_(?!\w))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")


def escaped(text: str) -> str:
    """``text`` as Markdown that shows exactly it: no markup, no HTML, no line break, no invisible character."""
    visible = "".join(_visible(one) for one in " ".join(text.split()))
    return _SPECIAL.sub(r"\\\1", visible).translate(_ENTITIES)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GitHub-style table. Cells must already be escaped."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(one) for one in rows)]
    return "\n".join(lines)


def cells(line: str) -> list[str] | None:
    """The cells of a table's line, None for any other line."""
    stripped = line.strip()
    if not (stripped.startswith("|") and stripped.endswith("|") and len(stripped) > 1):
        return None
    ends = [match.end() - 1 for match in _CELL_END.finditer(stripped)]
    return [stripped[start + 1 : end].strip() for start, end in pairwise(ends)]


def _row(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def _visible(character: str) -> str:
    """Control and format characters (bidirectional overrides among them) as their escape."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co"):
        return character.encode("unicode_escape").decode()
    return character
