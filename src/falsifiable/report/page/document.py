"""The page around its sections: its head, its style and script by their hashes, and the way through it by keyboard.

The Content-Security-Policy lets the page load nothing and run one script: the one whose sha256 it names. The style is
pinned in the same way, so that even markup that somebody smuggled in could neither run nor fetch nor dress up anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from falsifiable.report.page.badges import anchor
from falsifiable.report.page.markup import Element, each, element, rendered
from falsifiable.report.text import clean

STYLE, SCRIPT = "page.css", "page.js"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a heading of its own, and what it is for in a sentence."""

    heading: str
    purpose: str
    content: Sequence[Element]


def document(
    title: str, lead: Iterable[Element], sections: Sequence[Section], shown: Callable[[str], str] = str
) -> str:
    """The whole page. ``shown`` says how each text from elsewhere is to be shown, such as redacted."""
    style, script = _own(STYLE), _own(SCRIPT)
    named = escape(clean(shown(title)), quote=True)
    body = element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        element("header", element("h1", title), *lead, _contents(sections)),
        element("main", *map(_section, sections), id="report", tabindex=-1),
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{named}</title>",
            f"<style>{style}</style></head>",
            rendered(body, shown).removesuffix("</body>"),
            f"<script>{script}</script>",
            "</body>",
            "</html>\n",
        ]
    )


def _contents(sections: Sequence[Section]) -> Element:
    links = (element("a", one.heading, href=f"#{_id(one)}") for one in sections)
    return element("nav", element("ul", *each("li", links)), aria_label="Contents")


def _section(one: Section) -> Element:
    heading = element("h2", one.heading, id=f"{_id(one)}-heading")
    purpose = element("p", one.purpose, class_="quiet")
    return element("section", heading, purpose, *one.content, id=_id(one), aria_labelledby=f"{_id(one)}-heading")


def _id(one: Section) -> str:
    return anchor("section", one.heading.lower().replace(" ", "_"))


def _own(name: str) -> str:
    """A file of this package."""
    return resources.files("falsifiable.report.page").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is loaded; what runs and what dresses the page is exactly what it came with."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
