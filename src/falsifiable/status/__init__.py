"""Status: where claims stand, derived from evidence each time it is asked and stored nowhere."""

from __future__ import annotations

from falsifiable.status.comparison import SideBySide, side_by_side
from falsifiable.status.ladder import Status, ceiling_of, contract_status, earned
from falsifiable.status.staleness import JudgingCode
from falsifiable.status.standing import ContractStanding, FalsifierStanding, local_standings, standings
from falsifiable.status.succession import NOT_THERE, speaking

__all__ = [
    "NOT_THERE", "ContractStanding", "FalsifierStanding", "JudgingCode", "SideBySide", "Status", "ceiling_of",
    "contract_status", "earned", "local_standings", "side_by_side", "speaking", "standings",
]  # fmt: skip
