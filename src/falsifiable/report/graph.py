"""The graph of what leans on what: as lines, as JSON, and for the drawing programs Mermaid and Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from falsifiable.report.text import clean
from falsifiable.status.graph import Graph, Node

_COLOURS = {"reached": "#cfe8cf", "open": "#f2f2f2", "refuted": "#f3c9c9"}
_SHAPES = {"contract": ("[", "]"), "criterion": ("([", "])"), "step": ("[/", "/]")}
_DOT_SHAPES = {"contract": "box", "criterion": "ellipse", "step": "parallelogram"}
_HEADINGS = {"contract": "contracts", "criterion": "criteria", "step": "steps"}


def graph_text(graph: Graph) -> str:
    """One line per node with its status, and below it what it leans on."""
    return "\n".join(clean(line) for line in _lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    names = {one.key: one.name for one in graph.nodes}
    for number, (kind, heading) in enumerate(_of_kinds(graph)):
        yield from ([""] if number else [])
        yield f"{heading}:"
        for node in (one for one in graph.nodes if one.kind == kind):
            yield f"  {node.name}: {node.status}"
            for edge in graph.edges_of(node):
                through = f" ({edge.said})" if edge.said else ""
                yield f"      {edge.kind} {names[edge.target]}{through}"


def _of_kinds(graph: Graph) -> list[tuple[str, str]]:
    there = {one.kind for one in graph.nodes}
    return [(kind, heading) for kind, heading in _HEADINGS.items() if kind in there]


def graph_as_json(graph: Graph) -> dict[str, Any]:
    """Nodes and edges as JSON data."""
    return {"nodes": [asdict(one) for one in graph.nodes], "edges": [asdict(one) for one in graph.edges]}


def graph_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart; an arrow leads from what leans to what it leans on."""
    numbers = {one.key: f"n{number}" for number, one in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opening, closing = _SHAPES[node.kind]
        lines.append(f'  {numbers[node.key]}{opening}"{_mermaid(_label(node, "<br/>"))}"{closing}:::{node.mood}')
    lines += [f"  {numbers[one.source]} -->|{one.kind}| {numbers[one.target]}" for one in graph.edges]
    lines += [f"  classDef {mood} fill:{colour},stroke:#555555,color:#000000" for mood, colour in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def graph_dot(graph: Graph) -> str:
    """A Graphviz digraph; an edge leads from what leans to what it leans on."""
    lines = ["digraph contracts {", "  rankdir=LR", '  node [style=filled fontname="sans-serif"]']
    for node in graph.nodes:
        shape, colour = _DOT_SHAPES[node.kind], _COLOURS[node.mood]
        lines.append(f'  {_dot(node.key)} [label={_dot(_label(node, chr(10)))} shape={shape} fillcolor="{colour}"]')
    lines += [f"  {_dot(one.source)} -> {_dot(one.target)} [label={_dot(one.kind)}]" for one in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: Node, break_: str) -> str:
    return f"{clean(node.name)}{break_}{clean(node.status)}"


def _mermaid(text: str) -> str:
    """Text inside quotes; Mermaid knows entities by number or name after a hash."""
    kept = text.split("<br/>")
    escaped = (
        one.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;") for one in kept
    )
    return "<br/>".join(escaped)


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
