"""Filters: toggles and a search, which the script of the page brings to life; without it everything is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from falsifiable.report.page.badges import anchor
from falsifiable.report.page.markup import Element, element


def filtered(
    name: str, noun: str, items: Sequence[Mapping[str, str]], content: Iterable[Element], of: str = ""
) -> Element:
    """``content`` below the filters of what is in it.

    Args:
        name: of the filters, unique on the page.
        noun: what is filtered, in the plural.
        items: the properties of each item, as its ``data-`` attributes have them: property -> value. Each property gets
            a group of toggles, one for each of its values, unless there is but one.
        content: the items, elements of class ``item``.
        of: what the items belong to, where there are such filters for more than one thing.
    """
    groups = [_group(name, one, Counter(item[one] for item in items)) for one in (items[0] if items else ())]
    search = anchor("search", name)
    controls = element(
        "form",
        *(one for one in groups if one is not None),
        element(
            "p",
            element("label", f"Search {noun}", for_=search),
            element("input", type="search", id=search, autocomplete="off", class_="search"),
            element("button", "Show all", type="button", class_="reset"),
            element("output", for_=search, class_="count", aria_live="polite"),
        ),
        class_="filters",
        aria_label=f"Filter {noun}" + (f" of {of}" if of else ""),
        data_noun=noun,
        hidden=True,
    )
    nothing = element("p", f"No {noun} are left: show all, or choose less.", class_="nothing", hidden=True)
    return element("div", controls, *content, nothing, class_="filtered")


def _group(name: str, what: str, values: Counter[str]) -> Element | None:
    if len(values) < 2:
        return None
    toggles = (
        element(
            "button", value or "none", " ", element("span", str(count), class_="tally"),
            type="button", class_="toggle", aria_pressed="false", data_property=what, data_value=value,
        )
        for value, count in sorted(values.items())
    )  # fmt: skip
    return element("fieldset", element("legend", what.capitalize()), *toggles, id=anchor("filter", f"{name} {what}"))
