"""The scoreboard: one row per contract, with where it stands and what keeps it there."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable.report.page.badges import anchor, badge
from falsifiable.report.page.filters import filtered
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import listed, row, table_of
from falsifiable.status import ContractStanding

HEAD = ("Contract", "Spec", "Status", "Claims at their ceiling", "What keeps it there")


def scoreboard(overview: Overview) -> Iterator[Element]:
    """The filters, and the table they act on."""
    specs = overview.specs
    items = [{"spec": specs.get(one.contract, ""), "status": one.status.name} for one in overview.standings]
    rows = (
        row(_cells(one, item["spec"]), class_="item", data_spec=item["spec"], data_status=item["status"],
            id=anchor("contract", one.contract))
        for one, item in zip(overview.standings, items, strict=True)
    )  # fmt: skip
    yield filtered(
        "scoreboard", "contracts", items, [table_of("Contracts and where they stand", HEAD, rows, class_="wide")]
    )


def _cells(one: ContractStanding, spec: str) -> tuple[Element | str, ...]:
    met = sum(each.met for each in one.falsifiers)
    name = element("span", element("a", one.contract, href=f"#{anchor('claims', one.contract)}"), f" {one.version}")
    reasons = [*one.held_back, *(f"stale: {why}" for why in one.stale), *one.undecided]
    if one.can_discharge:
        reasons += [f"not discharged: {gap}" for gap in one.unmet]
    below = sum(not each.met for each in one.falsifiers)
    if below and not reasons:
        reasons = [f"{below} of its claims below their ceiling"]
    return (
        element("span", name, element("br"), element("small", one.title)),
        spec,
        badge(one.status.name, one.shown),
        f"{met} of {len(one.falsifiers)}",
        listed(reasons) if reasons else "nothing: it is at its ceiling",
    )
