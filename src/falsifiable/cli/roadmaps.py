"""What ``next``, ``why``, ``graph`` and ``report`` share: the ships of a workspace, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from falsifiable.cli import Failure
from falsifiable.cli.common import open_workspace
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.standing import judging_code, ledger_of
from falsifiable.contracts import Device, suggestion
from falsifiable.status import Grounds, RoadmapStanding, roadmap_standing, ship_standing


@dataclass(frozen=True, slots=True)
class Roadmaps:
    """The roadmaps of a workspace, by the recorded evidence; ``every`` is empty where no spec has a ship.yaml."""

    root: Path
    grounds: Grounds
    every: tuple[RoadmapStanding, ...]

    def chosen(self, spec: str | None) -> tuple[RoadmapStanding, ...]:
        """The roadmap of ``spec``, or all. Raises Failure where there is none."""
        if not self.every:
            raise Failure(
                f"no spec of {self.root} has a ship.yaml, so there are no points to earn; write spec/SPEC/ship.yaml",
                ExitCode.NOTHING_EXAMINED,
            )
        found = tuple(one for one in self.every if spec is None or one.spec == spec)
        if not found:
            names = (one.spec for one in self.every)
            raise Failure(f"spec {spec!r} has no ship.yaml; {suggestion(spec or '', names, 'those that have')}")
        return found


def open_roadmaps(root: Path | None, device: Device | None = None) -> Roadmaps:
    """The ships of the workspace around ``root``, or this folder, as ``device`` can go on with them.

    Raises Failure with every fault of contracts and ship files.
    """
    workspace, catalogue = open_workspace(root)
    grounds = ledger_of(workspace, judging_code(catalogue)).grounds()
    stand = (ship_standing(one, grounds) for one in workspace.ships.sound)
    return Roadmaps(workspace.root, grounds, tuple(roadmap_standing(one, grounds, device) for one in stand))
