"""Where the nodes of a graph lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from falsifiable.report.page.layers import places_of
from falsifiable.status.graph import Edge, Graph, Node

NAMES = "abcdefgh"


def graph(*edges: str) -> Graph:
    """Nodes of one letter; ``ab`` says that a leans on b."""
    nodes = tuple(Node(one, "contract", one, "", "", "open", "s") for one in NAMES)
    return Graph(nodes, tuple(Edge(one[0], one[1], "requires") for one in edges))


def test_what_leans_lies_to_the_left() -> None:
    places = places_of(graph("ab", "bc", "ac"))

    assert [places[one][0] for one in "abc"] == [0, 1, 2]


edges = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map("".join), max_size=20, unique=True)


@given(edges)
def test_no_two_nodes_lie_on_each_other_even_in_circles(drawn: list[str]) -> None:
    places = places_of(graph(*drawn))

    assert set(places) == set(NAMES)
    assert len(set(places.values())) == len(NAMES)


@given(edges)
def test_without_circles_every_arrow_leads_to_the_right(drawn: list[str]) -> None:
    forward = [one for one in drawn if one[0] < one[1]]
    places = places_of(graph(*forward))

    assert all(places[one[0]][0] < places[one[1]][0] for one in forward)


def test_a_long_chain_is_laid_out() -> None:
    nodes = tuple(Node(str(one), "contract", str(one), "", "", "open", "s") for one in range(3000))
    chain = Graph(nodes, tuple(Edge(str(one), str(one + 1), "requires") for one in range(2999)))

    assert places_of(chain)["2999"] == (2999, 0)
