"""What waits for itself is found, with the edge that closes the round."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts.cycles import cycles

NODES = st.integers(0, 7)
GRAPHS = st.dictionaries(NODES, st.lists(NODES, max_size=4), min_size=8, max_size=8)


def test_a_round_is_named_from_a_node_back_to_itself() -> None:
    edges = {"a": [("b", "line 1")], "b": [("c", "line 2")], "c": [("b", "line 3")], "d": [("a", "line 4")]}
    assert list(cycles(edges)) == [(["b", "c", "b"], "line 3")]


def test_two_ways_to_one_node_are_no_round() -> None:
    assert not list(cycles({"a": [("b", 1), ("c", 2)], "b": [("d", 3)], "c": [("d", 4)], "d": []}))


def test_a_long_chain_is_walked_without_recursion() -> None:
    chain = {one: [(one + 1, None)] for one in range(100_000)} | {100_000: [(0, None)]}
    ((found, _),) = cycles(chain)
    assert len(found) == 100_002


@given(GRAPHS)
def test_there_is_one_exactly_where_nothing_can_be_put_in_order(graph: dict[int, list[int]]) -> None:
    found = list(cycles({node: [(to, (node, to)) for to in others] for node, others in graph.items()}))
    for walked, closing in found:
        assert walked[0] == walked[-1]
        assert all(after in graph[before] for before, after in pairwise(walked))
        assert closing == (walked[-2], walked[-1])
    try:
        TopologicalSorter(graph).prepare()
        ordered = True
    except CycleError:
        ordered = False
    assert ordered == (not found)
