"""Cycles in what waits for what: contracts that require one another, steps of a roadmap."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Place = TypeVar("Place")


def cycles(edges: Mapping[Node, Sequence[tuple[Node, Place]]]) -> Iterator[tuple[list[Node], Place]]:
    """Each cycle, from a node back to itself, with the place of the edge that closes it.

    Depth first and without recursion, since a chain may be long. Every node that an edge leads to stands in ``edges``.
    """
    finished: set[Node] = set()
    for start in edges:
        if start in finished:
            continue
        way = {start: iter(edges[start])}
        while way:
            last = next(reversed(way))
            following = next(way[last], None)
            if following is None:
                del way[last]
                finished.add(last)
                continue
            node, place = following
            if node in way:
                walked = list(way)
                yield [*walked[walked.index(node) :], node], place
            elif node not in finished:
                way[node] = iter(edges[node])
