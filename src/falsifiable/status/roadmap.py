"""Where the steps of a roadmap stand: done, to be dispatched now, or waiting, and for what.

A step is done when evidence says so. What somebody declared done without it is reported with what is missing, and is
nothing that another step can build on. Steps that are dispatched together stand together.

A criterion that no step earns and that states its effort is work of its own: putting it to the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from falsifiable.contracts import Device, DoneWhen, Ship, Step
from falsifiable.contracts.model import Level
from falsifiable.status.grounds import Grounds
from falsifiable.status.lacking import lacking
from falsifiable.status.points import ZERO, exact
from falsifiable.status.ship import CriterionStanding, ShipStanding
from falsifiable.status.standing import FalsifierStanding

StepState = Literal["done", "ready", "waiting"]
WaitKind = Literal["step", "evidence", "device"]


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing a step waits for: another ``step``, ``evidence`` of one that is declared done, or a ``device``."""

    kind: WaitKind
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class StepStanding:
    """Where one step stands.

    ``missing`` says what evidence it still lacks, ``waits_for`` what must be there before it can be dispatched,
    ``group`` names all steps dispatched together with it, itself included. ``predicted`` are the points it was to earn,
    ``earned`` those that its criteria did earn, ``open_points`` what its open criteria are still worth. Where several
    steps earn one criterion its points are divided among them, so that none is counted twice. ``opens`` are the points
    of everything that waits for it, directly or through others. ``criterion`` says that this is no step of the roadmap
    but a criterion to be put to the test.
    """

    step: Step
    state: StepState
    missing: tuple[str, ...] = ()
    waits_for: tuple[Wait, ...] = ()
    group: tuple[str, ...] = ()
    predicted: Fraction = ZERO
    earned: Fraction = ZERO
    open_points: Fraction = ZERO
    opens: Fraction = ZERO
    criterion: bool = False

    @property
    def name(self) -> str:
        """The step's id."""
        return self.step.step

    @property
    def hours(self) -> Fraction:
        """What it takes."""
        return exact(self.step.hours)

    @property
    def declared_without_evidence(self) -> bool:
        """Whether somebody says that it is done, and the evidence does not."""
        return self.step.declared_done and self.state != "done"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Steps that are started and finished together; most stand alone."""

    steps: tuple[StepStanding, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(one.name for one in self.steps)

    @property
    def hours(self) -> Fraction:
        """What those of them take that are not done."""
        return sum((one.hours for one in self.steps if one.state != "done"), ZERO)

    @property
    def points(self) -> Fraction:
        """What their open criteria are worth."""
        return sum((one.open_points for one in self.steps), ZERO)

    @property
    def opens(self) -> Fraction:
        """The points of everything that waits for them."""
        return max((one.opens for one in self.steps), default=ZERO)

    @property
    def devices(self) -> tuple[Device, ...]:
        """What has to be there for those that are not done."""
        return tuple(sorted({one.step.device for one in self.steps if one.state != "done"}))

    @property
    def points_per_hour(self) -> Fraction:
        """What they are ordered by."""
        return self.points / self.hours if self.hours else ZERO


@dataclass(frozen=True, slots=True)
class RoadmapStanding:
    """Where all steps stand, in the order of the file, and after them the criteria that are work of their own."""

    ship: ShipStanding
    steps: tuple[StepStanding, ...] = ()

    @property
    def spec(self) -> str:
        """The spec it is the roadmap of."""
        return self.ship.spec

    def step(self, name: str) -> StepStanding | None:
        """The step with this id."""
        return next((one for one in self.steps if one.name == name), None)

    @property
    def dispatches(self) -> tuple[Dispatch, ...]:
        """All steps that are not done, those that go together as one, in the order of the file."""
        by_name = {one.name: one for one in self.steps}
        groups = dict.fromkeys(one.group for one in self.steps)
        every = (Dispatch(tuple(by_name[name] for name in group)) for group in groups)
        return tuple(one for one in every if any(step.state != "done" for step in one.steps))

    @property
    def ready(self) -> tuple[Dispatch, ...]:
        """What can be dispatched now, by points per hour, then by what it opens per hour, then in order of the file."""
        now = [one for one in self.dispatches if all(step.state != "waiting" for step in one.steps)]
        return tuple(sorted(now, key=lambda one: (-one.points_per_hour, -one.opens / one.hours)))

    @property
    def waiting(self) -> tuple[Dispatch, ...]:
        """What cannot, in the order of the file."""
        return tuple(one for one in self.dispatches if any(step.state == "waiting" for step in one.steps))

    @property
    def declared_without_evidence(self) -> tuple[StepStanding, ...]:
        """The steps that somebody says are done, while their evidence is missing."""
        return tuple(one for one in self.steps if one.declared_without_evidence)

    @property
    def stranded(self) -> tuple[CriterionStanding, ...]:
        """The open criteria that no step which is left leads to: none earns them, or all that do are done."""
        leading = {name for one in self.dispatches for step in one.steps for name in step.step.earns}
        return tuple(one for one in self.ship.criteria if one.state == "open" and one.criterion.id not in leading)


def roadmap_standing(ship: ShipStanding, grounds: Grounds, device: Device | None = None) -> RoadmapStanding:
    """Where every step of ``ship`` stands by ``grounds``; with ``device``, on a machine that has only that.

    A machine with a GPU has a CPU as well.
    """
    steps = (*ship.ship.roadmap, *_criteria_as_steps(ship.ship))
    missing = {one.step: tuple(_missing(one, ship, grounds)) for one in steps}
    links = ship.ship.groups
    groups = {one.step: links.get(one.step, (one.step,)) for one in steps}
    by_name = {one.step: one for one in steps}
    earning = _shares(ship.ship, steps)
    waits = {one.step: tuple(_waits(groups[one.step], groups, by_name, missing, device)) for one in steps}
    found = [
        StepStanding(
            step=one,
            state=_state(missing[one.step], waits[one.step]),
            missing=missing[one.step],
            waits_for=waits[one.step] if missing[one.step] else (),
            group=groups[one.step],
            predicted=_predicted(one, earning),
            earned=_worth(one, earning, ship, discharged=True),
            open_points=_worth(one, earning, ship, discharged=False),
            opens=_opens(groups[one.step], groups, steps, ship),
            criterion=one.step not in links,
        )
        for one in steps
    ]
    return RoadmapStanding(ship, tuple(found))


def _criteria_as_steps(ship: Ship) -> Iterator[Step]:
    """The criteria that state an effort and that no step earns, as steps that earn them."""
    earned = {name for one in ship.roadmap for name in one.earns}
    for one in ship.criteria:
        if one.effort is not None and one.id not in earned:
            done_when = DoneWhen(one.falsifiers)
            yield Step(one.id, one.text, done_when, one.effort.hours, one.effort.device, earns=(one.id,))


def _missing(step: Step, ship: ShipStanding, grounds: Grounds) -> Iterator[str]:
    """What evidence is lacking before ``step`` is done."""
    as_criterion = ship.criterion(step.step)
    if (
        as_criterion is not None
    ):  # done when it is discharged: a quorum or a review may be lacking beside its falsifiers
        yield from as_criterion.missing
        return
    named = step.shown_by.falsifiers
    yield from (f"no contract has the falsifier {name}" for name in named if name not in grounds.falsifiers)
    there = (grounds.falsifiers[name] for name in named if name in grounds.falsifiers)
    yield from lacking((one, _wanted(step.shown_by, one)) for one in there)


def _wanted(done_when: DoneWhen, standing: FalsifierStanding) -> Level:
    """How far a falsifier must have come; none is asked to climb above its own ceiling."""
    return standing.ceiling if done_when.status is None else min(Level.of(done_when.status), standing.ceiling)


def _state(missing: tuple[str, ...], waits: tuple[Wait, ...]) -> StepState:
    if not missing:
        return "done"
    return "waiting" if waits else "ready"


def _waits(
    group: tuple[str, ...],
    groups: Mapping[str, tuple[str, ...]],
    by_name: Mapping[str, Step],
    missing: Mapping[str, tuple[str, ...]],
    device: Device | None,
) -> Iterator[Wait]:
    """What the whole group waits for: it is dispatched when all of it can be."""
    required = dict.fromkeys(name for one in group for name in by_name[one].requires)
    for name in dict.fromkeys(one for wanted in required for one in groups[wanted]):
        if missing[name] and by_name[name].declared_done:
            said = f"the evidence of {name}, which is declared done"
            yield Wait("evidence", name, said)
        elif missing[name]:
            together = "" if name in required else ", which is finished together with what it requires"
            yield Wait("step", name, f"step {name}{together}")
    needed = {by_name[one].device for one in group if missing[one]}
    if device == "cpu" and "cuda" in needed:
        yield Wait("device", "cuda", "a machine with cuda")


def _shares(ship: Ship, steps: Iterable[Step]) -> dict[str, Fraction]:
    """What each criterion is worth to each of the steps that earn it."""
    earners = {one.id: 0 for one in ship.criteria}
    for step in steps:
        for name in dict.fromkeys(step.earns):
            earners[name] = earners.get(name, 0) + 1
    return {one.id: exact(one.points) / max(1, earners[one.id]) for one in ship.criteria}


def _predicted(step: Step, earning: Mapping[str, Fraction]) -> Fraction:
    if step.predicted is not None:
        return exact(step.predicted)
    return sum((earning[name] for name in dict.fromkeys(step.earns)), ZERO)


def _worth(step: Step, earning: Mapping[str, Fraction], ship: ShipStanding, *, discharged: bool) -> Fraction:
    """The step's share of those of its criteria that are discharged, or of those that are not."""
    named = set(step.earns)
    counted = (one for one in ship.criteria if one.criterion.id in named and one.discharged == discharged)
    return sum((earning[one.criterion.id] for one in counted), ZERO)


def _opens(
    group: tuple[str, ...], groups: Mapping[str, tuple[str, ...]], steps: Iterable[Step], ship: ShipStanding
) -> Fraction:
    """The points of the open criteria of every step that requires ``group``, directly or through others."""
    every = list(steps)
    behind = set(group)
    waiting = list(group)
    while waiting:
        name = waiting.pop()
        for one in every:
            if name in one.requires and one.step not in behind:
                behind.update(groups[one.step])
                waiting += groups[one.step]
    criteria = {name for one in every if one.step in behind and one.step not in group for name in one.earns}
    found = (ship.criterion(name) for name in criteria)
    return sum((one.points for one in found if one is not None and not one.discharged), ZERO)
