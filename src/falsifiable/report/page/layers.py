"""Where the nodes of a dependency graph lie: in columns, each to the right of everything that leans on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falsifiable.status.graph import Graph

_SWEEPS = 6


def places_of(graph: Graph) -> dict[str, tuple[int, float]]:
    """The column and the height of every node by its key, in columns and in nodes from the upper left corner.

    No two nodes of a column are nearer than one. A circle, which no sound workspace has, is cut where it was entered.
    """
    leans_on = {node.key: [edge.target for edge in graph.edges_of(node)] for node in graph.nodes}
    depth: dict[str, int] = {}
    for node in graph.nodes:
        if node.key not in depth:
            _measure(node.key, leans_on, depth)
    deepest = max(depth.values(), default=0)
    columns: list[list[str]] = [[] for _ in range(deepest + 1)]
    for node in graph.nodes:
        columns[deepest - depth[node.key]].append(node.key)
    heights = _heights(columns, _neighbours(leans_on))
    return {key: (number, heights[key]) for number, column in enumerate(columns) for key in column}


def _measure(start: str, leans_on: Mapping[str, Sequence[str]], depth: dict[str, int]) -> None:
    """How many nodes lie below each node, without recursion: a chain of contracts may be long."""
    waiting, entered = [start], {start}
    while waiting:
        key = waiting[-1]
        missing = [one for one in leans_on[key] if one not in depth and one not in entered]
        if missing:
            entered.add(missing[0])
            waiting.append(missing[0])
        else:
            depth[waiting.pop()] = max((depth[one] + 1 for one in leans_on[key] if one in depth), default=0)


def _neighbours(leans_on: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    neighbours: dict[str, list[str]] = {key: list(targets) for key, targets in leans_on.items()}
    for key, targets in leans_on.items():
        for one in targets:
            neighbours[one].append(key)
    return neighbours


def _heights(columns: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Every node near the middle of its neighbours, column after column, a few times to and fro; the highest at 0."""
    heights = {key: float(row) for column in columns for row, key in enumerate(column)}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 else reversed(columns):
            wished = {key: _middle([heights[one] for one in neighbours[key]], heights[key]) for key in column}
            heights |= _apart(wished)
    highest = min(heights.values(), default=0.0)
    return {key: height - highest for key, height in heights.items()}


def _middle(heights: Sequence[float], own: float) -> float:
    return sum(heights) / len(heights) if heights else own


def _apart(wished: Mapping[str, float]) -> dict[str, float]:
    """The heights nearest to those wished for that lie one apart and in the same order, moved to the same middle."""
    order = sorted(wished, key=wished.__getitem__)
    found: dict[str, float] = {}
    lowest = float("-inf")
    for key in order:
        lowest = found[key] = max(wished[key], lowest + 1.0)
    moved = sum(found[key] - wished[key] for key in order) / max(len(order), 1)
    return {key: height - moved for key, height in found.items()}
