"""Status: where claims stand, derived from evidence each time it is asked and stored nowhere."""

from __future__ import annotations

from falsifiable.status.comparison import SideBySide, side_by_side
from falsifiable.status.grounds import Grounds
from falsifiable.status.ladder import Status, ceiling_of, contract_status, earned
from falsifiable.status.points import Tally
from falsifiable.status.quorum import QuorumStanding, quorum_standing
from falsifiable.status.reach import Reach, ReachError, reachable, tiers
from falsifiable.status.roadmap import Dispatch, RoadmapStanding, StepStanding, Wait, roadmap_standing
from falsifiable.status.ship import CriterionStanding, ShipStanding, Tripped, ship_standing
from falsifiable.status.stages import StageStanding, stage_standings
from falsifiable.status.staleness import JudgingCode
from falsifiable.status.standing import ContractStanding, FalsifierStanding, local_standings, standings
from falsifiable.status.succession import NOT_THERE, speaking

__all__ = [
    "NOT_THERE", "ContractStanding", "CriterionStanding", "Dispatch", "FalsifierStanding", "Grounds", "JudgingCode",
    "QuorumStanding", "Reach", "ReachError", "RoadmapStanding", "ShipStanding", "SideBySide", "StageStanding", "Status",
    "StepStanding", "Tally", "Tripped", "Wait", "ceiling_of", "contract_status", "earned", "local_standings",
    "quorum_standing", "reachable", "roadmap_standing", "ship_standing", "side_by_side", "speaking", "stage_standings",
    "standings", "tiers",
]  # fmt: skip
