"""What happened to the points of a ship file between two commits: a percentage moves by evidence, not by arithmetic.

Whatever changes the weights, or makes a criterion easier to meet, needs an amendment of the spec with a major bump.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from falsifiable.contracts import AcceptanceCriterion, Quorum, Ship, Tripwire
from falsifiable.contracts.criterion_comparison import compare_criteria
from falsifiable.contracts.model import Level
from falsifiable.contracts.ship import Step
from falsifiable.contracts.versions import Bump
from falsifiable.status.gate.block import Block
from falsifiable.status.points import exact, shown


def weakened_ships(
    before: Mapping[str, Ship], after: Mapping[str, Ship], amended: Mapping[str, Bump]
) -> Iterator[Block]:
    """Every ship file in which points were re-based, or a criterion asks for less, without a major amendment.

    ``before`` and ``after`` are by spec, and so is ``amended``: the highest bump of a spec that its amendments name.
    """
    for spec in sorted(before):
        if amended.get(spec, Bump.NONE) >= Bump.MAJOR:
            continue
        hint = f"contract amend new TITLE --spec {spec} --bump major says why, where everybody sees it"
        if spec in after and amended.get(spec, Bump.NONE) == Bump.NONE:
            yield from _retold(_criteria(before[spec]), _criteria(after[spec]), spec)
        if spec not in after:
            yield Block("GATE-CRITERION-REMOVED", spec, "the ship file is gone, and its percentage with it", hint)
            continue
        was, now = _criteria(before[spec]), _criteria(after[spec])
        yield from _rebased(was, now, hint)
        yield from _moved(before[spec], after[spec], hint)
        for name in sorted(was.keys() & now.keys()):
            for message in _easier(was[name], now[name]):
                yield Block("GATE-CRITERION-WEAKENED", name, message, hint)
        yield from _easier_steps(before[spec], after[spec], hint)


def _retold(
    was: Mapping[str, AcceptanceCriterion], now: Mapping[str, AcceptanceCriterion], spec: str
) -> Iterator[Block]:
    """Criteria that say something else: what was discharged was discharged under other words."""
    hint = f"contract amend new TITLE --spec {spec} says why, where everybody sees it"
    for name in sorted(was.keys() & now.keys()):
        if was[name].text != now[name].text:
            message = f"read {was[name].text!r}, reads {now[name].text!r}"
            yield Block("GATE-CRITERION-WEAKENED", name, message, hint)


def _easier_steps(was: Ship, now: Ship, hint: str) -> Iterator[Block]:
    """Steps that are done by less than they were."""
    later = {one.step: one for one in now.roadmap}
    for step in was.roadmap:
        if (same := later.get(step.step)) is None:
            continue
        subject = f"{was.ship} step {step.step}"
        if lost := [one for one in step.shown_by.falsifiers if one not in same.shown_by.falsifiers]:
            yield Block("GATE-CRITERION-WEAKENED", subject, f"is done without {', '.join(lost)}", hint)
        if _asked(same) < _asked(step):
            message = f"is done at {_asked(same).name}, and was at {_asked(step).name} or the ceiling"
            yield Block("GATE-CRITERION-WEAKENED", subject, message, hint)


def _asked(step: Step) -> Level:
    """How far the falsifiers of a step must have come; where it names no status, as far as they can."""
    return Level.of(step.shown_by.status) if step.shown_by.status else Level.DISCHARGED


def _criteria(ship: Ship) -> dict[str, AcceptanceCriterion]:
    return {one.id: one for one in ship.criteria}


def _rebased(
    was: Mapping[str, AcceptanceCriterion], now: Mapping[str, AcceptanceCriterion], hint: str
) -> Iterator[Block]:
    """Points that are others, gone or new: any of them moves the percentage without evidence."""
    for name in sorted(was.keys() - now.keys()):
        points = shown(exact(was[name].points))
        yield Block("GATE-CRITERION-REMOVED", name, f"the criterion and its {points} points are gone", hint)
    for name in sorted(was.keys() & now.keys()):
        if exact(was[name].points) != exact(now[name].points):
            message = f"was worth {shown(exact(was[name].points))} points, is worth {shown(exact(now[name].points))}"
            yield Block("GATE-WEIGHTS-REBASED", name, message, hint)
    for name in sorted(now.keys() - was.keys()):
        points = shown(exact(now[name].points))
        message = f"is new and worth {points} points, so that every other criterion weighs less"
        yield Block("GATE-WEIGHTS-REBASED", name, message, hint)


def _moved(was: Ship, now: Ship, hint: str) -> Iterator[Block]:
    """Criteria that count in another deliverable: its percentage, and that of the one they left, move."""
    homes = {one.id: name for name, content in now.deliverables.items() for one in content.criteria}
    for name, content in was.deliverables.items():
        for one in content.criteria:
            if homes.get(one.id, name) != name:
                yield Block("GATE-WEIGHTS-REBASED", one.id, f"counted in {name}, and counts in {homes[one.id]}", hint)


def _easier(was: AcceptanceCriterion, now: AcceptanceCriterion) -> Iterator[str]:
    """In which ways ``now`` is met where ``was`` would not be."""
    if lost := [one for one in was.falsifiers if one not in now.falsifiers]:
        yield f"no longer needs {', '.join(lost)}"
    yield from _easier_quorum(was.quorum, now.quorum)
    yield from _easier_tripwires(was.tripwires, now.tripwires)


def _easier_quorum(was: Quorum | None, now: Quorum | None) -> Iterator[str]:
    if was is None:
        return
    if now is None:
        yield f"no longer needs {was.at_least} recordings with distinct {was.distinct}"
    elif now.distinct != was.distinct:
        yield f"its quorum counts distinct {now.distinct}, and counted {was.distinct}"
    elif now.at_least < was.at_least:
        yield f"its quorum was {was.at_least} distinct {was.distinct}, and is {now.at_least}"


def _easier_tripwires(was: tuple[Tripwire, ...], now: tuple[Tripwire, ...]) -> Iterator[str]:
    """A tripwire that is gone, or that fewer values trip."""
    for wire in was:
        same = [one for one in now if (one.falsifier, one.measurement) == (wire.falsifier, wire.measurement)]
        compared = [compare_criteria(wire.when, one.when) for one in same]
        if not same:
            yield f"the tripwire on {wire.measurement} of {wire.falsifier} is gone"
        elif not any(one is None or one[0] == "loosened" for one in compared):
            words = "; ".join(one[1] for one in compared if one)
            yield f"the tripwire on {wire.measurement} of {wire.falsifier} trips on less: {words}"
