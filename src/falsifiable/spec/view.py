"""One spec as its regions show it: everything a renderer may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from falsifiable.status import ContractStanding, RoadmapStanding, StageStanding


@dataclass(frozen=True, slots=True)
class SpecView:
    """What the regions of ``spec`` are a function of: no clock, no local artifact and no branch is among it.

    ``contracts`` are the standings of the contracts that name the spec, by name. ``roadmap`` and ``stages`` follow from
    its ship file: None where it has none, or one with ``ship_faults`` faults.
    """

    spec: str
    contracts: tuple[ContractStanding, ...] = ()
    roadmap: RoadmapStanding | None = None
    stages: tuple[StageStanding, ...] = ()
    ship_faults: int = 0

    @classmethod
    def of(cls, spec: str, contracts: Iterable[ContractStanding]) -> SpecView:
        """The view of ``spec``; the order of ``contracts`` does not enter."""
        return cls(spec, tuple(sorted(contracts, key=lambda one: one.contract)))
