"""A validation as Markdown: a job summary, a comment on a pull request, a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from falsifiable.contracts import Diagnostic
from falsifiable.evidence import short
from falsifiable.report.console import measured
from falsifiable.report.formats.report import MARKS, Report, mark_of, reason_of, said_of
from falsifiable.report.text import counted
from falsifiable.spec.markdown import escaped, table
from falsifiable.validation.results import Judgement

MOST_BYTES = 900_000
"""GitHub refuses a job summary above 1 MiB; rows that would not fit are counted instead."""
SIGNS = {"falsified": "❌", "could not run": "💥", "vacuous": "⚠️", "inconclusive": "❔", "held": "✅"}


def render(report: Report) -> str:
    """What fell first, then what could not be asked, warnings, and every claim in one folded table."""
    parts = [f"## Contracts: {report.headline}", ""]
    parts += [f"**{escaped(one)}**\n" for one in report.troubles]
    if report.results:
        counts = report.counts.items()
        parts += [table([f"{SIGNS[mark]} {mark}" for mark, _ in counts], [[str(count) for _, count in counts]]), ""]
    left = MOST_BYTES - len("\n".join(parts).encode())
    for title, section in _sections(report):
        section = _fitting(section, left)
        left -= sum(len(one.encode()) + 1 for one in section)
        if section:
            parts += [title, "", *section, ""]
    return "\n".join(parts).rstrip("\n") + ("\n\n</details>\n" if report.results else "\n")


def _faults(report: Report) -> Iterator[tuple[str, list[str]]]:
    if report.diagnostics:
        title = f"### {'Faults' if report.errors else 'Warnings'} about files"
        yield title, table(("Where", "Rule", "Found"), (_fault(one, report) for one in report.diagnostics)).splitlines()


def _fault(one: Diagnostic, report: Report) -> Sequence[str]:
    place = report.place_of_fault(one)
    return f"{escaped(place.path)}:{place.line}", f"`{one.rule}`", escaped(f"{one.severity}: {said_of(one)}")


def _sections(report: Report) -> Iterator[tuple[str, list[str]]]:
    """The sections, the worst first: what does not fit is the end. With an error in a file nothing was judged."""
    for mark in MARKS[:-1]:
        found = [one for one in report.judgements if mark_of(one) == mark]
        if found:
            title = f"### {SIGNS[mark]} {mark[0].upper()}{mark[1:]}"
            yield title, table(("Claim", "Found", "On", "Next"), (_row(one, report) for one in found)).splitlines()
    yield from _faults(report)
    if report.results:
        fold = f"<details><summary>All {counted(len(report.judgements), 'claim')}</summary>"
        yield fold, table(("Claim", "Verdict", "Measured"), map(_short_row, _in_order(report))).splitlines()


def _in_order(report: Report) -> Iterable[Judgement]:
    return (judgement for result in report.results for judgement in result.judgements)


def _row(judgement: Judgement, report: Report) -> Sequence[str]:
    place = report.place_of(judgement)
    bound = [f"{one.role} = {one.path or 'a command'} ({short(one.digest)})" for one in judgement.artifacts]
    return (
        f"**{escaped(judgement.falsifier)}** {escaped(judgement.claim)}<br>{escaped(f'{place.path}:{place.line}')}",
        escaped(reason_of(judgement)),
        "<br>".join(map(escaped, bound)) or "nothing bound",
        f"`contract explain {judgement.check}`",
    )


def _short_row(judgement: Judgement) -> Sequence[str]:
    mark = mark_of(judgement)
    said = escaped(measured(judgement.verdict)) if judgement.verdict.measurements else ""
    return f"{escaped(judgement.contract)}/{escaped(judgement.falsifier)}", f"{SIGNS[mark]} {mark}", said


def _fitting(lines: list[str], left: int) -> list[str]:
    """As many rows of a table as fit in ``left`` bytes, and how many do not; its first two lines are its head."""
    for number, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            missing = f"{counted(len(lines) - max(number, 2), 'row')} did not fit; see the JSON report."
            return [*lines[:number], "", missing] if number > 2 else [missing]
    return lines
