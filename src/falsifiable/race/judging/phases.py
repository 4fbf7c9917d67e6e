"""Phases of a race as data: what each waits for, which experiments it runs, and what has to be out of its way.

Smoke comes before fire: a phase names the criteria that must be green, and does not start while one is not. In
``race.yaml``::

    phases:
      smoke: {title: Fourteen criteria on short runs, experiments: []}
      champion:
        title: What is expected to help
        requires: [smoke]
        green: [SMOKE-01, SMOKE-02]
        count: 21
        experiments:
          - {recipe: wsd, exp_id: 5, seed: 200, against: base, gain: 0.02, minimum: true}
    blockers:
      dataset: {what: the corpus is not pinned by digest}
      trainer: {what: the trainer ignores its seed, requires: [dataset], blocks: [champion]}

A hedge (the same champions in GF16) and a precision sweep (one recipe in several number formats) are phases like any
other: their experiments name recipes of another number format.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from falsifiable.contracts.cycles import cycles
from falsifiable.contracts.model import CONTRACT_NAME
from falsifiable.evidence.canonical import canonical_json
from falsifiable.race.errors import (
    BudgetTooSmall,
    ConflictingGains,
    DependencyCycle,
    ExperimentListedTwice,
    NotGreen,
    PhaseCountMismatch,
    PhaseUnfinished,
    RaceError,
    UnknownRequirement,
)

_NAME = {"pattern": CONTRACT_NAME, "expected": "lower-case words joined by hyphens, such as champion"}
_SENTENCE = {"min_length": 1, "max_length": 1000}
_CRITERION = {"pattern": r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", "expected": "an id such as SMOKE-01", "max_length": 100}


@dataclass(frozen=True, slots=True)
class Experiment:
    """One run of a phase, with what is expected of its recipe, written down before the run starts."""

    recipe: str = field(metadata={**_NAME, "description": "a recipe of the race"})
    seed: int = field(metadata={"description": "its seed"})
    exp_id: int | None = field(default=None, metadata={"description": "the id that is planned for it"})
    against: str | None = field(default=None, metadata={**_NAME, "description": "the recipe it is to be better than"})
    gain: float | None = field(
        default=None, metadata={"description": "by how much lower its final is expected to be, in the race's unit"}
    )
    minimum: bool = field(default=False, metadata={"description": "part of the set that runs on a tight budget"})


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the race that starts when what it waits for is done and green."""

    title: str = field(metadata={**_SENTENCE, "description": "what it is for, in one line"})
    experiments: tuple[Experiment, ...] = field(default=(), metadata={"description": "its runs"})
    requires: tuple[str, ...] = field(default=(), metadata={**_NAME, "description": "phases that come before"})
    green: tuple[str, ...] = field(
        default=(), metadata={**_CRITERION, "description": "criteria that must hold before it starts"}
    )
    count: int | None = field(default=None, metadata={"description": "how many experiments it is said to have"})


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something that stands in the way of phases, and what has to be out of *its* way first."""

    what: str = field(metadata={**_SENTENCE, "description": "what stands in the way"})
    requires: tuple[str, ...] = field(default=(), metadata={**_NAME, "description": "blockers to remove before it"})
    blocks: tuple[str, ...] = field(default=(), metadata={**_NAME, "description": "phases that wait for its removal"})


def check_may_start(
    name: str,
    phase: Phase,
    judged: Mapping[str, bool | None],
    *,
    finished: Collection[str] = (),
    blockers: Mapping[str, Blocker] | None = None,
    removed: Collection[str] = (),
) -> None:
    """Refuse to start ``phase`` while something that it waits for is not there.

    Args:
        name: the phase's name.
        phase: the phase.
        judged: criteria with whether they hold; one that is missing or None was not judged, and is not green.
        finished: phases that have ended.
        blockers: what stands in the way.
        removed: the blockers that no longer do.

    Raises:
        PhaseUnfinished: phases or blockers that come before it are not done; blockers in the order they have to go.
        NotGreen: criteria that are not green, all of them named.
    """
    waiting = [one for one in phase.requires if one not in finished]
    waiting += [one for one in _in_the_way(name, blockers or {}) if one not in removed]
    if waiting:
        raise PhaseUnfinished(name, tuple(waiting))
    not_green = tuple(one for one in phase.green if judged.get(one) is not True)
    if not_green:
        raise NotGreen(name, not_green)


def phase_faults(
    phases: Mapping[str, Phase], blockers: Mapping[str, Blocker], recipes: Collection[str]
) -> tuple[RaceError, ...]:
    """Everything that contradicts itself in ``phases`` and ``blockers``, before anything is run."""
    return tuple(_phase_faults(phases, blockers, recipes))


def blocker_order(blockers: Mapping[str, Blocker]) -> tuple[str, ...]:
    """The blockers in an order in which they can be removed; as declared, where nothing demands otherwise.

    Raises UnknownRequirement, or DependencyCycle with the way around it.
    """
    return _ordered({name: one.requires for name, one in blockers.items()})


def _in_the_way(phase: str, blockers: Mapping[str, Blocker]) -> Iterator[str]:
    """What blocks ``phase``, and what has to go before that, in an order in which it can be removed."""
    needed = {key for key, one in blockers.items() if phase in one.blocks}
    order = blocker_order(blockers)
    for key in reversed(order):  # what a blocker requires stands before it
        if key in needed:
            needed.update(blockers[key].requires)
    return (key for key in order if key in needed)


def within_budget(name: str, phase: Phase, runs: int) -> tuple[Experiment, ...]:
    """The experiments that ``runs`` runs allow: all of them, else the minimum set.

    Nothing between the two is chosen, because whoever chose would choose by what is already known. Raises
    BudgetTooSmall where not even the minimum set fits.
    """
    if len(phase.experiments) <= runs:
        return phase.experiments
    least = tuple(one for one in phase.experiments if one.minimum)
    if not least or len(least) > runs:
        raise BudgetTooSmall(name, len(least) or len(phase.experiments), runs)
    return least


def registration(experiments: Sequence[Experiment]) -> str:
    """The sha256 of what is expected of ``experiments``: noted in the ledger before the first run."""
    return hashlib.sha256(canonical_json([asdict(one) for one in experiments])).hexdigest()


def _phase_faults(
    phases: Mapping[str, Phase], blockers: Mapping[str, Blocker], recipes: Collection[str]
) -> Iterator[RaceError]:
    for waiting in ({key: one.requires for key, one in group.items()} for group in (phases, blockers)):
        try:
            _ordered(waiting)
        except RaceError as error:
            yield error
    for key, blocker in blockers.items():
        for one in blocker.blocks:
            if one not in phases:
                yield UnknownRequirement(f"what {key} blocks", one, tuple(phases))
    for name, phase in phases.items():
        yield from _experiment_faults(name, phase, recipes)
    yield from _gain_faults(phases)


def _experiment_faults(name: str, phase: Phase, recipes: Collection[str]) -> Iterator[RaceError]:
    if phase.count is not None and phase.count != len(phase.experiments):
        yield PhaseCountMismatch(name, phase.count, len(phase.experiments))
    for one in phase.experiments:
        for recipe in filter(None, (one.recipe, one.against)):
            if recipe not in recipes:
                yield UnknownRequirement(f"an experiment of {name}", recipe, tuple(recipes))
    counted = Counter(f"E{one.exp_id:04d}" for one in phase.experiments if one.exp_id is not None)
    counted.update(f"seed {one.seed} of {one.recipe}" for one in phase.experiments)
    for what, times in counted.items():
        if times > 1:
            yield ExperimentListedTwice(what, name)


def _gain_faults(phases: Mapping[str, Phase]) -> Iterator[RaceError]:
    expected: dict[tuple[str, str | None], list[float]] = {}
    for phase in phases.values():
        for one in phase.experiments:
            if one.gain is not None:
                expected.setdefault((one.recipe, one.against), []).append(one.gain)
    for (recipe, _), gains in expected.items():
        if len(set(gains)) > 1:
            yield ConflictingGains(recipe, tuple(f"{gain:g}" for gain in sorted(set(gains))))


def _ordered(requires: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """``requires`` so that everything stands after what it waits for, otherwise in the order given."""
    for name, wanted in requires.items():
        for one in wanted:
            if one not in requires:
                raise UnknownRequirement(name, one, tuple(requires))
    found = next(cycles({name: [(one, None) for one in wanted] for name, wanted in requires.items()}), None)
    if found:
        raise DependencyCycle(tuple(found[0]))
    order: list[str] = []
    waiting = list(requires)
    while waiting:
        ready = next(name for name in waiting if all(one in order for one in requires[name]))
        order.append(ready)
        waiting.remove(ready)
    return tuple(order)
