"""The ship percentage: of each spec over its versions, and criterion by criterion as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable.evidence import short
from falsifiable.report.page.badges import anchor, badge
from falsifiable.report.page.chart import Chart, Line, drawn
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import listed, scrolling, table
from falsifiable.report.ship import NOW, ShipReport
from falsifiable.status import CriterionStanding, Tally
from falsifiable.status.points import shown


def ship_percentages(overview: Overview) -> Iterator[Element]:
    """Every ship there is."""
    for one in overview.ships:
        yield from _ship(one)
    if not overview.ships:
        yield element("p", "No spec has a ship.yaml, so there are no points to earn.")


def _ship(report: ShipReport) -> Iterator[Element]:
    ship = report.roadmap.ship
    yield element("h3", ship.spec)
    yield element("p", element("strong", str(ship.tally)))
    reached = [(one.version, one.tally) for one in report.history if one.tally is not None]
    plotted = [*reached, (NOW, ship.tally)]
    yield element(
        "figure",
        scrolling(f"Ship percentage of {ship.spec}", drawn(_chart(ship.spec, plotted))),
        element("figcaption", "Points discharged of points declared, by version of the spec, in percent."),
    )
    yield table(f"Versions of {ship.spec}", ("Version", "Date", "Commit", "Reached"), _versions(report))
    head = ("Criterion", "What", "Points", "State", "Why")
    yield table(f"Criteria of {ship.spec}", head, map(_criterion, ship.criteria), class_="wide")


def _chart(spec: str, plotted: list[tuple[str, Tally]]) -> Chart:
    points = [(float(place), float(tally.percent)) for place, (_, tally) in enumerate(plotted)]
    said = ", ".join(f"{version} {tally.shown_percent}" for version, tally in plotted)
    every = max(1, len(plotted) // 8)
    ticks = [(float(place), plotted[place][0]) for place in range(len(plotted) - 1, -1, -every)]
    return Chart(
        f"Ship percentage of {spec} by version: {said}",
        "version",
        "percent",
        [Line(points, "promote")],
        ticks=ticks,
        range_up=(0.0, 100.0),
        dotted=True,
    )


def _versions(report: ShipReport) -> Iterator[tuple[str, ...]]:
    for one in report.history:
        said = str(one.tally) if one.tally is not None else f"unknown: {one.why}"
        yield one.version, one.date or "unknown", short(one.commit), said
    yield NOW, "", "", str(report.roadmap.ship.tally)


def _criterion(one: CriterionStanding) -> tuple[Element | str, ...]:
    state = f"{one.state} (waived)" if one.waiver else one.state
    return (
        element("code", one.criterion.id, id=anchor("criterion", one.criterion.id)),
        one.criterion.text,
        shown(one.points),
        badge(one.state, state),
        listed([one.why, *one.missing]),
    )
