"""What a race has shown beyond its winner: which expectations came true, and whether one kind of seed does better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.seed_hypothesis import SeedHypothesis, judge_seed_hypothesis
from falsifiable.race.deciding.seeds import phi_seeds
from falsifiable.race.judging.gains import GainTable, judge_gains
from falsifiable.race.judging.phases import Experiment

_PHI_SEEDS = 100
"""So many phi-anchored seeds are told apart from others; the exact ones are distinct."""


def expected_gains(plan: Mapping[str, Any], curves: Sequence[Curve]) -> GainTable:
    """The gains that the phases of a plan registered, as its ledger holds it, beside those measured."""
    return judge_gains(tuple(_experiments(plan)), curves)


def seeds_compared(curves: Sequence[Curve]) -> Mapping[str, SeedHypothesis]:
    """Recipe -> whether its phi-anchored seeds ended lower than its others; recipes with both kinds alone."""
    phi = frozenset(phi_seeds(_PHI_SEEDS))
    ended = [one for one in curves if one.steps and one.planned_steps in (None, one.steps[-1])]
    found = {}
    for recipe in dict.fromkeys(one.recipe for one in ended):
        own = [one for one in ended if one.recipe == recipe and one.seed is not None]
        claimed = [one.final for one in own if one.seed in phi]
        rest = [one.final for one in own if one.seed not in phi]
        if claimed and rest:
            found[recipe] = judge_seed_hypothesis(claimed, rest)
    return found


def _experiments(plan: Mapping[str, Any]) -> Iterator[Experiment]:
    phases = plan.get("phases")
    for phase in phases.values() if isinstance(phases, Mapping) else ():
        for one in (isinstance(phase, Mapping) and phase.get("experiments")) or ():
            if isinstance(one.get("gain"), int | float):  # nothing was registered for the others
                yield Experiment(one["recipe"], one["seed"], against=one.get("against"), gain=float(one["gain"]))
