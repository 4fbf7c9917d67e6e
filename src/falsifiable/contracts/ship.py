"""Ship files: what a spec delivers, what each point of it takes, and the way there, as ``spec/<spec>/ship.yaml``.

    ship: ship-two
    baseline: {version: 2.24.0, section: 49}
    deliverables:
      model-1:
        title: The 7B teacher
        criteria:
          - id: AC-SHIP1-001
            text: The checkpoint loads
            points: 5
            effort: {hours: 2, device: cpu}
            falsifiers: [FALSIFY-LOAD-001]
            quorum: {at_least: 3, distinct: run.seed}
            tripwires:
              - {falsifier: FALSIFY-LOAD-001, measurement: loss, when: {below: 0.1}, why: too good to be true}
    roadmap:
      - step: 5f
        title: Wire the initial checkpoint into the trainer
        requires: [5e]
        done_when: [FALSIFY-INIT-001]
        earns: [AC-SHIP1-001]
        hours: 8
        device: cuda
        atomic_with: [5g]
    stages:
      train: [training-run]
    waivers:
      - {criterion: AC-SHIP1-001, owner: someone, reason: no fixture yet, expires: 2026-12-01}

Nobody writes a percentage or a status here: both are derived from evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.criteria import criterion_fault
from falsifiable.contracts.diagnostics import Diagnostic, Position, quoted
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import CONTRACT_NAME, FALSIFIER_ID, SEMANTIC_VERSION, Ceiling, Criterion
from falsifiable.contracts.nodes import Index, Node, Trail, index
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import read_yaml

SHIP_FILE = "ship.yaml"

Device = Literal["cpu", "cuda"]

_RULES = ShapeRules(
    unknown_key="SHIP-UNKNOWN-KEY",
    missing_key="SHIP-MISSING-KEY",
    type="SHIP-TYPE",
    value="SHIP-VALUE",
)
_SENTENCE = {"min_length": 1, "max_length": 1000}
_ID = {
    "pattern": FALSIFIER_ID,
    "expected": "upper-case letters and digits joined by hyphens, such as AC-SHIP1-001",
    "max_length": 100,
}
_NAME = {"pattern": CONTRACT_NAME, "expected": "lower-case words joined by hyphens, such as ship-two"}
_STEP = {
    "pattern": r"^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$",
    "expected": "letters and digits joined by dots or hyphens, such as 5f or 5g.0",
    "max_length": 40,
}
_OBSERVATION = {
    "pattern": r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9_]*$",
    "expected": "ROLE.NAME, such as run.seed",
}
_DAY = {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "expected": "a day, such as 2026-12-01"}
_VERSION = {"pattern": SEMANTIC_VERSION, "expected": "three whole numbers joined by dots, such as 2.24.0"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the spec had reached before its first amendment that is kept as a file."""

    version: str = field(metadata={**_VERSION, "description": "the spec's version then"})
    section: int = field(metadata={"description": "the number of its last section then"})


@dataclass(frozen=True, slots=True)
class Effort:
    """What it takes to put a criterion to the test, where no step of the roadmap is about it."""

    hours: float = field(metadata={"description": "wall-clock hours, above 0"})
    device: Device = field(default="cpu", metadata={"description": "what has to be there"})


@dataclass(frozen=True, slots=True)
class Quorum:
    """So many recordings that held, each with another value of one observation: three of three seeds."""

    at_least: int = field(metadata={"description": "how many, 1 or more"})
    distinct: str = field(
        metadata={**_OBSERVATION, "description": "what must differ: ROLE.NAME of a discharge condition"}
    )

    @property
    def role(self) -> str:
        """The role that is observed."""
        return self.distinct.partition(".")[0]

    @property
    def name(self) -> str:
        """What is observed of it."""
        return self.distinct.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Tripwire:
    """A number too good to be true: where it is met, a pass is held for review until somebody signs for it."""

    falsifier: str = field(metadata={**_ID, "description": "whose measurement is watched"})
    measurement: str = field(metadata={"min_length": 1, "description": "its name"})
    when: Criterion = field(metadata={"description": "the values that are too good"})
    why: str = field(metadata={**_SENTENCE, "description": "why nobody should believe it unseen"})


