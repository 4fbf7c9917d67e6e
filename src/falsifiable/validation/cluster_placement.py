"""Which node of a cluster gets a job: one that has read its files before if it has room, else the idlest.

Nodes keep what they have read in memory. A job goes where a job on the same files went, until that node has all it can
do; then another takes part, and is remembered with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from falsifiable.validation.workers import Job

_RAY_NAMES = {"cpu": "CPU", "gpu": "GPU"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster: Ray's id of it, the name of its machine, and what it offers by Ray's names."""

    id: str
    name: str
    offers: Mapping[str, float]

    def lacks(self, resources: Mapping[str, float]) -> bool:
        """Whether it could not hold a job of these demands even if it were idle."""
        return any(self.offers.get(_RAY_NAMES.get(name, name), 0) < most for name, most in resources.items())


class Placement:
    """How busy each node is, and which files it has read."""

    def __init__(self, at_once: int | None) -> None:
        self._at_once = at_once
        self._nodes: dict[str, Node] = {}
        self._load: Counter[str] = Counter()
        self._homes: dict[frozenset[str], list[str]] = {}

    def look(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Take note of the nodes there are now, as ``ray.nodes()`` lists them."""
        self._nodes = {
            one["NodeID"]: Node(one["NodeID"], f"{one['NodeManagerHostname']} {one['NodeID'][:8]}", one["Resources"])
            for one in nodes
            if one["Alive"]
        }

    @property
    def has_room(self) -> bool:
        """Whether any node may be handed a job; none at all has room too, so that what waits hears of it."""
        return not self._nodes or any(self._is_free(one) for one in self._nodes.values())

    def is_alive(self, node: Node) -> bool:
        """Whether it was there when last looked."""
        return node.id in self._nodes

    def why_nowhere(self, job: Job, refused: Mapping[str, str]) -> str:
        """Why no node that is there can ever take ``job``; "" where one can."""
        able = [one for one in self._nodes.values() if not one.lacks(job.resources)]
        if not able:
            return f"no node of the cluster offers {wanting(job.resources)}; start one and validate again"
        if all(one.id in refused for one in able):
            return f"no node of the cluster can judge it: {'; '.join(sorted(refused.values()))}"
        return ""

    def choose(self, job: Job, refused: Container[str], avoided: Container[str]) -> Node | None:
        """A node for ``job``, which is counted as handed to it; None while those that may take it are busy.

        ``avoided`` are nodes where it was lost, taken only where there is no other.
        """
        able = [one for one in self._nodes.values() if not one.lacks(job.resources) and one.id not in refused]
        free = [one for one in [n for n in able if n.id not in avoided] or able if self._is_free(one)]
        if not free:
            return None
        homes = self._homes.setdefault(frozenset(job.files), [])
        at_home = [one for one in free if job.files and one.id in homes]
        chosen = min(at_home or free, key=lambda one: self._load[one.id] / self._slots(one))
        if chosen.id not in homes:
            homes.append(chosen.id)
        self._load[chosen.id] += 1
        return chosen

    def release(self, node: Node) -> None:
        """A job handed to ``node`` has ended or was lost."""
        self._load[node.id] -= 1

    def _is_free(self, node: Node) -> bool:
        return self._load[node.id] < self._slots(node)

    def _slots(self, node: Node) -> int:
        # One job runs per core and one waits behind it, so that no core idles while an answer travels.
        return self._at_once or max(1, int(2 * node.offers.get("CPU", 0)))


def as_ray_counts(resources: Mapping[str, float]) -> dict[str, Any]:
    """Demands as the options of a Ray task."""
    others = {name: most for name, most in resources.items() if name not in ("cpu", "gpu", "memory")}
    return {
        "num_cpus": resources.get("cpu", 1.0),
        "num_gpus": resources.get("gpu", 0.0),
        "memory": resources.get("memory") or None,
        "resources": others or None,
    }


def wanting(resources: Mapping[str, float]) -> str:
    """Demands in words, such as ``cpu: 1, gpu: 2``."""
    return ", ".join(f"{name}: {most:g}" for name, most in resources.items() if most)
