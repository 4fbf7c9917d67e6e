"""Plain text made into Markdown that shows it as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
_SPECIAL = re.compile(r"([\\<>*_\[\]#|])")


def prose(text: str) -> str:
    """``text`` in which nothing but code between backticks means anything to Markdown."""
    return "".join(part if number % 2 else _SPECIAL.sub(r"\\\1", part) for number, part in enumerate(_CODE.split(text)))


def code(text: str, language: str = "") -> str:
    """``text`` as a block that is shown as it stands."""
    body = text.rstrip("\n")
    return f"```{language}\n{body}\n```"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())
