"""What can be done next for a ship, and where that leads, for a reader of ``contract next`` and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from falsifiable.contracts import Waiver
from falsifiable.report.text import clean
from falsifiable.status import (
    CriterionStanding,
    Dispatch,
    Reach,
    RoadmapStanding,
    ShipStanding,
    StageStanding,
    StepStanding,
    Tally,
)
from falsifiable.status.points import shown


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that ``contract next`` says of one spec.

    ``tiers`` are what can be reached without a limit of hours, ``reach`` what can be within one, where that was asked.
    """

    roadmap: RoadmapStanding
    stages: tuple[StageStanding, ...]
    tiers: tuple[Reach, ...]
    reach: Reach | None = None


def outlook_text(outlook: Outlook, today: date) -> str:
    """The outlook as lines of text; waivers that ended before ``today`` are called expired."""
    return "\n".join(clean(line) for line in _lines(outlook, today)) + "\n"


def _lines(outlook: Outlook, today: date) -> Iterator[str]:
    roadmap = outlook.roadmap
    yield from percentages(roadmap)
    yield from _section("can be dispatched now, by points per hour", map(_dispatch, roadmap.ready))
    declared = [_step(one, one.missing) for one in roadmap.declared_without_evidence]
    yield from _section("declared done, while the evidence is missing", declared)
    yield from _section("waiting", map(_waiting, roadmap.waiting))
    done = [one.name for one in roadmap.steps if one.state == "done"]
    yield from _section("done", [[", ".join(done)]] if done else [])
    yield from _section("open, and no step that is left leads there", map(_criterion, roadmap.stranded))
    held = [one for one in roadmap.ship.criteria if one.state == "held for review"]
    yield from _section("held for review", map(_criterion, held))
    fell = [one for one in roadmap.ship.criteria if one.state == "falsified"]
    yield from _section("falsified", map(_criterion, fell))
    waived = [[_waived(one, one.waiver, today)] for one in roadmap.ship.waived if one.waiver]
    yield from _section("waived, which never counts as discharged", waived)
    untouched = [[f"{one.stage}: {one.said}"] for one in outlook.stages if not one.touched]
    yield from _section("stages that no evidence on real files touches", untouched)
    reaches = [*outlook.tiers, *([outlook.reach] if outlook.reach else [])]
    yield from _section("what can be reached", map(_reach, reaches))


def _section(title: str, entries: Any) -> Iterator[str]:
    """A heading and its entries, each of which is a line with others below it; nothing where there are none."""
    listed = [list(one) for one in entries]
    if listed:
        yield ""
        yield f"{title}:"
    for first, *rest in listed:
        yield f"  {first}"
        yield from (f"      {line}" for line in rest)


def percentages(roadmap: RoadmapStanding) -> Iterator[str]:
    """The ship percentage, and that of each deliverable, as lines of text."""
    ship = roadmap.ship
    yield f"{ship.spec}: {ship.tally}"
    width = max(map(len, ship.ship.deliverables))
    for name, one in ship.ship.deliverables.items():
        yield f"  {name:<{width}}  {ship.tally_of(name)}; {one.title}"


def _dispatch(one: Dispatch) -> Iterator[str]:
    opens = f"; opens {shown(one.opens)} points" if one.opens else ""
    yield f"{_names(one)}  {_worth(one)}{opens}"
    yield from (f"{step.name}: {step.step.title}" for step in one.steps)


def _names(one: Dispatch) -> str:
    return " + ".join(one.names)


def _worth(one: Dispatch) -> str:
    points = f"{shown(one.points)} point{'' if one.points == 1 else 's'}"
    rate = f"{float(one.points_per_hour):.3g} an hour"
    return f"{points} in {_hours(one.hours)} on {' and '.join(one.devices)}: {rate}"


def _hours(hours: Fraction) -> str:
    return f"{shown(hours)} h"


def _step(one: StepStanding, below: Sequence[str]) -> list[str]:
    return [f"{one.name}  {one.step.title}", *below]


def _waiting(one: Dispatch) -> list[str]:
    reasons = dict.fromkeys(wait.said for step in one.steps for wait in step.waits_for)
    titles = "; ".join(step.step.title for step in one.steps)
    return [f"{_names(one)}  {titles}", *(f"for {reason}" for reason in reasons)]


