"""Stages of the life cycle, and which of them no evidence touches.

A tool that was only ever run on files made elsewhere says nothing of the next stage: training that works leaves
checkpoints that nobody can load. A stage is touched when some claim about it was judged on real files.
"""

from __future__ import annotations

from dataclasses import dataclass

from falsifiable.contracts import Ship
from falsifiable.status.grounds import Grounds
from falsifiable.status.ladder import Status


@dataclass(frozen=True, slots=True)
class StageStanding:
    """One stage: ``touched`` by the contracts ``by`` whose claims were judged on real files, for good or ill."""

    stage: str
    contracts: tuple[str, ...]
    by: tuple[str, ...] = ()
    said: str = ""

    @property
    def touched(self) -> bool:
        """Whether any evidence is about it."""
        return bool(self.by)


def stage_standings(ship: Ship, grounds: Grounds) -> tuple[StageStanding, ...]:
    """Every stage of ``ship`` in its order."""
    judged = {
        standing.contract: [one.status for one in standing.falsifiers if one.judgement is not None]
        for standing in grounds.standings
    }
    return tuple(
        _stage(stage, contracts, {name: judged.get(name, []) for name in contracts})
        for stage, contracts in ship.stages.items()
    )


def _stage(stage: str, contracts: tuple[str, ...], seen: dict[str, list[Status]]) -> StageStanding:
    by = tuple(name for name in contracts if any(_on_real_files(one) for one in seen[name]))
    if by:
        return StageStanding(stage, contracts, by, f"judged on real files by {', '.join(by)}")
    if any(one == Status.PARTIAL for statuses in seen.values() for one in statuses):
        return StageStanding(stage, contracts, (), "judged on specimens alone")
    return StageStanding(stage, contracts, (), "judged on nothing")


def _on_real_files(status: Status) -> bool:
    return status == Status.FALSIFIED or status >= Status.INTEGRATION
