"""The dependency graph: what leans on what, drawn, and as a list that can be read aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from falsifiable.report.page.badges import anchor, badge
from falsifiable.report.page.layers import places_of
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import listed, scrolling
from falsifiable.report.text import shortened
from falsifiable.status.graph import Edge, Graph, Node

_ACROSS, _DOWN = 340.0, 54.0
_WIDE, _HIGH = 220.0, 44.0
_LETTERS = 28
_PLACES = {"contract": "contract", "criterion": "criterion"}


def dependencies(overview: Overview) -> Iterator[Element]:
    """A graph for every spec that has something which leans on something."""
    graph = overview.graph
    specs = dict.fromkeys(one.spec for one in graph.nodes)
    for spec in specs:
        for what, part in _parts(graph.of_spec(spec)):
            label = f"{what} of {spec}"
            yield element("h3", label)
            yield element("figure", scrolling(f"Dependency graph: {label}", _drawing(part, label)), _caption())
            yield element("details", element("summary", f"{label} as a list"), _list(part))
    if not graph.edges:
        yield element("p", "Nothing here leans on anything else.")


def _parts(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """What claims rest on, and what work waits for: two drawings that fit on a page, where one would not."""
    kinds = {one.key: one.kind for one in graph.nodes}
    steps = tuple(one for one in graph.edges if kinds[one.source] == "step")
    claims = tuple(one for one in graph.edges if kinds[one.source] != "step")
    for what, edges in (("Contracts and criteria", claims), ("Steps", steps)):
        there = {key for one in edges for key in (one.source, one.target)}
        if there:
            yield what, Graph(tuple(one for one in graph.nodes if one.key in there), edges)


def _caption() -> Element:
    said = "An arrow leads from what leans to what it leans on. A node leads to its place on this page. "
    legend = (
        element("span", word, class_=f"key {mood}")
        for mood, word in (("reached", "reached"), ("open", "open"), ("refuted", "refuted"))
    )
    return element("figcaption", said, *legend)


def _drawing(graph: Graph, label: str) -> Element:
    places = {key: (_ACROSS * column, _DOWN * row) for key, (column, row) in places_of(graph).items()}
    width = max(x for x, _ in places.values()) + _WIDE
    height = max(y for _, y in places.values()) + _HIGH
    return element(
        "svg",
        *(_edge(one, places) for one in graph.edges),
        *(_node(one, places[one.key]) for one in graph.nodes),
        viewBox=f"-4 -4 {width + 8:g} {height + 8:g}",
        width=width + 8,
        height=height + 8,
        class_="graph",
        role="group",
        aria_label=f"{label}: {len(graph.nodes)} nodes, {len(graph.edges)} edges",
    )


def _node(node: Node, place: tuple[float, float]) -> Element:
    x, y = place
    round_ = {"contract": 4.0, "criterion": 22.0, "step": 0.0}[node.kind]
    box = element("rect", x=x, y=y, width=_WIDE, height=_HIGH, rx=round_)
    parts = (
        element("title", f"{node.kind} {node.name}: {node.title} ({node.status})"),
        box,
        element("text", shortened(node.name, _LETTERS), x=x + 12, y=y + 19, class_="name"),
        element("text", shortened(node.status, _LETTERS + 4), x=x + 12, y=y + 35, class_="status"),
    )
    attributes = {"class_": f"node {node.mood}", "data_key": node.key}
    if node.kind not in _PLACES:
        return element("g", *parts, **attributes)
    href = f"#{anchor(_PLACES[node.kind], node.name)}"
    return element("a", *parts, href=href, **attributes)


def _edge(edge: Edge, places: Mapping[str, tuple[float, float]]) -> Element:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    x1, y1, y2 = x1 + _WIDE, y1 + _HIGH / 2, y2 + _HIGH / 2
    if x2 < x1:  # within a column, or back to the left
        middle, bend = (y1 + y2) / 2, x1 + 40
        path = f"M{x1:.0f} {y1:.0f}Q{bend:.0f} {middle:.0f} {x2 + _WIDE:.0f} {y2:.0f}"
    else:
        half = (x1 + x2) / 2
        path = f"M{x1:.0f} {y1:.0f}C{half:.0f} {y1:.0f} {half:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return element(
        "path", element("title", edge.kind), d=path, class_="edge", data_from=edge.source, data_to=edge.target
    )


def _list(graph: Graph) -> Element:
    names = {one.key: f"{one.kind} {one.name}" for one in graph.nodes}
    return listed(
        element("span", names[node.key], " ", badge(node.mood, node.status), *_leans(graph, node, names))
        for node in graph.nodes
    )


def _leans(graph: Graph, node: Node, names: Mapping[str, str]) -> Iterator[Element | str]:
    said = [f"{one.kind} {names[one.target]}" + (f" ({one.said})" if one.said else "") for one in graph.edges_of(node)]
    if said:
        yield f" {'; '.join(said)}"
