"""Amendments for a reader: a list, a preview of a release, and what a release did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from falsifiable.contracts import AmendmentFile
from falsifiable.contracts.versions import Bump
from falsifiable.report.outlook import percentages, tally_as_json
from falsifiable.report.text import clean, counted, shortened
from falsifiable.spec import AmendmentLog, Preview, Released, ReleasePlan, Section

TITLE_CHARACTERS = 76


def print_list(logs: Sequence[AmendmentLog], out: TextIO) -> None:
    """Every amendment of each spec, released ones first: number or bump, day, title, file."""
    for log in logs:
        out.write(f"{log.spec} {log.version}: {counted(len(log.sections), 'section')} released here, ")
        out.write(f"{len(log.pending)} pending\n")
        for section in log.sections:
            said = section.amendment
            title = shortened(clean(said.amendment), TITLE_CHARACTERS)
            out.write(f"  {section.number:>7}  {section.version:<10} {said.created[:10]}  {title}\n")
        for file in log.pending:
            out.write(f"  {_pending_line(file)}\n           {clean(file.path)}\n")


def _pending_line(file: AmendmentFile) -> str:
    said = file.amendment
    if said is None:
        return "pending  cannot be read, see its faults"
    title = shortened(clean(said.amendment), TITLE_CHARACTERS)
    return f"pending  {said.bump:<10} {said.created[:10]}  {title}"


def list_as_json(logs: Iterable[AmendmentLog]) -> list[dict[str, Any]]:
    """Every amendment of each spec as JSON data."""
    return [
        {
            "spec": log.spec,
            "version": log.version,
            "last_section": log.last_section,
            "released": [section_as_json(one) for one in log.sections],
            "pending": [pending_as_json(one) for one in log.pending],
            "faults": [one.to_json() for one in log.diagnostics],
        }
        for log in logs
    ]


def section_as_json(section: Section) -> dict[str, Any]:
    """A released amendment as JSON data."""
    said = section.amendment
    return {
        "section": section.number,
        "version": section.version,
        "path": section.path,
        "title": said.amendment,
        "created": said.created,
        "bump": said.bump,
        "contracts": dict(said.contracts),
        "supersedes": list(said.supersedes),
    }


def pending_as_json(file: AmendmentFile) -> dict[str, Any]:
    """A pending amendment as JSON data; one that cannot be read is its path and its faults."""
    said = file.amendment
    found: dict[str, Any] = {"path": file.path, "faults": [one.to_json() for one in file.diagnostics]}
    if said is not None:
        found |= {"title": said.amendment, "created": said.created, "bump": said.bump}
        found |= {"contracts": dict(said.contracts), "supersedes": list(said.supersedes)}
    return found


def print_plan(plan: ReleasePlan, out: TextIO) -> None:
    """Version, sections and contracts of a release."""
    newest = plan.after.releases[-1]
    out.write(f"{plan.spec} {plan.log.version} -> {plan.version}, dated {newest.date}\n")
    for section in newest.sections:
        title = shortened(clean(section.amendment.amendment), TITLE_CHARACTERS)
        out.write(f"  section {section.number}: {title}\n")
    for move in plan.contracts:
        out.write(f"  contract {move.contract}: {move.before} -> {move.after} ({move.bump.word})\n")


def print_preview(seen: Preview, out: TextIO) -> None:
    """What a release would do, the scoreboard as it would stand, what is stale, and what speaks against it."""
    if not seen.plan.moved:
        out.write(f"{seen.plan.spec} {seen.plan.log.version}: no amendment is pending that could be released\n")
    else:
        print_plan(seen.plan, out)
    for line in _after(seen):
        out.write(f"{line}\n")


def _after(seen: Preview) -> Iterator[str]:
    if seen.view.contracts:
        width = max(len(one.contract) for one in seen.view.contracts)
        yield "scoreboard:"
        yield from (f"  {one.contract:<{width}}  {one.version:<8} {one.shown}" for one in seen.view.contracts)
    if seen.view.roadmap is not None:
        yield "ship percentage:"
        yield from (f"  {clean(line)}" for line in percentages(seen.view.roadmap))
    elif seen.view.ship_faults:
        yield "the ship percentage cannot be told: ship.yaml is not valid; contract validate --no-run says why"
    yield "stale evidence:" if seen.stale else "no evidence is stale"
    yield from (f"  {clean(one)}" for one in seen.stale)
    if seen.not_compared:
        yield f"contracts were not compared with the last release: {clean(seen.not_compared)}"
    yield "against it:" if seen.plan.refusals else "nothing speaks against it"
    yield from (f"  {clean(str(one))}" for one in seen.plan.refusals)


def preview_as_json(seen: Preview) -> dict[str, Any]:
    """A preview as JSON data."""
    return {
        **plan_as_json(seen.plan),
        "scoreboard": [
            {"contract": one.contract, "version": one.version, "status": one.status.name, "shown": one.shown}
            for one in seen.view.contracts
        ],
        "ship": tally_as_json(seen.view.roadmap.ship.tally) if seen.view.roadmap is not None else None,
        "stale": list(seen.stale),
        "not_compared": seen.not_compared,
        "against": [str(one) for one in seen.plan.refusals],
    }


def plan_as_json(plan: ReleasePlan) -> dict[str, Any]:
    """Version, sections and contracts of a release as JSON data."""
    new = plan.after.releases[-1].sections if plan.moved else ()
    return {
        "spec": plan.spec,
        "before": plan.log.version,
        "version": plan.version,
        "date": plan.after.releases[-1].date if plan.moved else None,
        "sections": [section_as_json(one) for one in new],
        "contracts": [{**asdict(one), "bump": one.bump.word} for one in plan.contracts],
        "demanded": _demanded(plan),
    }


def _demanded(plan: ReleasePlan) -> Mapping[str, str]:
    """Contract -> the bump that its changes since the last release demand."""
    return {one.contract: one.demands.word for one in plan.comparisons if one.demands is not Bump.NONE}


def print_released(done: Released, out: TextIO) -> None:
    """What a release did, and how to keep it."""
    out.write("released ")
    print_plan(done.plan, out)
    for update in done.specs:
        if update.written:
            out.write(f"  wrote {', '.join(update.written)} in spec/{update.path.parent.name}/{update.path.name}\n")
    out.write(f"next: look at it, and commit all of it: git add --all contracts spec/{done.plan.spec}\n")