@dataclass(frozen=True, slots=True)
class AcceptanceCriterion:
    """Something that must be true before the deliverable ships, with the points it is worth."""

    id: str = field(metadata={**_ID, "description": "unique in the workspace, e.g. AC-SHIP1-001"})
    text: str = field(metadata={**_SENTENCE, "description": "what must be true"})
    points: float = field(metadata={"description": "what it counts in the ship percentage, above 0"})
    falsifiers: tuple[str, ...] = field(metadata={**_ID, "description": "all of these must be discharged"})
    effort: Effort | None = field(default=None, metadata={"description": "what putting it to the test takes"})
    quorum: Quorum | None = field(default=None, metadata={"description": "how many different recordings must hold"})
    tripwires: tuple[Tripwire, ...] = field(default=(), metadata={"description": "what is too good to be true"})


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One thing that ships."""

    title: str = field(metadata={**_SENTENCE, "description": "what it is, in one line"})
    criteria: tuple[AcceptanceCriterion, ...] = field(metadata={"description": "what must be true of it"})


@dataclass(frozen=True, slots=True)
class DoneWhen:
    """The falsifiers that show a step is done, and how far each must have come: its own ceiling, or ``status``."""

    falsifiers: tuple[str, ...] = field(metadata={**_ID, "description": "what must have been earned"})
    status: Ceiling | None = field(default=None, metadata={"description": "how far, where not to the ceiling"})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the roadmap. Evidence says whether it is done; ``declared_done`` is what somebody believes."""

    step: str = field(metadata={**_STEP, "description": "unique in the workspace, e.g. 5f"})
    title: str = field(metadata={**_SENTENCE, "description": "what is done, in one line"})
    done_when: DoneWhen | tuple[str, ...] = field(
        metadata={**_ID, "description": "falsifiers that must have reached their ceiling, or {falsifiers, status}"}
    )
    hours: float = field(metadata={"description": "wall-clock hours it takes, above 0"})
    device: Device = field(default="cpu", metadata={"description": "what has to be there"})
    requires: tuple[str, ...] = field(default=(), metadata={**_STEP, "description": "steps that come before"})
    earns: tuple[str, ...] = field(default=(), metadata={**_ID, "description": "criteria it is meant to discharge"})
    predicted: float | None = field(default=None, metadata={"description": "points somebody predicted"})
    atomic_with: tuple[str, ...] = field(
        default=(), metadata={**_STEP, "description": "steps that are dispatched and finished together with it"}
    )
    declared_done: bool = field(default=False, metadata={"description": "somebody says that it is done"})

    @property
    def shown_by(self) -> DoneWhen:
        """What shows that it is done."""
        return self.done_when if isinstance(self.done_when, DoneWhen) else DoneWhen(self.done_when)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody goes ahead without a criterion: shown and counted until ``expires``, and never read as discharged."""

    criterion: str = field(metadata={**_ID, "description": "what is waived"})
    owner: str = field(metadata={**_SENTENCE, "description": "who answers for it"})
    reason: str = field(metadata={**_SENTENCE, "description": "why"})
    expires: str = field(metadata={**_DAY, "description": "the last day it applies"})

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return date.fromisoformat(self.expires) < today


@dataclass(frozen=True, slots=True)
class Ship:
    """A ship file. ``ship`` is the name of the spec, and of the folder it stands in."""

    ship: str = field(metadata={**_NAME, "description": "the spec: the folder under spec/ that this file stands in"})
    deliverables: Mapping[str, Deliverable] = field(
        metadata={"key_pattern": CONTRACT_NAME, "key_expected": _NAME["expected"], "description": "what ships"}
    )
    baseline: Baseline | None = field(default=None, metadata={"description": "the spec before its first amendment"})
    roadmap: tuple[Step, ...] = field(default=(), metadata={"description": "the way there"})
    stages: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata={
            **_NAME,
            "key_pattern": CONTRACT_NAME,
            "key_expected": _NAME["expected"],
            "description": "the life cycle in order: stage -> contracts whose evidence touches it",
        },
    )
    waivers: tuple[Waiver, ...] = field(default=(), metadata={"description": "criteria that somebody goes without"})
    path: Path | None = field(default=None, compare=False, metadata={"key": None})

    @property
    def criteria(self) -> tuple[AcceptanceCriterion, ...]:
        """The criteria of all deliverables, in the order of the file."""
        return tuple(one for deliverable in self.deliverables.values() for one in deliverable.criteria)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Each step with all that are dispatched together with it, itself included."""
        return groups_of({one.step: one.atomic_with for one in self.roadmap})

    def waiver(self, criterion: str) -> Waiver | None:
        """The waiver of ``criterion``."""
        return next((one for one in self.waivers if one.criterion == criterion), None)


