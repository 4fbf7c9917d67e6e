"""How far each ship came between two commits, and what of it nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from falsifiable.contracts import Ship, Waiver
from falsifiable.status.gate.block import Block
from falsifiable.status.grounds import Grounds
from falsifiable.status.ladder import Status
from falsifiable.status.points import ZERO, shown
from falsifiable.status.roadmap import RoadmapStanding, roadmap_standing
from falsifiable.status.ship import ShipStanding, ship_standing
from falsifiable.status.standing import ContractStanding

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


def ship_blocks(ships: Iterable[ShipMovement], today: date, *, release: bool) -> Iterator[Block]:
    """Percentages that rose on nobody's word, steps newly declared done without evidence, waivers that are over.

    A waiver that was there before and ran out meanwhile keeps nobody but a ``release`` waiting.
    """
    for ship in ships:
        yield from _unvouched(ship)
        yield from _declared(ship)
        for waiver in ship.after.ship.waivers:
            if waiver.expired(today) and (release or waiver not in _earlier_waivers(ship)):
                message = f"the waiver of {waiver.owner} was over on {waiver.expires}: {waiver.reason}"
                yield Block("GATE-WAIVER-EXPIRED", waiver.criterion, message, "meet the criterion, or renew the waiver")


def new_waivers(ships: Iterable[ShipMovement]) -> Iterator[str]:
    """Each waiver that the change brings or alters, in words: nobody should come upon it later."""
    for ship in ships:
        for waiver in ship.after.ship.waivers:
            if waiver not in _earlier_waivers(ship):
                yield f"{waiver.criterion} is waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"


def _earlier_waivers(ship: ShipMovement) -> tuple[Waiver, ...]:
    return ship.before.ship.ship.waivers if ship.before else ()


def falsified_claims(after: Iterable[ContractStanding], ships: Iterable[ShipMovement]) -> Iterator[Block]:
    """Claims that evidence refutes, current or gone stale with nothing to answer it, but for those waived openly."""
    waived = _waived(ships)
    for standing in after:
        for claim in standing.falsifiers:
            stale = claim.stale_status == Status.FALSIFIED and claim.status == Status.PROPOSED
            if (claim.status == Status.FALSIFIED or stale) and claim.falsifier not in waived:
                yield Block("GATE-FALSIFIED", claim.falsifier, "; ".join(claim.needs or claim.stale))


def _waived(ships: Iterable[ShipMovement]) -> frozenset[str]:
    """Falsifiers that every criterion naming them is waived for. One that a waived criterion newly names is not."""
    named: dict[str, list[bool]] = {}
    for ship in ships:
        earlier = {one.criterion.id: one.criterion for one in ship.before.ship.criteria} if ship.before else {}
        for one in ship.after.criteria:
            was = earlier.get(one.criterion.id, one.criterion)
            for name in one.criterion.falsifiers:
                named.setdefault(name, []).append(one.waiver is not None and name in was.falsifiers)
    return frozenset(name for name, each in named.items() if all(each))


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
