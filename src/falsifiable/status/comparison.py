"""Recorded beside local: what the evidence says, what this machine found, and whose bytes differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from falsifiable.evidence import short
from falsifiable.status.standing import ContractStanding, FalsifierStanding
from falsifiable.validation.results import Judgement


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One falsifier as recorded and as found here; ``differences`` names every artifact whose bytes are others."""

    recorded: FalsifierStanding
    local: FalsifierStanding | None
    differences: tuple[str, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether both stand at the same level and rest on the same bytes."""
        return self.local is not None and self.local.status == self.recorded.status and not self.differences


def side_by_side(recorded: ContractStanding, local: ContractStanding | None) -> tuple[SideBySide, ...]:
    """The falsifiers of one contract, each as recorded and as found on this machine (None where nothing was run)."""
    here = {one.falsifier: one for one in local.falsifiers} if local else {}
    return tuple(_beside(one, here.get(one.falsifier)) for one in recorded.falsifiers)


def _beside(recorded: FalsifierStanding, local: FalsifierStanding | None) -> SideBySide:
    if local is None or local.judgement is None:
        return SideBySide(recorded, None)
    then = recorded.judgement
    return SideBySide(recorded, local, tuple(_differences(then, local.judgement)) if then else ())


def _differences(recorded: Judgement, local: Judgement) -> Iterable[str]:
    then = {one.role: one.digest for one in recorded.artifacts}
    for artifact in local.artifacts:
        if artifact.role in then and then[artifact.role] != artifact.digest:
            path, was, now = artifact.path, short(then[artifact.role]), short(artifact.digest)
            yield f"{artifact.role} ({path}): other bytes than were recorded, {was} then, {now} here"
