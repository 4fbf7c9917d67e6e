"""Texts from files made safe to print: no control, escape or direction character reaches a terminal."""

from __future__ import annotations

import json
import unicodedata
from typing import Any


def clean(text: str) -> str:
    """``text`` on one line with control, format and direction characters escaped as ``\\xNN`` or ``\\uNNNN``."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t\r":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character


def json_text(data: Any) -> str:
    """JSON data as every verb prints it."""
    return json.dumps(data, indent=2) + "\n"


def counted(number: int, noun: str) -> str:
    """``1 contract``, ``2 contracts``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def shortened(text: str, width: int) -> str:
    """At most ``width`` characters of ``text``, cut at a word with an ellipsis."""
    if len(text) <= width:
        return text
    kept = text[: width - 1]
    return (kept.rsplit(" ", 1)[0] if " " in kept[width // 2 :] else kept) + "…"
