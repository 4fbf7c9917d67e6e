"""Markdown that one person writes and a program sets among the Markdown of others: what it must not do there.

A text is set below a heading of its own, with blank lines around it. It is whole in itself if nothing of it is open at
its end, if it makes no heading that outranks the one above it, and if no other text means something else because of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.token import Token

HIGHEST_HEADING = 4
"""The level of the highest heading a text may hold: those above are the sections and their parts."""

_AFTER = "What follows."
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
_ALLOWED = "\t\u200c\u200d"
"""Beside tabs the two joiners, without which Persian and some emoji cannot be written."""

_NO_HTML = "put it between backticks, or write &lt; for <"


@dataclass(frozen=True, slots=True)
class MarkdownFault:
    """Something that a text does to its surroundings; ``line`` counts from 1 within the text."""

    line: int
    message: str
    hint: str


def block_faults(text: str) -> tuple[MarkdownFault, ...]:
    """What keeps ``text`` from standing as paragraphs, lists, tables and code among the sections of a document.

    Raw HTML (comments are markers of regions), headings of the sections' own ranks, link definitions, which hold for
    the whole document, a code block that is never closed, and characters that cannot be seen.
    """
    environment: dict[str, Any] = {}
    tokens = _parsed(f"{text}\n\n{_AFTER}\n", environment)
    found = [*_of_characters(text), *_of_tokens(tokens), *_of_definitions(environment)]
    if tokens[-1].type not in ("paragraph_close", "html_block"):
        line = tokens[-1].map[0] + 1 if tokens[-1].map else 1
        found.append(MarkdownFault(line, "a code block begins here and never ends", "close it with the same fence"))
    return tuple(sorted(found, key=lambda one: one.line))


def line_faults(text: str) -> tuple[MarkdownFault, ...]:
    """What keeps ``text`` from standing as one paragraph, such as the answer in a numbered list."""
    environment: dict[str, Any] = {}
    tokens = _parsed(text, environment)
    found = [*_of_characters(text), *_of_tokens(tokens), *_of_definitions(environment)]
    if not found and [one.type for one in tokens] != ["paragraph_open", "inline", "paragraph_close"]:
        message = "expected one paragraph; its beginning makes it a list, a quotation, a heading or a code block"
        found.append(MarkdownFault(1, message, "begin with a word, or put a backslash before the first character"))
    return tuple(found)


def _parsed(text: str, environment: dict[str, Any]) -> list[Token]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").parse(text, environment)


def _of_characters(text: str) -> Iterator[MarkdownFault]:
    for number, line in enumerate(text.split("\n"), start=1):
        for character in line:
            if unicodedata.category(character) in _UNSEEN and character not in _ALLOWED:
                message = f"the character U+{ord(character):04X} cannot be seen, and may change how others are read"
                yield MarkdownFault(number, message, "remove it")
                break


def _of_tokens(tokens: list[Token]) -> Iterator[MarkdownFault]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "html_block":
            yield _html(line, token.content)
        elif token.type == "heading_open" and int(token.tag[1:]) < HIGHEST_HEADING:
            hint = f"use {'#' * HIGHEST_HEADING} or deeper (a line of === or --- below a text makes it a heading, too)"
            yield MarkdownFault(
                line, f"a heading of level {token.tag[1:]}, which is for sections and their parts", hint
            )
        for child in token.children or ():
            if child.type == "html_inline":
                yield _html(line, child.content)
                break


def _html(line: int, content: str) -> MarkdownFault:
    shown = content.strip().split("\n")[0][:60]
    return MarkdownFault(line, f"raw HTML, {shown!r}, which reaches beyond this text", _NO_HTML)


def _of_definitions(environment: Mapping[str, Any]) -> Iterator[MarkdownFault]:
    for label, one in environment.get("references", {}).items():
        message = f"the definition of the link [{label.lower()[:60]}] would hold for the whole document"
        hint = "write the address where it is used: [text](address)"
        yield MarkdownFault(one["map"][0] + 1, message, hint)
