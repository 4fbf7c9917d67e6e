"""What stands in each region of a spec, as Markdown: a function of its view alone, so of evidence and code alone.

Nothing here looks at the clock, at local artifacts or at the order of anything but the names of contracts and the
order in which a contract lists its falsifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from falsifiable.evidence import Context, short
from falsifiable.spec.amendment_regions import (
    amendments_region,
    cadence_region,
    changelog_region,
    header,
    lessons_region,
)
from falsifiable.spec.markdown import escaped, table
from falsifiable.spec.ship_regions import roadmap_region, ship_region
from falsifiable.spec.view import SpecView
from falsifiable.status import ContractStanding, FalsifierStanding, Status
from falsifiable.status.words import at_ceiling, examined

NO_CONTRACT = "No contract names this spec yet."


def rendered(name: str, view: SpecView) -> str:
    """The content of region ``name`` of one spec. Raises KeyError for a name without a renderer."""
    return RENDERERS[name](view)


def _of_contracts(render: Callable[[Sequence[ContractStanding]], str]) -> Callable[[SpecView], str]:
    """A renderer of contracts alone as one of the whole view."""
    return lambda view: render(view.contracts) if view.contracts else NO_CONTRACT


def _version(view: SpecView) -> str:
    """The version of the spec where it has one, and of each contract."""
    head = ("Contract", "Version", "Status", "Judged at commit", "Evidence")
    contracts = table(head, (_version_row(one) for one in view.contracts)) if view.contracts else NO_CONTRACT
    return "\n\n".join(part for part in (header(view.amendments), contracts) if part)


def _version_row(one: ContractStanding) -> tuple[str, ...]:
    commits = sorted({_commit(head.context) for head in one.heads})
    digests = [f"`{short(head.sha256)}`" for head in one.heads]
    judged, evidence = ", ".join(commits) or "never", ", ".join(digests) or "none"
    return (escaped(one.contract), escaped(one.version), one.shown, judged, evidence)


def _commit(context: Context) -> str:
    return "no commit" if context.commit is None else context.marked(f"`{short(context.commit)}`")


def _scoreboard(contracts: Sequence[ContractStanding]) -> str:
    return "\n\n".join(_scoreboard_of(one) for one in contracts)


def _scoreboard_of(one: ContractStanding) -> str:
    reached = sum(1 for falsifier in one.falsifiers if falsifier.met)
    title = f"**{escaped(one.contract)} {escaped(one.version)}: {one.shown}**"
    tally = at_ceiling(reached, len(one.falsifiers))
    head = ("Falsifier", "Claim", "Status", "Ceiling", "Measured, or why not", "Evidence")
    return f"{title} ({tally})\n\n{table(head, (_scoreboard_row(f) for f in one.falsifiers))}"


def _scoreboard_row(one: FalsifierStanding) -> tuple[str, ...]:
    evidence = f"`{short(one.rests_on)}`" if one.rests_on else "none"
    return (escaped(one.falsifier), escaped(one.claim), one.shown, one.ceiling.name, _measured(one), evidence)


def _measured(one: FalsifierStanding) -> str:
    """The reason where there is one to give, else the numbers the verdict rests on."""
    if one.stale and one.stale_status is not None:
        return escaped("; ".join(one.stale))
    if one.judgement is None or one.status in (Status.FALSIFIED, Status.PROPOSED):
        return escaped("; ".join(one.needs))
    verdict = one.judgement.verdict
    if verdict.outcome != "held":
        specimen = "holds on specimens" if one.status == Status.PARTIAL else ""
        return escaped("; ".join(part for part in (specimen, verdict.found) if part))
    return escaped(", ".join([*(str(measurement) for measurement in verdict.measurements), examined(verdict)]))


def _missing(contracts: Sequence[ContractStanding]) -> str:
    return "\n\n".join(_missing_of(one) for one in contracts)


def _missing_of(one: ContractStanding) -> str:
    stands = f"**{escaped(one.contract)} {escaped(one.version)}** stands at {one.shown}"
    highest = "" if one.can_discharge else ", the highest that its claims can earn"
    comma = "," if highest else ""
    if one.status >= one.ceiling:
        return f"{stands}{highest}; nothing is missing."
    lines = [*_conditions_missing(one), *_falsifiers_missing(one), *(f"- {escaped(held)}" for held in one.held_back)]
    return "\n".join([f"{stands}. For {one.ceiling.name}{highest}{comma} it still needs:", "", *lines])


def _conditions_missing(one: ContractStanding) -> list[str]:
    if not one.can_discharge:
        return []
    return [f"- {escaped(gap)}" for gap in one.unmet]


def _falsifiers_missing(one: ContractStanding) -> list[str]:
    """Each falsifier below its ceiling with its own reasons; what the whole run lacks was said once already."""
    lines = []
    for falsifier in one.falsifiers:
        own = [need for need in falsifier.needs if need not in one.unmet]
        if not falsifier.met and own:
            lines.append(f"- {escaped(falsifier.falsifier)} ({falsifier.shown}): {escaped('; '.join(own))}")
    return lines


RENDERERS: Mapping[str, Callable[[SpecView], str]] = {
    "version": _version,
    "scoreboard": _of_contracts(_scoreboard),
    "missing": _of_contracts(_missing),
    "ship": ship_region,
    "roadmap": roadmap_region,
    "amendments": amendments_region,
    "cadence": cadence_region,
    "lessons": lessons_region,
    "changelog": changelog_region,
}
"""The regions a spec may have, by name."""

OF_AMENDMENTS = frozenset({"amendments", "cadence", "lessons", "changelog"})
"""The regions that rest on released amendments and on no statement: their markers name none."""
