"""A ship's percentage by version, and what its steps were to earn and earned, as Markdown with a plot, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from falsifiable.evidence import short
from falsifiable.report.outlook import deliverables_as_json, tally_as_json
from falsifiable.report.text import clean
from falsifiable.spec import Reached
from falsifiable.spec.markdown import escaped, table
from falsifiable.status import RoadmapStanding, StepStanding, Tally
from falsifiable.status.points import ZERO, shown

NOW = "now"


@dataclass(frozen=True, slots=True)
class ShipReport:
    """Where a ship stands now, and what each released version of its spec had reached, oldest first."""

    roadmap: RoadmapStanding
    history: tuple[Reached, ...]


def ship_markdown(report: ShipReport) -> str:
    """The report as Markdown; the plot is a Mermaid chart, which GitHub draws."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: ShipReport) -> Iterator[str]:
    ship = report.roadmap.ship
    yield f"# Ship percentage of {escaped(ship.spec)}"
    yield f"**{ship.tally}**"
    rows = [
        (escaped(name), escaped(one.title), *_points(ship.tally_of(name)))
        for name, one in ship.ship.deliverables.items()
    ]
    yield table(("Deliverable", "What it is", "Discharged", "Declared", "Share"), rows)
    yield "## By version"
    if not report.history:
        yield "No amendment of this spec has been released yet, so there is no history to show."
    yield table(("Version", "Date", "Commit", "Discharged", "Declared", "Share"), _history(report))
    plotted = [(one.version, one.tally) for one in report.history if one.tally is not None]
    yield _plot(ship.spec, [*plotted, (NOW, ship.tally)])
    yield "## Predicted and earned, by step"
    yield from _steps([one for one in report.roadmap.steps if not one.criterion])


def _points(tally: Tally) -> tuple[str, str, str]:
    return shown(tally.discharged), shown(tally.declared), tally.shown_percent


def _history(report: ShipReport) -> Iterator[tuple[str, ...]]:
    for one in report.history:
        points = _points(one.tally) if one.tally is not None else ("unknown", "unknown", escaped(one.why))
        yield (one.version, one.date or "unknown", f"`{short(one.commit)}`", *points)
    yield (NOW, "", "", *_points(report.roadmap.ship.tally))


def _plot(spec: str, reached: Sequence[tuple[str, Tally]]) -> str:
    versions = ", ".join(f'"{version}"' for version, _ in reached)
    line = ", ".join(tally.shown_percent.removesuffix(" %") for _, tally in reached)
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'  title "Points discharged of points declared: {spec}"',
            f"  x-axis [{versions}]",
            '  y-axis "percent" 0 --> 100',
            f"  line [{line}]",
            "```",
        ]
    )


def _steps(steps: Sequence[StepStanding]) -> Iterator[str]:
    if not steps:
        yield "This spec has no roadmap."
        return
    head = ("Step", "What", "State", "Predicted", "Earned", "Difference")
    yield table(head, map(_step, steps))
    done = [one for one in steps if one.state == "done"]
    predicted, earned = (sum((getattr(one, name) for one in done), ZERO) for name in ("predicted", "earned"))
    yield f"The steps that are done were to earn {shown(predicted)} points, and earned {shown(earned)}."


def _step(one: StepStanding) -> tuple[str, ...]:
    state = "declared done, evidence missing" if one.declared_without_evidence else one.state
    difference = shown(one.earned - one.predicted) if one.state == "done" else ""
    return (escaped(one.name), escaped(one.step.title), state, shown(one.predicted), shown(one.earned), difference)


def ship_as_json(report: ShipReport) -> dict[str, Any]:
    """The report as JSON data."""
    ship = report.roadmap.ship
    return {
        "spec": ship.spec,
        "now": tally_as_json(ship.tally),
        "deliverables": deliverables_as_json(ship),
        "history": [
            {
                "version": one.version,
                "date": one.date or None,
                "commit": one.commit,
                "reached": None if one.tally is None else tally_as_json(one.tally),
                "why_not": clean(one.why) or None,
            }
            for one in report.history
        ],
        "steps": [
            {"step": one.name, "state": one.state, "predicted": float(one.predicted), "earned": float(one.earned)}
            for one in report.roadmap.steps
            if not one.criterion
        ],
    }