def _criterion(one: CriterionStanding) -> list[str]:
    points = f"{shown(one.points)} point{'' if one.points == 1 else 's'}"
    return [f"{one.criterion.id}  {points}: {one.criterion.text}", one.why, *one.missing]


def _waived(one: CriterionStanding, waiver: Waiver, today: date) -> str:
    until = f"until {waiver.expires}" + (" (expired)" if waiver.expired(today) else "")
    return f"{one.criterion.id}  {shown(one.points)} points, by {waiver.owner} {until}: {waiver.reason}"


def _reach(reach: Reach) -> list[str]:
    limit = "without a limit of hours" if reach.within is None else f"within {_hours(reach.within)}"
    device = "with a CPU alone" if reach.device == "cpu" else "with every device"
    first = f"{limit}, {device}: {reach.tally}, in {_hours(reach.hours)}"
    if reach.within is None:
        return [first]
    return [first, *(f"{_names(one)}  {_hours(one.hours)} on {' and '.join(one.devices)}" for one in reach.dispatches)]


def outlook_as_json(outlook: Outlook, today: date) -> dict[str, Any]:
    """The outlook as JSON data; points and hours are numbers."""
    roadmap = outlook.roadmap
    ship = roadmap.ship
    return {
        "spec": ship.spec,
        **tally_as_json(ship.tally),
        "deliverables": deliverables_as_json(ship),
        "criteria": [_criterion_as_json(one, today) for one in ship.criteria],
        "steps": [_step_as_json(one) for one in roadmap.steps],
        "ready": [_dispatch_as_json(one) for one in roadmap.ready],
        "waiting": [_dispatch_as_json(one) for one in roadmap.waiting],
        "declared_without_evidence": [one.name for one in roadmap.declared_without_evidence],
        "stranded": [one.criterion.id for one in roadmap.stranded],
        "stages": [
            {"stage": one.stage, "touched": one.touched, "by": list(one.by), "said": one.said} for one in outlook.stages
        ],
        "tiers": [_reach_as_json(one) for one in outlook.tiers],
        "reach": _reach_as_json(outlook.reach) if outlook.reach else None,
    }


def tally_as_json(tally: Tally) -> dict[str, Any]:
    """Points and percentage as JSON data."""
    return {
        "discharged": float(tally.discharged),
        "declared": float(tally.declared),
        "percent": float(tally.percent),
    }


def deliverables_as_json(ship: ShipStanding) -> list[dict[str, Any]]:
    """Points and percentage of each deliverable as JSON data."""
    return [{"deliverable": name, **tally_as_json(ship.tally_of(name))} for name in ship.ship.deliverables]


def _criterion_as_json(one: CriterionStanding, today: date) -> dict[str, Any]:
    waiver = one.waiver
    return {
        "criterion": one.criterion.id,
        "deliverable": one.deliverable,
        "points": float(one.points),
        "state": one.state,
        "why": one.why,
        "missing": list(one.missing),
        "quorum": str(one.quorum) if one.quorum else None,
        "waived": waiver and {**_waiver_as_json(waiver), "expired": waiver.expired(today)},
    }


def _waiver_as_json(waiver: Waiver) -> dict[str, Any]:
    return {"owner": waiver.owner, "reason": waiver.reason, "expires": waiver.expires}


def _step_as_json(one: StepStanding) -> dict[str, Any]:
    return {
        "step": one.name,
        "title": one.step.title,
        "state": one.state,
        "criterion": one.criterion,
        "declared_without_evidence": one.declared_without_evidence,
        "missing": list(one.missing),
        "waits_for": [{"kind": wait.kind, "name": wait.name, "said": wait.said} for wait in one.waits_for],
        "together": list(one.group),
        "hours": float(one.hours),
        "device": one.step.device,
        "predicted": float(one.predicted),
        "earned": float(one.earned),
    }


def _dispatch_as_json(one: Dispatch) -> dict[str, Any]:
    return {
        "steps": list(one.names),
        "points": float(one.points),
        "opens": float(one.opens),
        "hours": float(one.hours),
        "devices": list(one.devices),
        "points_per_hour": float(one.points_per_hour),
    }


def _reach_as_json(reach: Reach) -> dict[str, Any]:
    return {
        **tally_as_json(reach.tally),
        "within": None if reach.within is None else float(reach.within),
        "device": reach.device,
        "hours": float(reach.hours),
        "dispatches": [_dispatch_as_json(one) for one in reach.dispatches],
    }
