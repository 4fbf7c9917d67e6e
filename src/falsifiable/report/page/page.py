"""The report of a workspace: its sections in the order in which somebody who has to decide asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from falsifiable.evidence import short
from falsifiable.report.page.curves import loss_curves
from falsifiable.report.page.document import Section, document
from falsifiable.report.page.evidence import evidence
from falsifiable.report.page.graph import dependencies
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.matrix import mutation_matrix
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.scoreboard import scoreboard
from falsifiable.report.page.ships import ship_percentages
from falsifiable.report.page.verdicts import verdicts
from falsifiable.report.text import counted
from falsifiable.status import Status

_SECTIONS: tuple[tuple[str, str, Callable[[Overview], Iterator[Element]]], ...] = (
    ("Scoreboard", "Where every contract stands by the recorded evidence.", scoreboard),
    (
        "Verdicts",
        "Every claim: what was measured against which threshold, on which bytes, and the faults it is proven to find.",
        verdicts,
    ),
    ("Loss curves", "What runs logged, with what was predicted of them before they had ended.", loss_curves),
    ("Ship percentage", "Points discharged over points declared, and nothing else.", ship_percentages),
    ("Dependencies", "Contracts, criteria and steps, each with what it leans on.", dependencies),
    ("Mutations", "Faults that nobody had in mind, and which falsifier notices each of them.", mutation_matrix),
    ("Evidence", "What all of this rests on, and how to verify it.", evidence),
)  # fmt: skip


def html_report(overview: Overview, shown: Callable[[str], str] = str) -> str:
    """The report as one HTML file. ``shown`` says how each text from elsewhere is to be shown, such as redacted."""
    sections = [Section(heading, purpose, tuple(made(overview))) for heading, purpose, made in _SECTIONS]
    return document(overview.title, _lead(overview), sections, shown)


def _lead(overview: Overview) -> Iterator[Element]:
    """What a reader wants first: how many contracts stand where, and at which commit."""
    counts = Counter(one.status for one in overview.standings)
    statuses = ", ".join(f"{counts[one]} {one.name}" for one in sorted(counts, reverse=True))
    said = f"{counted(len(overview.standings), 'contract')}" + (f": {statuses}" if statuses else "")
    yield element("p", element("strong", said))
    for one in overview.ships:
        yield element("p", f"Ship percentage of {one.roadmap.ship.spec}: {one.roadmap.ship.tally}")
    falsifiers = (each for one in overview.standings for each in one.falsifiers)
    fallen = [one.falsifier for one in falsifiers if one.status == Status.FALSIFIED]
    if fallen:
        yield element("p", f"Falsified: {', '.join(fallen)}", class_="found")
    if overview.commit:
        yield element(
            "p", f"Read at commit {short(overview.commit)}; the evidence says which code judged.", class_="quiet"
        )