def groups_of(links: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Each step with all steps that are dispatched together with it, itself included, in the order of ``links``.

    ``links`` maps a step to its ``atomic_with``. Whoever is linked, in whichever direction and through whomever, is
    one group. Links that lead nowhere are passed over.
    """
    group = {name: {name} for name in links}
    for name, others in links.items():
        for other in others:
            if other in group and group[other] is not group[name]:
                group[name] |= group[other]
                for one in group[other]:
                    group[one] = group[name]
    return {name: tuple(one for one in links if one in group[name]) for name in links}


@dataclass(frozen=True, slots=True)
class ShipFile:
    """One ship file as read: ``spec`` is the folder it stands in, ``ship`` None where its shape has an error."""

    path: str
    spec: str
    ship: Ship | None
    diagnostics: tuple[Diagnostic, ...]
    places: Index = field(default_factory=dict)

    def position(self, *trail: str | int) -> Position:
        """Where the value at ``trail`` starts; of what encloses it, where there is no such value."""
        return _nearest(self.places, trail)[1].position if self.places else Position()


def read_ship(source: Path | bytes, spec: str, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS) -> ShipFile:
    """Read one ship file: its YAML, its shape and its own values. ``check_ships`` follows its names.

    Args:
        source: the file, or its bytes.
        spec: the folder it stands in.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits)
    if file.root is None:
        return ShipFile(file.path, spec, None, file.diagnostics)
    faults = Faults(file.path, limits)
    builder = Builder(faults, _RULES)
    built = builder.build(record_shape(Ship), file.root)
    places = index(file.root)
    for trail, part in builder.parts.items():
        _check_values(part, trail, places, faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    ship = None
    if built is not INVALID and not diagnostics:
        ship = replace(built, path=source if isinstance(source, Path) else None)
    return ShipFile(file.path, spec, ship, diagnostics, places)


def _nearest(places: Index, trail: Trail) -> tuple[Position, Node]:
    while trail not in places:
        trail = trail[:-1]
    return places[trail]


def _check_values(part: Any, trail: Trail, places: Index, faults: Faults) -> None:
    """What the shape of one record cannot say."""
    for key, number in _amounts(part):
        if number <= 0:
            faults.add("SHIP-VALUE", _nearest(places, (*trail, key))[1].position, f"{key} is {number:g}", "above 0")
    for key, many in _lists(part):
        if not many:
            message = f"{key} is empty, so that nothing could fall"
            faults.add("SHIP-VALUE", _nearest(places, (*trail, key))[1].position, message, "name at least one")
    for key, number in _from_zero(part):
        if number < 0:
            faults.add("SHIP-VALUE", _nearest(places, (*trail, key))[1].position, f"{key} is {number:g}", "0 or above")
    if isinstance(part, Tripwire) and (fault := criterion_fault(part.when)):
        position = _nearest(places, (*trail, "when"))[1].position
        faults.add("SHIP-VALUE", position, f"when: {fault}", "correct the bounds")
    if isinstance(part, Waiver) and not _is_day(part.expires):
        position = _nearest(places, (*trail, "expires"))[1].position
        message = f"expires: there is no day {quoted(part.expires)}"
        faults.add("SHIP-DATE", position, message, "write the last day it applies, such as 2026-12-01")


def _amounts(part: Any) -> Iterator[tuple[str, float]]:
    """Numbers that must lie above 0, by key."""
    match part:
        case AcceptanceCriterion():
            yield "points", part.points
        case Effort():
            yield "hours", part.hours
        case Quorum():
            yield "at_least", part.at_least
        case Step():
            yield "hours", part.hours


def _from_zero(part: Any) -> Iterator[tuple[str, float]]:
    """Numbers that may be 0 and not less, by key."""
    if isinstance(part, Baseline):
        yield "section", part.section
    if isinstance(part, Step) and part.predicted is not None:
        yield "predicted", part.predicted


def _lists(part: Any) -> Iterator[tuple[str, Any]]:
    """Lists that must name something, by key."""
    match part:
        case Ship():
            yield "deliverables", part.deliverables
        case Deliverable():
            yield "criteria", part.criteria
        case AcceptanceCriterion() | DoneWhen():
            yield "falsifiers", part.falsifiers
        case Step() if isinstance(part.done_when, tuple):
            yield "done_when", part.done_when


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
