"""Where the acceptance criteria of a ship file stand, and the percentage that follows from them.

A criterion is discharged when

- the ladder puts its falsifiers, each at its own ceiling and under what their contracts require, at DISCHARGED;
- none of them contradicted itself (evidence that is stale, inconclusive or falsified has earned nothing to begin with);
- its quorum is met;
- no tripwire stands tripped on evidence that nobody has reviewed.

A waiver changes none of that. It is shown beside the criterion, and counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Literal

from falsifiable.contracts import AcceptanceCriterion, Ship, Tripwire, Waiver
from falsifiable.contracts.model import Criterion, Level
from falsifiable.evidence import Statement, short
from falsifiable.falsifier import Quantity
from falsifiable.status.grounds import Grounds
from falsifiable.status.lacking import lacking
from falsifiable.status.ladder import Status, contract_status
from falsifiable.status.points import Tally, exact
from falsifiable.status.quorum import QuorumStanding, quorum_standing
from falsifiable.status.standing import FalsifierStanding
from falsifiable.status.words import at_ceiling, shown_value
from falsifiable.validation.results import Judgement

CriterionState = Literal["discharged", "open", "falsified", "held for review"]


@dataclass(frozen=True, slots=True)
class Tripped:
    """A tripwire that is met by what ``statement`` (a sha256) measured, or that measured nothing of that name.

    ``reviewers`` are those who signed for it; without one the criterion is held for review.
    """

    tripwire: Tripwire
    statement: str
    value: Quantity
    reviewers: tuple[str, ...] = ()

    def __str__(self) -> str:
        wire, digest = self.tripwire, short(self.statement)
        if self.value is None:
            return f"{wire.falsifier} measured no {wire.measurement} in {digest}, which a tripwire watches ({wire.why})"
        number = shown_value(self.value)
        return f"{wire.falsifier} measured {wire.measurement}={number} in {digest}, which is {wire.when} ({wire.why})"


@dataclass(frozen=True, slots=True)
class CriterionStanding:
    """Where one acceptance criterion stands.

    ``why`` gives the reason in one line, ``missing`` everything that is still needed (nothing where it is discharged),
    and ``missing_beside`` what of it is not said of one of its falsifiers by itself. ``falsifiers`` are the standings
    of those of its falsifiers that exist, ``tripped`` all tripwires that are met.
    """

    spec: str
    deliverable: str
    criterion: AcceptanceCriterion
    state: CriterionState
    why: str
    missing: tuple[str, ...] = ()
    missing_beside: tuple[str, ...] = ()
    falsifiers: tuple[FalsifierStanding, ...] = ()
    quorum: QuorumStanding | None = None
    tripped: tuple[Tripped, ...] = ()
    waiver: Waiver | None = None

    @property
    def discharged(self) -> bool:
        """Whether its points count."""
        return self.state == "discharged"

    @property
    def points(self) -> Fraction:
        """What it is worth."""
        return exact(self.criterion.points)


@dataclass(frozen=True, slots=True)
class ShipStanding:
    """Where a ship stands: its criteria in the order of the file."""

    ship: Ship
    criteria: tuple[CriterionStanding, ...]

    @property
    def spec(self) -> str:
        """The spec it is the ship of."""
        return self.ship.ship

    @property
    def tally(self) -> Tally:
        """Points discharged of points declared, over all deliverables."""
        return Tally.of((one.points, one.discharged) for one in self.criteria)

    def tally_of(self, deliverable: str) -> Tally:
        """The same for one deliverable."""
        return Tally.of((one.points, one.discharged) for one in self.criteria if one.deliverable == deliverable)

    @property
    def waived(self) -> tuple[CriterionStanding, ...]:
        """The criteria that somebody waived, discharged or not."""
        return tuple(one for one in self.criteria if one.waiver is not None)

    def criterion(self, name: str) -> CriterionStanding | None:
        """The criterion with this id."""
        return next((one for one in self.criteria if one.criterion.id == name), None)


def ship_standing(ship: Ship, grounds: Grounds) -> ShipStanding:
    """Where every criterion of ``ship`` stands by ``grounds``. A pure function of the two."""
    return ShipStanding(
        ship,
        tuple(
            _criterion_standing(ship, deliverable, criterion, grounds)
            for deliverable, content in ship.deliverables.items()
            for criterion in content.criteria
        ),
    )


def _criterion_standing(
    ship: Ship, deliverable: str, criterion: AcceptanceCriterion, grounds: Grounds
) -> CriterionStanding:
    known = tuple(grounds.falsifiers[one] for one in criterion.falsifiers if one in grounds.falsifiers)
    quorum = quorum_standing(criterion.quorum, criterion.falsifiers, grounds) if criterion.quorum else None
    watched = {wire: tuple(_watched(wire, quorum, grounds)) for wire in criterion.tripwires}
    tripped = tuple(one for wire, seen in watched.items() for one in _tripped(wire, seen, grounds))
    below = {one.falsifier for one in known if not one.met}
    below_ceiling = tuple(lacking((one, one.ceiling) for one in known))
    missing = (
        *_absent(criterion, known),
        *below_ceiling,
        *_out_of_reach(known),
        *_held_back(criterion, known, grounds),
        *([f"{quorum} have held"] if quorum and not quorum.met else []),
        *(_watches_nothing(wire) for wire, seen in watched.items() if not seen and wire.falsifier not in below),
    )
    state = _state(criterion, known, missing, tripped, grounds)
    if state == "held for review":
        missing = tuple(f"a signed review: {one}" for one in tripped if not one.reviewers)
    return CriterionStanding(
        spec=ship.ship,
        deliverable=deliverable,
        criterion=criterion,
        state=state,
        why=_why(state, criterion, known, quorum, tripped),
        missing=missing,
        missing_beside=tuple(one for one in missing if one not in below_ceiling),
        falsifiers=known,
        quorum=quorum,
        tripped=tripped,
        waiver=ship.waiver(criterion.id),
    )


def _state(
    criterion: AcceptanceCriterion,
    known: tuple[FalsifierStanding, ...],
    missing: tuple[str, ...],
    tripped: tuple[Tripped, ...],
    grounds: Grounds,
) -> CriterionState:
    absent = [(Status.PROPOSED, Level.DISCHARGED)] * (len(criterion.falsifiers) - len(known))
    earned = [*((one.status, one.ceiling) for one in known), *absent]
    reached = contract_status(earned, grounds.required(criterion.falsifiers).values())
    if reached == Status.FALSIFIED:
        return "falsified"
    if reached < Status.DISCHARGED or missing:
        return "open"
    return "held for review" if any(not one.reviewers for one in tripped) else "discharged"


def _absent(criterion: AcceptanceCriterion, known: tuple[FalsifierStanding, ...]) -> Iterator[str]:
    there = {one.falsifier for one in known}
    for name in criterion.falsifiers:
        if name not in there:
            yield f"no contract has the falsifier {name}"


def _out_of_reach(known: tuple[FalsifierStanding, ...]) -> Iterator[str]:
    if known and max(one.ceiling for one in known) < Level.DISCHARGED:
        highest = max(one.ceiling for one in known).name
        yield f"none of its falsifiers can earn more than {highest}; name one that can be discharged"


def _held_back(criterion: AcceptanceCriterion, known: tuple[FalsifierStanding, ...], grounds: Grounds) -> Iterator[str]:
    contracts = ", ".join(sorted({one.contract for one in known}))
    for name, status in grounds.required(criterion.falsifiers).items():
        if status < Status.DISCHARGED:
            yield f"{contracts} requires {name}, which stands at {status.name}"


def _watched(wire: Tripwire, quorum: QuorumStanding | None, grounds: Grounds) -> Iterator[tuple[Statement, Judgement]]:
    """Everything held that counts here: what the wire's falsifier rests on, and what the quorum counts."""
    standing = grounds.falsifiers.get(wire.falsifier)
    counts = standing is not None and standing.status >= min(standing.ceiling, Level.INTEGRATION)
    rests_on = standing.rests_on if standing is not None and counts else None
    counted = {rests_on, *(quorum.statements if quorum else ())}
    for statement in grounds.statements:
        judgement = statement.judgement_of(wire.falsifier) if statement.sha256 in counted else None
        if judgement is not None and judgement.verdict.outcome == "held":
            yield statement, judgement


