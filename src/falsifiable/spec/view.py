"""One spec as its regions show it: everything a renderer may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from falsifiable.evidence import Statement
from falsifiable.spec.amendments import AmendmentLog
from falsifiable.status import ContractStanding, RoadmapStanding, StageStanding


@dataclass(frozen=True, slots=True)
class SpecView:
    """What the regions of ``spec`` are a function of: no clock, no local artifact and no branch is among it.

    ``contracts`` are the standings of the contracts that name the spec, by name. ``roadmap`` and ``stages`` follow from
    its ship file: None where it has none, or one with ``ship_faults`` faults. ``amendments`` are its amendments: no
    renderer looks at those that are pending. ``evidence`` maps the sha256 of its statements to their contracts.
    """

    spec: str
    contracts: tuple[ContractStanding, ...] = ()
    roadmap: RoadmapStanding | None = None
    stages: tuple[StageStanding, ...] = ()
    ship_faults: int = 0
    amendments: AmendmentLog = field(default_factory=lambda: AmendmentLog(""))
    evidence: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        spec: str,
        contracts: Iterable[ContractStanding],
        amendments: AmendmentLog | None = None,
        statements: Iterable[Statement] = (),
    ) -> SpecView:
        """The view of ``spec``; the order of ``contracts`` and ``statements`` does not enter."""
        ordered = tuple(sorted(contracts, key=lambda one: one.contract))
        evidence = dict(sorted((one.sha256, one.contract) for one in statements))
        return cls(spec, ordered, amendments=amendments or AmendmentLog(spec), evidence=evidence)
