"""What the shape of ``race.yaml`` cannot say about gates, tripwires, phases and blockers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from falsifiable.race.judging.gates import Gate
from falsifiable.race.judging.phases import Blocker, Phase, phase_faults
from falsifiable.race.judging.plausibility import Tripwires
from falsifiable.race.judging.significance import Significance

Found = tuple[tuple[str | int, ...], str, str]
"""Where in a part, what is wrong there, and what is expected."""


def gate_faults(gate: Gate) -> Iterator[Found]:
    """What keeps a gate from ever passing, or from ever refusing."""
    if gate.quorum < 1:
        yield ("quorum",), f"quorum is {gate.quorum}, so that the gate passes without a run", "1 or more"
    if gate.seeds and gate.quorum > len(set(gate.seeds)):
        message = f"quorum is {gate.quorum} and only {len(set(gate.seeds))} seeds count, so that no run can pass"
        yield ("quorum",), message, "as many as there are seeds, at most"
    if gate.min_distinct_steps < 1:
        yield ("min_distinct_steps",), f"min_distinct_steps is {gate.min_distinct_steps}", "1 or more"
    if gate.min_step < 0:
        yield ("min_step",), f"min_step is {gate.min_step}", "0 or above"
    if gate.significance is not None and gate.quorum < 2:
        yield ("significance",), "a test over the finals of one run shows nothing", "a quorum of 2 or more"


def significance_faults(wanted: Significance) -> Iterator[Found]:
    """What keeps a test from deciding anything."""
    if not 0 < wanted.alpha < 1:
        yield ("alpha",), f"alpha is {wanted.alpha:g}", "between 0 and 1, such as 0.01"
    if wanted.effect < 0:
        yield ("effect",), f"effect is {wanted.effect:g}", "0 or above"


def tripwire_faults(wires: Tripwires) -> Iterator[Found]:
    """Tripwires that no curve could miss, or that none could trip."""
    if wires.jump_sigmas <= 0:
        yield ("jump_sigmas",), f"jump_sigmas is {wires.jump_sigmas:g}, so that every rise voids", "above 0, such as 10"
    floors: list[tuple[tuple[str, ...], float | None]] = [(("floor",), wires.floor)]
    floors += [(("family_floors", key), one) for key, one in wires.family_floors.items()]
    for where, floor in floors:
        if floor is not None and floor <= wires.implausible_below:
            message = (
                f"the floor {floor:g} is not above implausible_below, {wires.implausible_below:g}: nothing is held"
            )
            yield where, message, "a floor above what voids a run"


def planned_phase_faults(
    phases: Mapping[str, Phase], blockers: Mapping[str, Blocker], recipes: Collection[str]
) -> Iterator[Found]:
    """What contradicts itself in the phases of a race, in the words of its typed error."""
    for error in phase_faults(phases, blockers, recipes):
        message, _, hint = str(error).partition("; ")
        yield (("phases",) if phases else ("blockers",)), message, hint


GATE_CHECKS: dict[type, Callable[[Any], Iterator[Found]]] = {
    Gate: gate_faults,
    Significance: significance_faults,
    Tripwires: tripwire_faults,
}
"""By the type of the part of ``race.yaml`` that they check."""