def _watches_nothing(wire: Tripwire) -> str:
    return f"{wire.falsifier} has not held, so that the tripwire on its {wire.measurement} watches nothing"


def _tripped(wire: Tripwire, seen: Iterable[tuple[Statement, Judgement]], grounds: Grounds) -> Iterator[Tripped]:
    """A tripwire on a number that is not there, or is none, would never trip: that too is for a person to look at."""
    for statement, judgement in seen:
        measured = [one.value for one in judgement.verdict.measurements if one.name == wire.measurement] or [None]
        reviewers = grounds.reviews.get(statement.sha256, ())
        for value in measured:
            if wire.when.holds(value) or not _comparable(value, wire.when):
                yield Tripped(wire, statement.sha256, value, reviewers)


def _comparable(value: Quantity, when: Criterion) -> bool:
    """Whether ``when`` could tell anything of ``value``. Numbers that are not finite are texts in evidence."""
    bounds = (when.at_least, when.at_most, when.above, when.below)
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return value is not None and (number or all(one is None for one in bounds))


def _why(
    state: CriterionState,
    criterion: AcceptanceCriterion,
    known: tuple[FalsifierStanding, ...],
    quorum: QuorumStanding | None,
    tripped: tuple[Tripped, ...],
) -> str:
    if state == "falsified":
        return "; ".join(f"{one.falsifier} fell" for one in known if one.status == Status.FALSIFIED)
    if state == "held for review":
        return "too good to be true until somebody signs for it"
    met, count = sum(one.met for one in known), len(criterion.falsifiers)
    parts = [at_ceiling(met, count)]
    if quorum is not None:
        parts.append(str(quorum))
    reviewers = sorted({name for one in tripped for name in one.reviewers})
    if reviewers:
        parts.append(f"reviewed by {', '.join(reviewers)}")
    return "; ".join(parts)
