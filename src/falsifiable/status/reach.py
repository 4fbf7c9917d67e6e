"""Which ship percentage can be reached: in so many hours, with such a device, or at all.

A criterion is reached when every step that is meant to earn it is done. Which steps fit into the hours, each after all
that it requires, is a knapsack with precedence, solved exactly. Hours count in whole minutes, each step rounded up. Of
several answers that are worth the same the shortest is taken, and of these the one with the earlier steps of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any

from falsifiable.contracts import Device
from falsifiable.status.points import ZERO, Tally
from falsifiable.status.roadmap import Dispatch, RoadmapStanding
from falsifiable.status.ship import CriterionStanding

MOST_UNITS = 10**6
"""Points are counted in the largest unit that keeps all of them whole, or in millionths of their sum; each is one unit
at least."""


class ReachError(RuntimeError):
    """The question cannot be answered here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be reached, with which dispatches, in an order in which they can be made.

    ``tally`` counts as discharged what is and what would be; ``within`` is the hours given, None for no limit, and
    ``device`` the device given, None for any.
    """

    dispatches: tuple[Dispatch, ...]
    tally: Tally
    within: Fraction | None = None
    device: Device | None = None

    @property
    def hours(self) -> Fraction:
        """What they take together."""
        return sum((one.hours for one in self.dispatches), ZERO)


@dataclass(frozen=True, slots=True)
class _Gain:
    """A criterion that is reached when all of ``needs`` (indices of dispatches) are done."""

    points: Fraction
    needs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Problem:
    """Dispatches that are possible at all, what each of them requires (indices), and what can be gained."""

    dispatches: tuple[Dispatch, ...]
    requires: tuple[tuple[int, ...], ...]
    gains: tuple[_Gain, ...]


def reachable(roadmap: RoadmapStanding, *, within: Fraction | None = None, device: Device | None = None) -> Reach:
    """The highest ship percentage that the steps of ``roadmap`` can reach.

    Args:
        roadmap: where the steps stand.
        within: hours that all of them together may take; without it, all that are possible.
        device: the only one at hand; a machine with cuda has a CPU as well.

    Raises:
        ReachError: scipy is not installed, and ``within`` was given.
    """
    problem = _problem(roadmap, device)
    everything = range(len(problem.dispatches))
    chosen = everything if within is None else _best(problem, within)
    done = set(chosen)
    gained = sum((one.points for one in problem.gains if done.issuperset(one.needs)), ZERO)
    now = roadmap.ship.tally
    tally = Tally(now.discharged + gained, now.declared)
    in_order = tuple(problem.dispatches[one] for one in _in_order(sorted(done), problem.requires))
    return Reach(in_order, tally, within, device)


def tiers(roadmap: RoadmapStanding) -> tuple[Reach, ...]:
    """What can be reached without a limit of hours: with a CPU alone, and with every device, which is the ceiling."""
    return (reachable(roadmap, device="cpu"), reachable(roadmap))


def _problem(roadmap: RoadmapStanding, device: Device | None) -> _Problem:
    possible = _possible(roadmap.dispatches, device)
    at = {name: number for number, one in enumerate(possible) for name in one.names}
    unfinished = {name for one in roadmap.dispatches for name in one.names}
    requires = [sorted({at[name] for name in _required(one) if name in at}) for one in possible]
    earners: dict[str, set[str]] = {}
    for step in roadmap.steps:
        for criterion in step.step.earns:
            earners.setdefault(criterion, set()).add(step.name)
    gains = (_gain(one, earners.get(one.criterion.id, set()) & unfinished, at) for one in roadmap.ship.criteria)
    return _Problem(possible, tuple(map(tuple, requires)), tuple(one for one in gains if one is not None))


def _required(dispatch: Dispatch) -> set[str]:
    return {name for one in dispatch.steps for name in one.step.requires} - set(dispatch.names)


def _possible(dispatches: Iterable[Dispatch], device: Device | None) -> tuple[Dispatch, ...]:
    """Those that the device can do, and that require none that it cannot."""
    kept = list(dispatches)
    lost = {name for one in kept if device == "cpu" and "cuda" in one.devices for name in one.names}
    while True:
        newly = {name for one in kept if _required(one) & lost for name in one.names} - lost
        if not newly:
            return tuple(one for one in kept if lost.isdisjoint(one.names))
        lost |= newly


def _gain(criterion: CriterionStanding, earners: set[str], at: Mapping[str, int]) -> _Gain | None:
    """What a criterion adds. One that steps have been done for in vain, or that waits for a review, adds nothing."""
    if criterion.discharged or criterion.state == "held for review" or not earners or not earners <= at.keys():
        return None
    return _Gain(criterion.points, tuple(sorted({at[name] for name in earners})))


def _in_order(chosen: Sequence[int], requires: Sequence[Sequence[int]]) -> list[int]:
    """``chosen`` in the order of the file, but each after what it requires."""
    ordered: list[int] = []
    while len(ordered) < len(chosen):
        ordered.append(next(one for one in chosen if one not in ordered and set(requires[one]) <= set(ordered)))
    return ordered


def _best(problem: _Problem, within: Fraction) -> list[int]:
    """The dispatches of the best answer: most points, then fewest minutes, then the earliest in the file."""
    count = len(problem.dispatches)
    if not problem.gains:
        return []
    limit = floor(within * 60)
    minutes = [min(ceil(one.hours * 60), limit + 1) for one in problem.dispatches]
    points = _in_units([one.points for one in problem.gains])
    rows: list[tuple[dict[int, int], float]] = [(dict(enumerate(minutes)), limit)]
    rows += [({one: 1, other: -1}, 0) for one, others in enumerate(problem.requires) for other in others]
    rows += [({count + n: 1, one: -1}, 0) for n, gain in enumerate(problem.gains) for one in gain.needs]
    solve = _solver(count + len(points), rows)
    worth = {count + n: -value for n, value in enumerate(points)}
    most = sum(worth.get(one, 0) for one in solve(worth))
    rows.append((worth, most + 0.5))
    fewest = sum(minutes[one] for one in solve(dict(enumerate(minutes))) if one < count)
    rows.append((dict(enumerate(minutes)), fewest + 0.5))
    for one in range(count):
        rows.append(({one: -1}, -1.0 if one in solve({one: -1}) else 0.0))
    return [one for one in solve({}) if one < count]


def _in_units(points: Sequence[Fraction]) -> list[int]:
    scale = Fraction(lcm(*(one.denominator for one in points)))
    return [max(1, round(one * min(scale, MOST_UNITS / sum(points, ZERO)))) for one in points]


def _solver(size: int, rows: Sequence[tuple[Mapping[int, int], float]]) -> Callable[[Mapping[int, int]], set[int]]:
    """What minimises a sum of coefficients over ``size`` choices, so that every row of ``rows`` stays below its bound.

    ``rows`` may grow between two questions. The answer are the choices taken.
    """
    try:
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp
    except ImportError as error:
        raise ReachError(
            "what can be reached within some hours takes scipy; pip install 'falsifiable[statistics]'"
        ) from error

    def vector(coefficients: Mapping[int, int]) -> Any:
        dense = np.zeros(size)
        for index, value in coefficients.items():
            dense[index] = value
        return dense

    def solve(minimised: Mapping[int, int]) -> set[int]:
        matrix = np.array([vector(row) for row, _ in rows])
        below = LinearConstraint(matrix, -np.inf, np.array([bound for _, bound in rows]))
        options = {"mip_rel_gap": 0.0}
        found = milp(
            vector(minimised), constraints=below, integrality=np.ones(size), bounds=Bounds(0, 1), options=options
        )
        if found.x is None:
            raise ReachError(f"the solver gave no answer: {found.message}")
        return {int(index) for index in np.flatnonzero(found.x > 0.5)}

    return solve
