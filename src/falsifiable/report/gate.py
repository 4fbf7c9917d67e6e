"""What the gate decided, for a person, a program, a job summary, and the annotations of a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from falsifiable.evidence import short
from falsifiable.report.outlook import tally_as_json
from falsifiable.report.text import counted, json_text
from falsifiable.spec.gate import Decision
from falsifiable.spec.markdown import escaped, table
from falsifiable.status import CriterionStanding
from falsifiable.status.gate.block import Block
from falsifiable.status.gate.rules import GATE_RULES
from falsifiable.status.gate.ships import ShipMovement


def as_text(decision: Decision) -> str:
    """Every reason with what to do next, and one last line that says whether the change may pass."""
    lines = [f"gate: {_commits(decision)}", *(f"    {one}" for one in _percentages(decision))]
    for block in _in_order(decision):
        lines += [f"\n{block.rule}: {block.subject}", f"    {block.message}", f"    next: {block.next_step}"]
    lines += ["", *(f"undecided: {one}" for one in decision.undecided), *(f"note: {one}" for one in decision.notes)]
    return "\n".join([*lines, _verdict(decision)]) + "\n"


def decision_as_json(decision: Decision) -> dict[str, Any]:
    """The decision as JSON data."""
    return {
        "base": decision.base,
        "head": decision.head,
        "decision": _word(decision),
        "blocks": [{**one.to_json(), "title": GATE_RULES[one.rule].title} for one in _in_order(decision)],
        "undecided": list(decision.undecided),
        "notes": list(decision.notes),
        "ships": [_ship_as_json(one) for one in decision.ships],
    }


def as_markdown(decision: Decision) -> str:
    """A job summary."""
    lines = [f"## Gate: {_word(decision)}", "", escaped(_commits(decision)), ""]
    lines += [f"- {escaped(one)}" for one in _percentages(decision)]
    if decision.blocks:
        rows = (
            (f"`{one.rule}`", escaped(one.subject), escaped(one.message), escaped(one.next_step))
            for one in _in_order(decision)
        )
        lines += ["", table(("Reason", "About", "Found", "Next"), rows)]
    for title, every in (("Undecided", decision.undecided), ("Notes", decision.notes)):
        lines += ["", f"### {title}", "", *(f"- {escaped(one)}" for one in every)] if every else []
    return "\n".join(lines) + "\n"


def as_github(decision: Decision) -> str:
    """Workflow commands: each reason as an error beside the file it is about."""
    return "".join(f"{line}\n" for line in _annotations(decision)) + f"{_verdict(decision)}\n"


FORMATS: Mapping[str, Callable[[Decision], str]] = {
    "text": as_text,
    "json": lambda decision: json_text(decision_as_json(decision)),
    "markdown": as_markdown,
    "github": as_github,
}


def _annotations(decision: Decision) -> Iterator[str]:
    for block in _in_order(decision):
        line = f",line={block.line}" if block.line is not None else ""
        where = f"file={_property(block.path)}{line}," if block.path is not None else ""
        yield f"::error {where}title={_property(block.rule)}::{_message(f'{block.subject}: {block.message}')}"
    yield from (f"::warning title=gate::{_message(one)}" for one in decision.undecided)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _in_order(decision: Decision) -> list[Block]:
    """By rule in the order of their list, then by what they are about."""
    order = {name: index for index, name in enumerate(GATE_RULES)}
    return sorted(decision.blocks, key=lambda one: (order[one.rule], one.subject, one.message))


def _commits(decision: Decision) -> str:
    return f"{short(decision.base)} to {short(decision.head)}"


def _percentages(decision: Decision) -> Iterator[str]:
    for one in decision.ships:
        held = [criterion.criterion.id for criterion in _held(one)]
        waived = [criterion.criterion.id for criterion in one.after.waived if not criterion.discharged]
        yield str(one)
        if held:
            yield f"{one.spec}: held for review, and not counted: {', '.join(held)}"
        if waived:
            yield f"{one.spec}: waived, and not counted: {', '.join(waived)}"


def _ship_as_json(one: ShipMovement) -> dict[str, Any]:
    was = one.before.ship.tally if one.before else None
    return {
        "spec": one.spec,
        "before": tally_as_json(was) if was else None,
        "after": tally_as_json(one.after.tally),
        "vouched": tally_as_json(one.counted.tally),
        "held_for_review": [criterion.criterion.id for criterion in _held(one)],
        "waived": [criterion.criterion.id for criterion in one.after.waived],
    }


def _held(ship: ShipMovement) -> list[CriterionStanding]:
    return [one for one in ship.after.criteria if one.state == "held for review"]


def _word(decision: Decision) -> str:
    if decision.blocks:
        return "refused"
    return "undecided" if decision.undecided else "passed"


def _verdict(decision: Decision) -> str:
    if decision.blocks:
        return f"refused for {counted(len(decision.blocks), 'reason')}; contract explain RULE says more of each"
    return "cannot be decided from here" if decision.undecided else "passed"
