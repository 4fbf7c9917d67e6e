"""Where the nodes of a dependency graph lie: in columns, each to the right of everything that leans on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falsifiable.status.graph import Graph

_SWEEPS = 6


def places_of(graph: Graph) -> dict[str, tuple[int, int]]:
    """The column and the row of every node by its key, from the upper left corner.

    A circle, which no sound workspace has, is cut where it was entered.
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
    rows = _rows(columns, _neighbours(leans_on))
    return {key: (number, rows[key]) for number, column in enumerate(columns) for key in column}


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


def _rows(columns: Sequence[Sequence[str]], neighbours: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Every column in the order of the middles of its neighbours, column after column, a few times to and fro.

    All columns begin at the top, where whoever comes to the drawing looks first.
    """
    rows = {key: row for column in columns for row, key in enumerate(column)}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 else reversed(columns):
            middle = {key: _middle([rows[one] for one in neighbours[key]], rows[key]) for key in column}
            rows |= {key: row for row, key in enumerate(sorted(column, key=middle.__getitem__))}
    return rows


def _middle(rows: Sequence[int], own: int) -> float:
    return sum(rows) / len(rows) if rows else own
