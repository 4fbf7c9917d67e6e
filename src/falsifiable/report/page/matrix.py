"""The falsifier by mutation matrix: which falsifier notices which fault, and what nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable.report.page.badges import badge
from falsifiable.report.page.commands import command
from falsifiable.report.page.filters import filtered
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import pairs, scrolling, table
from falsifiable.report.text import counted
from falsifiable.validation.mutation_results import ArtifactResult, Fate, MutationReport, MutationResult

MARKS: dict[Fate, tuple[str, str]] = {
    "killed": ("●", "noticed"),
    "survived": ("·", "not noticed"),
    "inconclusive": ("?", "inconclusive"),
    "not asked": ("–", "not asked"),
}
UNGUARDED, EXPLAINED, GUARDED = "nobody notices", "explained", "noticed"


def mutation_matrix(overview: Overview) -> Iterator[Element]:
    """The matrix of each artifact; where nobody asked for one, how to get it."""
    report = overview.mutations
    if report is None:
        yield element("p", "No matrix was given. These two commands make one and show it here:")
        yield element("p", element("code", "contract challenge --matrix --format json > matrix.json"))
        yield command("contract", "report", "--format", "html", "--mutations", "matrix.json", "--output", "report.html")
        return
    yield element("p", element("strong", _score(report)))
    yield _legend()
    for number, artifact in enumerate(report.artifacts):
        yield from _artifact(number, artifact)
    if report.left_out:
        yield element("h3", "Left out of the score")
        yield pairs((name, why) for name, why in report.left_out.items())
    head = ("Falsifier", "Notices", "Alone in its contract")
    kills = ((element("code", name), str(killed), str(alone)) for name, (killed, alone) in report.kills().items())
    yield element("h3", "What each falsifier notices")
    yield table("What each falsifier notices", head, kills)


def _score(report: MutationReport) -> str:
    explained = len(report.survivors) - len(report.unexplained)
    return (
        f"{report.killed} of {counted(report.applicable, 'mutation')} of {counted(len(report.artifacts), 'artifact')} "
        f"are noticed; {len(report.survivors)} are not, {explained} of them explained."
    )


def _legend() -> Element:
    return element("p", *(one for mark, said in MARKS.values() for one in (element("b", mark), f" {said}   ")))


def _artifact(number: int, artifact: ArtifactResult) -> Iterator[Element]:
    yield element("h3", f"{artifact.label}, a {artifact.kind}")
    yield element("p", ", ".join(artifact.places), class_="quiet")
    asked = list(dict.fromkeys(name for one in artifact.mutations for name in one.fates))
    items = [{"outcome": _outcome(one)} for one in artifact.mutations]
    rows = (_row(one, asked) for one in artifact.mutations)
    corner = element("th", "Mutation", scope="col")
    heads = [element("th", element("span", name.partition("/")[2] or name), scope="col", title=name) for name in asked]
    head = element("thead", element("tr", corner, element("th", "Outcome", scope="col"), *heads))
    label = f"Mutations of {artifact.label}, {artifact.kind} {number + 1}"
    grid = scrolling(label, element("table", head, element("tbody", *rows), class_="matrix"))
    yield filtered(f"matrix {number}", "mutations", items, [grid], of=f"{artifact.label}, {artifact.kind} {number + 1}")
    if artifact.not_applicable:
        yield element(
            "details",
            element("summary", f"{counted(len(artifact.not_applicable), 'mutation')} mean nothing here"),
            pairs(artifact.not_applicable.items()),
        )


def _row(one: MutationResult, asked: list[str]) -> Element:
    outcome = _outcome(one)
    tone = {GUARDED: "killed", EXPLAINED: "partial", UNGUARDED: "survived"}[outcome]
    why = one.accepted or (f"claim that nobody holds: {one.guards}" if outcome == UNGUARDED else "")
    name = element("span", element("code", one.name), element("br"), element("small", one.describes))
    said = element("span", badge(tone, outcome), *((element("br"), element("small", why)) if why else ()))
    cells = (_fate(one, falsifier) for falsifier in asked)
    return element(
        "tr", element("th", name, scope="row"), element("td", said), *cells, class_="item", data_outcome=outcome
    )


def _fate(one: MutationResult, falsifier: str) -> Element:
    fate: Fate = one.fates.get(falsifier, "not asked")
    mark, said = MARKS[fate]
    seen = element("span", mark, aria_hidden="true")
    return element("td", seen, element("span", said, class_="unseen"), class_=f"fate {fate.replace(' ', '-')}")


def _outcome(one: MutationResult) -> str:
    return GUARDED if one.killed else EXPLAINED if one.accepted else UNGUARDED
