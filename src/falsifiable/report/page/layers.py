"""Where the nodes of a dependency graph lie: in columns, each to the right of everything that leans on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falsifiable.status.graph import Graph

_SWEEPS = 4


def layered(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """The keys of the nodes by column, what leans on others first; within a column near to what they lean on.

    A circle, which no sound workspace has, is cut where it was entered.
    """
    leans_on = {node.key: [edge.target for edge in graph.edges_of(node)] for node in graph.nodes}
    depth: dict[str, int] = {}
    for node in graph.nodes:
        _measure(node.key, leans_on, depth)
    deepest = max(depth.values(), default=0)
    columns: list[list[str]] = [[] for _ in range(deepest + 1)]
    for node in graph.nodes:
        columns[deepest - depth[node.key]].append(node.key)
    return tuple(tuple(one) for one in _untangled([one for one in columns if one], leans_on))


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


def _untangled(columns: list[list[str]], leans_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each column in the order of the middle of its neighbours, a few times to and fro."""
    neighbours: dict[str, list[str]] = {key: list(targets) for key, targets in leans_on.items()}
    for key, targets in leans_on.items():
        for one in targets:
            neighbours[one].append(key)
    for sweep in range(_SWEEPS):
        place = {key: number / max(len(column), 1) for column in columns for number, key in enumerate(column)}
        for column in columns if sweep % 2 else reversed(columns):
            middle = {key: _middle(neighbours[key], place, place[key]) for key in column}
            column.sort(key=middle.__getitem__)
            place |= {key: number / len(column) for number, key in enumerate(column)}
    return columns


def _middle(keys: Sequence[str], place: Mapping[str, float], own: float) -> float:
    return sum(place[one] for one in keys) / len(keys) if keys else own
