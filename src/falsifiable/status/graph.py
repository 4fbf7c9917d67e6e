"""What leans on what: contracts with those they require, criteria with the contracts they rest on, steps with both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from falsifiable.contracts.model import spec_of
from falsifiable.status.grounds import Grounds
from falsifiable.status.ladder import Status
from falsifiable.status.roadmap import RoadmapStanding, StepStanding
from falsifiable.status.ship import CriterionStanding
from falsifiable.status.standing import ContractStanding

NodeKind = Literal["contract", "criterion", "step"]
EdgeKind = Literal["requires", "rests on", "earns", "together with"]
Mood = Literal["reached", "open", "refuted"]


@dataclass(frozen=True, slots=True)
class Node:
    """A contract, a criterion or a step. ``key`` is unique in the graph; ``mood`` is what a drawing colours it by."""

    key: str
    kind: NodeKind
    name: str
    title: str
    status: str
    mood: Mood
    spec: str


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` leans on ``target`` (keys of nodes); ``said`` names the falsifiers where that is through them."""

    source: str
    target: str
    kind: EdgeKind
    said: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order in which they are declared, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def edges_of(self, node: Node) -> tuple[Edge, ...]:
        """What ``node`` leans on."""
        return tuple(one for one in self.edges if one.source == node.key)

    def of_spec(self, spec: str) -> Graph:
        """The nodes of ``spec`` and everything these lean on."""
        kept = {one.key for one in self.nodes if one.spec == spec}
        waiting = list(kept)
        while waiting:
            source = waiting.pop()
            found = {one.target for one in self.edges if one.source == source} - kept
            kept |= found
            waiting += found
        nodes = tuple(one for one in self.nodes if one.key in kept)
        return Graph(nodes, tuple(one for one in self.edges if one.source in kept and one.target in kept))


def graph_of(grounds: Grounds, roadmaps: Sequence[RoadmapStanding]) -> Graph:
    """The graph of all contracts and ships. An edge to what is not there is left out: the readers report it."""
    specs = {one.contract: spec_of(one) for one in grounds.contracts}
    nodes = [_contract(one, specs) for one in grounds.standings]
    edges = [
        Edge(_key("contract", one.contract), _key("contract", required), "requires")
        for one in grounds.contracts
        for required in one.requires
    ]
    for roadmap in roadmaps:
        nodes += [_criterion(one) for one in roadmap.ship.criteria]
        nodes += [_step(one, roadmap.spec) for one in roadmap.steps if not one.criterion]
        edges += [edge for one in roadmap.ship.criteria for edge in _rests_on(one, grounds)]
        edges += [edge for one in roadmap.steps if not one.criterion for edge in _of_step(one)]
    there = {one.key for one in nodes}
    return Graph(tuple(nodes), tuple(one for one in edges if one.target in there))


def _key(kind: NodeKind, name: str) -> str:
    return f"{kind}:{name}"


def _contract(one: ContractStanding, specs: dict[str, str]) -> Node:
    mood: Mood = "refuted" if one.status == Status.FALSIFIED else "reached" if one.status >= one.ceiling else "open"
    spec = specs.get(one.contract, one.contract)
    return Node(_key("contract", one.contract), "contract", one.contract, one.title, one.shown, mood, spec)


def _criterion(one: CriterionStanding) -> Node:
    moods: dict[str, Mood] = {"discharged": "reached", "falsified": "refuted"}
    state = f"{one.state} (waived)" if one.waiver else one.state
    name = one.criterion.id
    mood = moods.get(one.state, "open")
    return Node(_key("criterion", name), "criterion", name, one.criterion.text, state, mood, one.spec)


def _step(one: StepStanding, spec: str) -> Node:
    state = "declared done, evidence missing" if one.declared_without_evidence else one.state
    mood: Mood = "reached" if one.state == "done" else "refuted" if one.declared_without_evidence else "open"
    return Node(_key("step", one.name), "step", one.name, one.step.title, state, mood, spec)


def _rests_on(one: CriterionStanding, grounds: Grounds) -> Iterator[Edge]:
    by_contract: dict[str, list[str]] = {}
    for name in one.criterion.falsifiers:
        if name in grounds.declared:
            by_contract.setdefault(grounds.declared[name][0].contract, []).append(name)
    for contract, names in by_contract.items():
        said = ", ".join(names)
        yield Edge(_key("criterion", one.criterion.id), _key("contract", contract), "rests on", said)


def _of_step(one: StepStanding) -> Iterator[Edge]:
    key = _key("step", one.name)
    yield from (Edge(key, _key("step", name), "requires") for name in one.step.requires)
    yield from (Edge(key, _key("criterion", name), "earns") for name in one.step.earns)
    yield from (Edge(key, _key("step", name), "together with") for name in one.group if name > one.name)
