"""Carry out the decisions of a rung: into the ledger first, then to the processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falsifiable.race.deciding.decision import Decision
from falsifiable.race.engines.processes import ask_to_end
from falsifiable.race.errors import CrossAccountKillForbidden
from falsifiable.race.ledger.ledger import Ledger, RunRow

RUNS = "runs"
"""Where a race's folder keeps a folder for each run."""


def apply_decisions(path: Path, decisions: Sequence[Decision], account: str) -> dict[str, str]:
    """Write ``decisions`` into the ledger at ``path`` and stop the runs that they stop; what happened, by run.

    A run whose process a runner recorded is ended, and the runner writes its end. A run that has no process here is
    written off as stopped, so that nobody waits for it. Twice is once: decisions that are there stay as they are, and
    runs that have ended are left alone.

    Raises:
        RaceError: CrossAccountKillForbidden before anything is written; DecisionConflict where a run was decided
            otherwise at this rung.
    """
    with Ledger.open(path) as ledger:
        rows = {one.name: one for one in ledger.entries()}
        stops = [rows[one.run] for one in decisions if one.action == "stop"]
        for row in stops:
            if row.account != account:
                error = CrossAccountKillForbidden(row.name, row.account, account)
                ledger.refused("prune", row.name, error)
                raise error
        for one in decisions:
            ledger.decide(one)
        reasons = {one.run: one.reason for one in decisions}
        return {row.name: _stop(ledger, row, account, reasons[row.name]) for row in stops}


def _stop(ledger: Ledger, row: RunRow, account: str, reason: str) -> str:
    if row.status not in ("claimed", "running"):
        return f"it has ended already ({row.status})"
    folder = ledger.path.parent / RUNS / row.name
    if folder.is_dir() and (pid := ask_to_end(folder)) is not None:
        return f"its process {pid} was asked to end"
    if row.status == "claimed":
        return "it has not started; the decision stands in the ledger, and no runner starts it"
    last = ledger.samples(row.name)[-1:]
    steps, seconds = (last[0].step, last[0].seconds) if last else (0, 0.0)
    ledger.finish(row.name, "stopped", steps_done=steps, seconds=seconds or 0.0, reason=reason, account=account)
    return "no process of it is recorded here; it was written off as stopped"
