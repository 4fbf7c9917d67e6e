"""The regions that tell of amendments, as Markdown: a function of the released files alone.

Pending amendments stand in none of them: regions must read the same on every branch until there is a release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from falsifiable.contracts.versions import Bump
from falsifiable.evidence import short
from falsifiable.spec.amendments import AmendmentLog, Release, Section, one_line
from falsifiable.spec.markdown import escaped, table
from falsifiable.spec.view import SpecView

NONE_RELEASED = "No amendment has been released yet."
NO_LESSON = "No amendment has taught a lesson yet."


def header(log: AmendmentLog) -> str:
    """The line that says which version of the spec this is; nothing where it never had one."""
    if log.releases:
        newest, count = log.releases[-1], len(log.sections)
        first, last = log.sections[0].number, log.sections[-1].number
        several = f"{count} amendments, sections {first} to {last}" if count > 1 else f"1 amendment, section {first}"
        return f"Specification version **{newest.version}** of {newest.date}, with {several}."
    return f"Specification version **{log.version}**. {NONE_RELEASED}" if log.version != "0.0.0" else ""


def amendments_region(view: SpecView) -> str:
    """Every released section in its order."""
    log = view.amendments
    return "\n\n".join(section_text(one, log, view.evidence) for one in log.sections) or NONE_RELEASED


def section_text(section: Section, log: AmendmentLog, evidence: Mapping[str, str]) -> str:
    """One section: heading, finding, five whys, evidence, net effect, lessons, and whatever else its author wrote.

    Args:
        section: what was released.
        log: all amendments of the spec, for the numbers of lessons and what took the place of what.
        evidence: sha256 -> contract of the statements recorded for this spec.
    """
    said, number = section.amendment, section.number
    parts = {
        "Finding": said.finding.strip("\n"),
        "Five whys": "\n".join(f"{n}. {one_line(why)}" for n, why in enumerate(said.five_whys, start=1)),
        "Evidence": "\n".join(f"- {_statement(digits, evidence)}" for digits in said.evidence) or "None.",
        "Net effect": said.net_effect.strip("\n"),
        "Lessons": "\n".join(f"- Lesson {log.lesson(one).number}: {one_line(one)}" for one in said.lessons) or "None.",
        "Notes": said.body,
    }
    headed = [f"### {number}.{n} {name}\n\n{text}" for n, (name, text) in enumerate(parts.items(), start=1) if text]
    return "\n\n".join([f"## {number}. {escaped(said.amendment)}", _about(section, log), *headed])


def _about(section: Section, log: AmendmentLog) -> str:
    """One paragraph: version, date, what moved, and what took the place of what."""
    said = section.amendment
    moved = f", contracts: {_moved(said.moves_contracts)}" if said.contracts else ""
    sentences = [f"Version {section.version}, written {said.created[:10]}; bump: {said.bump}{moved}."]
    if said.supersedes:
        sentences.append(f"Supersedes {_sections(sorted(set(said.supersedes)))}.")
    if later := log.superseded_by(section.number):
        sentences.append(f"Superseded by {_sections(later)}.")
    return " ".join(sentences)


def _statement(digits: str, evidence: Mapping[str, str]) -> str:
    """A link to the statement that ``digits`` begin; the digits alone where there is no such statement, or several."""
    meant = [digest for digest in evidence if digest.startswith(digits)]
    if len(meant) != 1:
        return f"`{short(digits)}`"
    return f"[`{short(meant[0])}`](evidence/{meant[0]}.json) of {escaped(evidence[meant[0]])}"


def cadence_region(view: SpecView) -> str:
    """A table of all releases, the newest first."""
    log = view.amendments
    rows = [_cadence_row(one) for one in reversed(log.releases)]
    if log.baseline.section:
        rows.append((log.baseline.version, "", f"1 to {log.baseline.section}", "written elsewhere"))
    return table(("Version", "Date", "Sections", "Contracts"), rows) if rows else NONE_RELEASED


def _cadence_row(release: Release) -> tuple[str, ...]:
    numbers = [one.number for one in release.sections]
    sections = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
    return (release.version, release.date, sections, _moved(release.contracts) or "none")


def lessons_region(view: SpecView) -> str:
    """Every lesson under its number, with the sections that teach it."""
    lessons = (f"{one.number}. {one.text} ({_sections(one.sections)})" for one in view.amendments.lessons)
    return "\n".join(lessons) or NO_LESSON


def changelog_region(view: SpecView) -> str:
    """What each version brought, the newest first: for whoever receives the spec."""
    return "\n\n".join(_changes(one) for one in reversed(view.amendments.releases)) or NONE_RELEASED


def _changes(release: Release) -> str:
    return "\n".join([f"## {release.version} - {release.date}", "", *_titles(release)])


def _titles(release: Release) -> Iterator[str]:
    for section in release.sections:
        bumps = section.amendment.moves_contracts
        moved = f" (contracts: {_moved(bumps)})" if bumps else ""
        yield f"- Section {section.number}: {escaped(section.amendment.amendment)}{moved}"


def _moved(contracts: Mapping[str, Bump]) -> str:
    return ", ".join(f"{escaped(name)} {contracts[name].word}" for name in sorted(contracts))


def _sections(numbers: Iterable[int]) -> str:
    *others, last = map(str, numbers)
    return f"sections {', '.join(others)} and {last}" if others else f"section {last}"
