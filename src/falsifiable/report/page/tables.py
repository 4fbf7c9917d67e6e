"""Tables that can be read on a phone: each scrolls by itself, also by keyboard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from falsifiable.report.page.markup import Element, each, element


def scrolling(label: str, content: Element) -> Element:
    """``content`` in a region that scrolls sideways when it is too wide; ``label`` names it to who cannot see it."""
    return element("div", content, class_="scroll", role="region", aria_label=label, tabindex=0)


def table(label: str, head: Sequence[str], rows: Iterable[Sequence[Element | str]], **attributes: str) -> Element:
    """A table whose first column names its rows."""
    return table_of(label, head, (row(cells) for cells in rows), **attributes)


def table_of(label: str, head: Sequence[str], rows: Iterable[Element], **attributes: str) -> Element:
    """A table of rows that are made already."""
    headings = element("thead", element("tr", *each("th", head, scope="col")))
    return scrolling(label, element("table", headings, element("tbody", *rows), **attributes))


def row(cells: Sequence[Element | str], **attributes: str) -> Element:
    """A row; its first cell names it."""
    return element("tr", element("th", cells[0], scope="row"), *each("td", cells[1:]), **attributes)


def pairs(rows: Iterable[tuple[str, Element | str]]) -> Element:
    """What and its value, as a list of descriptions."""
    return element("dl", *(one for what, value in rows for one in (element("dt", what), element("dd", value))))


def listed(items: Iterable[Element | str], **attributes: str) -> Element:
    """A plain list."""
    return element("ul", *each("li", items), **attributes)
