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
        yield _artifact(number, artifact)
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


def _artifact(number: int, artifact: ArtifactResult) -> Element:
    """What was done to one artifact; it is opened at once where something goes unnoticed that nobody explained."""
    killed = sum(one.killed for one in artifact.mutations)
    return element(
        "details",
        element("summary", f"{artifact.label} ({artifact.kind}): {killed} of {len(artifact.mutations)} noticed"),
        element("p", ", ".join(artifact.places), class_="quiet"),
        _grid(number, artifact),
        *_not_applicable(artifact),
        open=any(_outcome(one) == UNGUARDED for one in artifact.mutations),
    )


def _grid(number: int, artifact: ArtifactResult) -> Element:
    name = f"{artifact.label}, {artifact.kind} {number + 1}"
    asked = list(dict.fromkeys(name for one in artifact.mutations for name in one.fates))
    corner = (element("th", one, scope="col") for one in ("Mutation", "Outcome"))
    heads = (element("th", element("span", one.partition("/")[2] or one), scope="col", title=one) for one in asked)
    rows = (_row(one, asked) for one in artifact.mutations)
    parts = (element("thead", element("tr", *corner, *heads)), element("tbody", *rows))
    items = [{"outcome": _outcome(one)} for one in artifact.mutations]
    grid = scrolling(f"Mutations of {name}", element("table", *parts, class_="matrix"))
    return filtered(f"matrix {number}", "mutations", items, [grid], of=name)


def _not_applicable(artifact: ArtifactResult) -> Iterator[Element]:
    if artifact.not_applicable:
        said = f"{counted(len(artifact.not_applicable), 'mutation')} without a meaning here"
        yield element("details", element("summary", said), pairs(artifact.not_applicable.items()))


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
