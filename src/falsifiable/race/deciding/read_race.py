"""Read ``race.yaml``: its shape, and what a shape cannot say. All faults of the file at once, each at its place."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic, Position
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.nodes import Index, Trail, index
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import read_yaml
from falsifiable.race.deciding import plan as parts
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.vocabulary import QUANTITIES, combinations, described, matching
from falsifiable.race.judging.gate_rules import GATE_CHECKS, planned_phase_faults

_RULES = ShapeRules(
    unknown_key="RACE-UNKNOWN-KEY", missing_key="RACE-MISSING-KEY", type="RACE-TYPE", value="RACE-VALUE"
)
_MOST_COMBINATIONS_NAMED = 3
Found = tuple[tuple[str | int, ...], str, str]
"""Where in a part, what is wrong there, and what is expected."""


@dataclass(frozen=True, slots=True)
class RaceFile:
    """One ``race.yaml`` as read; ``plan`` is None where it has a fault."""

    path: str
    plan: RacePlan | None
    diagnostics: tuple[Diagnostic, ...]
    places: Index = field(default_factory=dict)

    def position(self, *trail: str | int) -> Position:
        """Where the value at ``trail`` starts; of what encloses it, where there is no such value."""
        return _position(self.places, trail) if self.places else Position()


def read_race(source: Path | bytes, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS) -> RaceFile:
    """Read one race file.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits)
    if file.root is None:
        return RaceFile(file.path, None, file.diagnostics)
    faults = Faults(file.path, limits)
    builder = Builder(faults, _RULES)
    built = builder.build(record_shape(RacePlan), file.root)
    places = index(file.root)
    for trail, part in builder.parts.items():
        for where, message, hint in _faults_of(part):
            faults.add("RACE-VALUE", _position(places, (*trail, *where)), message, hint)
    if built is not INVALID:
        for rule, where, message, hint in _table_faults(built):
            faults.add(rule, _position(places, where), message, hint)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    plan = None
    if built is not INVALID and not diagnostics:
        plan = replace(built, folder=source.parent if isinstance(source, Path) else Path())
    return RaceFile(file.path, plan, diagnostics, places)


def _position(places: Index, trail: Trail) -> Position:
    while trail not in places:
        trail = trail[:-1]
    return places[trail][1].position


def _faults_of(part: Any) -> Iterator[Found]:
    check = _CHECKS.get(type(part))
    yield from check(part) if check else ()
    for key in _ABOVE_ZERO.get(type(part), ()):
        number = getattr(part, key)
        if number is not None and number <= 0:
            yield (key,), f"{key} is {number:g}", "a number above 0"
    for key in _FROM_ZERO.get(type(part), ()):
        if getattr(part, key) < 0:
            yield (key,), f"{key} is {getattr(part, key):g}", "0 or above"


def _one_of(part: Any, first: str, second: str, what: str) -> Iterator[Found]:
    given = [key for key in (first, second) if getattr(part, key) is not None]
    if len(given) != 1:
        said = "both" if given else "neither"
        yield (), f"this {what} has {said} of '{first}' and '{second}'", f"give exactly one of {first} and {second}"


def _share(part: Any, key: str = "share") -> Iterator[Found]:
    share = getattr(part, key)
    if share is not None and not 0 < share <= 1:
        yield (key,), f"{key} is {share:g}", "above 0, and 1 at most"


def _keep(part: parts.Keep) -> Iterator[Found]:
    yield from _one_of(part, "share", "count", "keep")
    yield from _share(part)
    yield from _share(part, "compute")


def _rung(part: parts.Rung) -> Iterator[Found]:
    yield from _one_of(part, "step", "share", "rung")
    yield from _share(part)


def _space(part: parts.Space) -> Iterator[Found]:
    if part.last_id < part.first_id:
        yield ("last_id",), f"last_id {part.last_id} is below first_id {part.first_id}", "the last id of the range"
    if not 0 <= part.first_seed <= part.last_seed < 2**32:
        yield ("last_seed",), f"seeds {part.first_seed} to {part.last_seed}", "rising, from 0 to 2^32 - 1"


def _state(part: parts.State) -> Iterator[Found]:
    if not part.when:
        yield ("when",), f"state {part.state} has no condition", "write one alternative at least; {} is always true"
    for place, condition in enumerate(part.when):
        for name, words in condition.items():
            yield from _condition(("when", place, name), name, words)


def _condition(where: tuple[str | int, ...], name: str, words: tuple[str, ...]) -> Iterator[Found]:
    if name not in QUANTITIES:
        yield where, f"there is no quantity '{name}'", f"one of {', '.join(QUANTITIES)}"
        return
    if not words:
        yield where, f"{name} accepts no word, so that the condition can never hold", f"some of {_known(name)}"
    for place, word in enumerate(words):
        if word not in QUANTITIES[name]:
            yield (*where, place), f"{name} never says '{word}'", f"one of {_known(name)}"


