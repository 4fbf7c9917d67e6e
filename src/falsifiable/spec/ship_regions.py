"""The regions that tell of a ship file, as Markdown: the ship percentage with all it counts, and the roadmap.

A waiver is shown with the day it ends, not with whether that day is over: a region does not look at the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from falsifiable.spec.markdown import escaped, table
from falsifiable.spec.view import SpecView
from falsifiable.status import CriterionStanding, RoadmapStanding, ShipStanding, StageStanding, StepStanding, Tally
from falsifiable.status.points import ZERO, shown

NO_SHIP = "This spec has no ship.yaml, so nothing of it counts for a percentage."


def ship_region(view: SpecView) -> str:
    """The ship percentage, the deliverables with their criteria, and what was waived."""
    return _of_ship(view, lambda roadmap: "\n\n".join(_ship(roadmap.ship)))


def tally_of_region(content: str) -> Tally | None:
    """The percentage that a ship region opens with, None where it tells of no ship file."""
    first = content.partition("\n")[0]
    return Tally.parse(first.removeprefix("**").removesuffix("**"))


def roadmap_region(view: SpecView) -> str:
    """The steps: where each stands, what it waits for, what it was to earn and what it earned."""
    return _of_ship(view, lambda roadmap: "\n\n".join(_roadmap(roadmap, view.stages)))


def _of_ship(view: SpecView, render: Callable[[RoadmapStanding], str]) -> str:
    if view.roadmap is not None:
        return render(view.roadmap)
    if not view.ship_faults:
        return NO_SHIP
    faults = "1 fault" if view.ship_faults == 1 else f"{view.ship_faults} faults"
    return f"The ship.yaml of this spec has {faults}, so nothing of it counts; `contract validate --no-run` names them."


def _ship(ship: ShipStanding) -> Iterator[str]:
    yield f"**{ship.tally}**"
    for name, deliverable in ship.ship.deliverables.items():
        rows = [_criterion_row(one) for one in ship.criteria if one.deliverable == name]
        head = ("Criterion", "What must be true", "Points", "Status", "Why, or what is missing")
        yield f"**{escaped(name)}**: {escaped(deliverable.title)}; {ship.tally_of(name)}\n\n{table(head, rows)}"
    if ship.waived:
        yield _waived(ship)


def _criterion_row(one: CriterionStanding) -> tuple[str, ...]:
    state = f"{one.state} (waived)" if one.waiver else one.state
    why = "; ".join([one.why, *one.missing])
    return (escaped(one.criterion.id), escaped(one.criterion.text), shown(one.points), state, escaped(why))


def _waived(ship: ShipStanding) -> str:
    points = shown(sum((one.points for one in ship.waived if not one.discharged), ZERO))
    count = "1 criterion is" if len(ship.waived) == 1 else f"{len(ship.waived)} criteria are"
    lines = [
        f"- {escaped(one.criterion.id)}, by {escaped(one.waiver.owner)} until {one.waiver.expires}: "
        f"{escaped(one.waiver.reason)}"
        for one in ship.waived
        if one.waiver is not None
    ]
    heading = f"{count} waived; {points} points that somebody goes ahead without, and that count as not discharged:"
    return "\n".join([heading, "", *lines])


def _roadmap(roadmap: RoadmapStanding, stages: tuple[StageStanding, ...]) -> Iterator[str]:
    steps = [one for one in roadmap.steps if not one.criterion]
    if steps:
        head = ("Step", "What", "State", "Waits for, or what is missing", "Hours", "Device", "Predicted", "Earned")
        yield table(head, (_step_row(one) for one in steps))
        predicted, earned = (
            sum(points, ZERO) for points in zip(*((s.predicted, s.earned) for s in steps), strict=True)
        )
        yield f"Predicted were {shown(predicted)} points, earned are {shown(earned)}."
    else:
        yield "This spec has no roadmap."
    untouched = [one for one in stages if not one.touched]
    if untouched:
        listed = "; ".join(f"{escaped(one.stage)} ({one.said})" for one in untouched)
        yield f"No evidence on real files touches these stages of the life cycle: {listed}."


def _step_row(one: StepStanding) -> tuple[str, ...]:
    together = [name for name in one.group if name != one.name]
    what = escaped(one.step.title) + (f" (together with {escaped(', '.join(together))})" if together else "")
    points = (shown(one.predicted), shown(one.earned))
    return (escaped(one.name), what, _state(one), _why_not(one), shown(one.hours), one.step.device, *points)


def _state(one: StepStanding) -> str:
    if one.declared_without_evidence:
        return "declared done, evidence missing"
    return {"done": "done", "ready": "can be dispatched", "waiting": "waits"}[one.state]


def _why_not(one: StepStanding) -> str:
    """What stands in the way; where nothing does, the evidence it is for."""
    waits = [wait.said for wait in one.waits_for]
    missing = one.missing if one.declared_without_evidence or not waits else ()
    return escaped("; ".join((*waits, *missing)))
