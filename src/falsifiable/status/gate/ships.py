"""How far each ship came between two commits, and what of it nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from falsifiable.contracts import Ship
from falsifiable.status.gate.block import Block
from falsifiable.status.grounds import Grounds
from falsifiable.status.points import ZERO, shown
from falsifiable.status.roadmap import RoadmapStanding, roadmap_standing
from falsifiable.status.ship import ShipStanding, ship_standing

Weighed = tuple[Ship, Grounds]
"""A ship file and what it is weighed by."""


@dataclass(frozen=True, slots=True)
class ShipMovement:
    """One ship file at both commits.

    ``before`` is None where there was none. ``after`` is where it stands by all evidence, ``counted`` by that of it
    which somebody vouches for.
    """

    spec: str
    before: RoadmapStanding | None
    roadmap: RoadmapStanding
    counted: ShipStanding

    @property
    def after(self) -> ShipStanding:
        """Where its criteria stand at the later commit."""
        return self.roadmap.ship

    def __str__(self) -> str:
        was = self.before.ship.tally.shown_percent if self.before else "none"
        now = self.after.tally
        return f"{self.spec}: {was} -> {now.shown_percent}, {shown(now.discharged)} of {shown(now.declared)} points"


def ship_movements(
    before: Mapping[str, Weighed], after: Mapping[str, Weighed], counted: Mapping[str, Weighed]
) -> tuple[ShipMovement, ...]:
    """Every ship file of the later commit, by spec. A ship file that is gone is told with the points it had."""
    return tuple(
        ShipMovement(
            spec,
            _roadmap(*before[spec]) if spec in before else None,
            _roadmap(*after[spec]),
            ship_standing(*counted[spec]),
        )
        for spec in sorted(after)
    )


def ship_blocks(ships: Iterable[ShipMovement], today: date) -> Iterator[Block]:
    """Percentages that rose on nobody's word, steps newly declared done without evidence, waivers that are over."""
    for ship in ships:
        yield from _unvouched(ship)
        yield from _declared(ship)
        for waiver in ship.after.ship.waivers:
            if waiver.expired(today):
                message = f"the waiver of {waiver.owner} was over on {waiver.expires}: {waiver.reason}"
                yield Block("GATE-WAIVER-EXPIRED", waiver.criterion, message, "meet the criterion, or renew the waiver")


def _roadmap(ship: Ship, grounds: Grounds) -> RoadmapStanding:
    return roadmap_standing(ship_standing(ship, grounds), grounds)


def _unvouched(ship: ShipMovement) -> Iterator[Block]:
    """A criterion that is newly discharged on nobody's word counts, also where as many points were lost elsewhere."""
    was = ship.before.ship.tally.percent if ship.before else ZERO
    had = {one.criterion.id for one in ship.before.ship.criteria if one.discharged} if ship.before else set()
    after, counted = ship.after.tally, ship.counted.tally
    vouched = {one.criterion.id for one in ship.counted.criteria if one.discharged}
    without = [one.criterion.id for one in ship.after.criteria if one.discharged and one.criterion.id not in vouched]
    if not had.issuperset(without) or (after.percent > was and counted.percent < after.percent):
        message = f"{ship}; {counted} are vouched for, without {', '.join(without)}"
        yield Block("GATE-PERCENT-UNVOUCHED", ship.spec, message, "contract evidence sign with an allowed key")


def _declared(ship: ShipMovement) -> Iterator[Block]:
    earlier = {one.name for one in ship.before.declared_without_evidence} if ship.before else set()
    for one in ship.roadmap.declared_without_evidence:
        if one.name not in earlier:
            message = f"is declared done, and the evidence says otherwise: {'; '.join(one.missing)}"
            hint = "record what is missing, or take declared_done back; contract next names it"
            yield Block("GATE-STEP-DECLARED", f"{ship.spec} step {one.name}", message, hint)