def _known(name: str) -> str:
    return ", ".join(QUANTITIES[name])


def _samples(part: parts.Comparison) -> Iterator[Found]:
    if part.samples < 3:
        yield ("samples",), f"samples is {part.samples}", "3 or more: a line through two points has no error"


def _plan(part: RacePlan) -> Iterator[Found]:
    for key in ("seeds", "recipes", "rungs", "states"):
        if not getattr(part, key):
            yield (key,), f"{key} is empty", "name at least one"
    for place, seed in enumerate(part.seeds):
        if seed in part.seeds[:place]:
            yield ("seeds", place), f"seed {seed} is listed twice", "list each seed once: the same run twice is one run"
        if not 0 <= seed < 2**32:
            yield ("seeds", place), f"seed {seed} is out of range", "0 to 2^32 - 1"
    if part.vocabulary_size < 2:
        yield ("vocabulary_size",), f"vocabulary_size is {part.vocabulary_size}", "2 or more"
    if part.space is not None and part.space not in part.spaces:
        yield ("space",), f"there is no space '{part.space}'", f"one of {', '.join(part.spaces) or 'none declared'}"
    for name, champion in part.champions.items():
        if champion.space not in part.spaces:
            known = ", ".join(part.spaces) or "none declared"
            yield ("champions", name, "space"), f"there is no space '{champion.space}'", f"one of {known}"
    yield from _rungs(part)
    yield from planned_phase_faults(part.phases, part.blockers, part.recipes)
    yield from _overlapping_spaces(part)


def _rungs(part: RacePlan) -> Iterator[Found]:
    before = 0
    for place, rung in enumerate(part.rungs):
        step = rung.at(part.steps)
        if step <= before:
            yield ("rungs", place), f"rung {place} at step {step} follows step {before}", "rungs in rising order"
        if step > part.steps:
            yield ("rungs", place), f"rung {place} at step {step} lies beyond the race's {part.steps} steps", "lower it"
        before = max(before, step)


def _overlapping_spaces(part: RacePlan) -> Iterator[Found]:
    ordered = sorted(part.spaces.items(), key=lambda one: one[1].first_id)
    for (name, one), (other, following) in itertools.pairwise(ordered):
        if following.first_id <= one.last_id:
            inside = f"{name} ({one.first_id} to {one.last_id})"
            message = f"space {other} starts at id {following.first_id}, inside space {inside}"
            yield ("spaces", other), message, "ids of two spaces must not overlap"


def _table_faults(plan: RacePlan) -> Iterator[tuple[str, Trail, str, str]]:
    """Combinations of words without a state, and with several; at most a few of each are named."""
    names = [one.state for one in plan.states]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield (
                "RACE-VALUE",
                ("states", place, "state"),
                f"state {name} is declared twice",
                "merge the two under 'when'",
            )
    if any(
        word not in QUANTITIES.get(name, ())
        for one in plan.states
        for when in one.when
        for name, words in when.items()
        for word in words
    ):
        return
    holes = [words for words in combinations() if not matching(plan.states, words)]
    if holes:
        yield "RACE-STATES-HOLE", ("states",), f"no state holds for {_some(holes)}", "add the combination to one state"
    overlaps: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for words in combinations():
        if len(found := matching(plan.states, words)) > 1:
            overlaps.setdefault(found, []).append(words)
    for found, several in overlaps.items():
        place = names.index(found[1])
        message = f"{' and '.join(found)} both hold for {_some(several)}"
        yield "RACE-STATES-OVERLAP", ("states", place), message, "narrow one of them: a run has exactly one state"


def _some(combined: list[dict[str, str]]) -> str:
    shown = "; ".join(f"({described(one)})" for one in combined[:_MOST_COMBINATIONS_NAMED])
    rest = len(combined) - _MOST_COMBINATIONS_NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


_CHECKS: dict[type, Callable[[Any], Iterator[Found]]] = {
    parts.Keep: _keep,
    parts.Rung: _rung,
    parts.Space: _space,
    parts.State: _state,
    parts.Comparison: _samples,
    RacePlan: _plan,
    **GATE_CHECKS,
}
_ABOVE_ZERO: dict[type, tuple[str, ...]] = {
    parts.Keep: ("count",),
    parts.Promote: ("count",),
    parts.Rung: ("step", "deadline_seconds"),
    parts.Comparison: ("fewest",),
    parts.AntiCull: ("evaluations", "within"),
    parts.Account: ("slots",),
    parts.Limits: ("wall_clock_seconds", "first_value_seconds", "race_seconds"),
    RacePlan: ("steps", "evaluate_every"),
}
_FROM_ZERO: dict[type, tuple[str, ...]] = {
    parts.Keep: ("by_value",),
    parts.Comparison: ("tolerance", "significance", "slope_tolerance"),
    parts.Limits: ("grace_seconds",),
    RacePlan: ("blind_steps",),
}
