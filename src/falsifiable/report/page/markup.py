"""Elements of a page as a tree: a text in it is always a text, because markup is written in one place only.

Names of runs, roles, tensors and files come from elsewhere. They are handed over as plain ``str``, and there is no way
to hand over markup: what is no :class:`Element` is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from falsifiable.report.text import clean

Attribute = str | int | float | bool | None

VOID = frozenset({"br", "hr", "input"})
"""Elements of HTML that have no end."""
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_ATTRIBUTE = re.compile(r"(?!on)(?!style$)[a-zA-Z][a-zA-Z0-9-]*")


@dataclass(frozen=True, slots=True)
class Element:
    """One element with its attributes and its content."""

    name: str
    attributes: Mapping[str, Attribute]
    children: tuple[Element | str, ...]


def element(name: str, *children: Element | str | None, **attributes: Attribute) -> Element:
    """An element; what is None is left out.

    Attributes are written in Python's manner: ``class_`` for ``class``, ``aria_label`` for ``aria-label``. One that is
    True has no value, one that is False or None is not written.

    Raises:
        ValueError: a name that no element has, an attribute that could run or restyle something, or a reference that
            leads out of the page.
    """
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    if not _NAME.fullmatch(name) or name.lower() in ("script", "style"):
        raise ValueError(f"{name!r} is no element of a report")
    for attribute in named:
        if not _ATTRIBUTE.fullmatch(attribute) or attribute == "src":
            raise ValueError(f"{attribute!r} is no attribute of a report")
    if not str(named.get("href", "#")).startswith("#"):
        raise ValueError(f"{named['href']!r} leads out of the page")
    return Element(name, named, tuple(one for one in children if one is not None))


def each(name: str, contents: Iterable[Element | str], **attributes: Attribute) -> tuple[Element, ...]:
    """One element of this name around each of ``contents``."""
    return tuple(element(name, one, **attributes) for one in contents)


def rendered(node: Element | str, shown: Callable[[str], str] = str) -> str:
    """The element as HTML. ``shown`` says how a text is to be shown, such as redacted; it is escaped after that."""
    return "".join(_written(node, shown))


def _written(node: Element | str, shown: Callable[[str], str]) -> Iterator[str]:
    if not isinstance(node, Element):
        yield _escaped(node, shown)
        return
    yield f"<{node.name}{''.join(_attribute(*one, shown) for one in node.attributes.items())}>"
    for child in node.children:
        yield from _written(child, shown)
    if node.name not in VOID:
        yield f"</{node.name}>"


def _attribute(name: str, value: Attribute, shown: Callable[[str], str]) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        return f' {name}="{value:.2f}"'.replace(".00", "")
    return f' {name}="{_escaped(str(value), shown)}"'


def _escaped(text: str, shown: Callable[[str], str]) -> str:
    return escape(clean(shown(text)), quote=True)
