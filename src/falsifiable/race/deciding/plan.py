"""``race.yaml``: what a race asks for, written down before its first step, so that decisions are data and not code.

::

    race: smoke
    unit: bits_per_byte
    vocabulary_size: 256
    steps: 2000
    evaluate_every: 50
    seeds: [500, 501, 502]
    recipes:
      wsd: {model: HYBRID, number_format: FP32, tag: WSD, config: {learning_rate: 0.004}}
    rungs:
      - {step: 100}
      - {step: 500, keep: {share: 0.5}}
      - {share: 1.0, keep: {count: 1}, promote: {strategy: phi-anchored, count: 3}}
    states:
      - {state: DIVERGED, when: [{evidence: [diverged]}], action: stop}
      - ...

The conditions of ``states`` speak of a fixed, small vocabulary of quantities (``QUANTITIES``), each of which says one
of a few words about a run. Every combination of words must have exactly one state: a combination without one, or with
two, is a fault of the file, named when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Literal

from falsifiable.contracts.model import CONTRACT_NAME
from falsifiable.race.judging.gates import Gate
from falsifiable.race.judging.phases import Blocker, Experiment, Phase
from falsifiable.race.judging.plausibility import Tripwires

RACE_FILE = "race.yaml"

Unit = Literal["nats_per_token", "bits_per_byte", "bits_per_char"]
Strategy = Literal["phi-anchored", "sibling", "random"]
StateAction = Literal["stop", "rank", "keep", "promote"]
WithoutCalibration = Literal["keep", "current-value"]
RankedBy = Literal["expected", "optimistic"]

_NAME = {"pattern": CONTRACT_NAME, "expected": "lower-case words joined by hyphens, such as gate-0"}
_NAMES = {"key_pattern": CONTRACT_NAME, "key_expected": _NAME["expected"]}
_STATE = {"pattern": r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$", "expected": "upper-case words joined by _, such as CATCHING_UP"}
_PATH = {"min_length": 1, "max_length": 1000}
_SHA256 = {"pattern": r"^[0-9a-f]{64}$", "expected": "64 hexadecimal digits"}
_TEXT = {"min_length": 1, "max_length": 1000}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What runs train, their seed aside. ``config`` is handed to the command and kept with every run of it."""

    model: str = field(metadata={**_TEXT, "description": "the model of the canon name, such as HYBRID"})
    number_format: str = field(metadata={**_TEXT, "description": "the number format of the canon name, such as FP32"})
    tag: str = field(metadata={**_TEXT, "description": "the tag of the canon name, such as WSD"})
    config: Mapping[str, Any] = field(
        default_factory=dict, metadata={"description": "every setting that the run must echo as its effective one"}
    )


@dataclass(frozen=True, slots=True)
class Keep:
    """How many of a cohort go on: a ``share`` of it, rounded up, or a ``count``. One of the two.

    ``by_value`` of these places go to the lowest values measured at the rung, whatever is predicted: a hedge against a
    predictor that misjudges a whole recipe. ``compute`` leaves out runs that would cost too much.
    """

    share: float | None = field(default=None, metadata={"description": "of the runs that reached the rung"})
    count: int | None = field(default=None, metadata={"description": "runs"})
    by_value: int = field(default=0, metadata={"description": "places for the lowest values of today"})
    compute: float | None = field(
        default=None, metadata={"description": "most steps, as a share of what running the whole cohort would take"}
    )

    def of(self, cohort: int) -> int:
        """How many of ``cohort`` runs go on: 11 of 21 for a share of 0.5."""
        wanted = self.count if self.count is not None else ceil((self.share or 0.0) * cohort - 1e-9)
        return min(max(wanted, 1), cohort)


@dataclass(frozen=True, slots=True)
class Promote:
    """Which seeds start beside a run that leads. Asking twice changes nothing: seeds that are there are not started."""

    count: int = field(metadata={"description": "how many mirrors a leader has in all"})
    strategy: Strategy = field(default="phi-anchored", metadata={"description": "how their seeds are chosen"})


@dataclass(frozen=True, slots=True)
class Rung:
    """A step at which the cohort decides. One of ``step`` and ``share`` says where."""

    step: int | None = field(default=None, metadata={"description": "where, in optimizer steps"})
    share: float | None = field(default=None, metadata={"description": "where, as a share of the race's steps"})
    keep: Keep | str = field(
        default="all", metadata={"pattern": "^all$", "expected": "all", "description": "how many go on"}
    )
    promote: Promote | None = field(default=None, metadata={"description": "the mirrors of a run that leads"})
    deadline_seconds: float | None = field(
        default=None,
        metadata={"description": "that a run may compute until it is there, or it has failed"},
    )

    def at(self, steps: int) -> int:
        """The step it stands at in a race of ``steps`` steps."""
        return self.step if self.step is not None else max(1, round((self.share or 0.0) * steps))

    def kept(self, cohort: int) -> int:
        """How many of ``cohort`` runs go on."""
        return self.keep.of(cohort) if isinstance(self.keep, Keep) else cohort


@dataclass(frozen=True, slots=True)
class State:
    """What is true of a run, and what follows. Its conditions hold where one of ``when`` holds as a whole.

    A condition maps quantities to the words that it accepts; a quantity that it does not name may be anything.
    """

    state: str = field(metadata={**_STATE, "description": "its name"})
    when: tuple[Mapping[str, tuple[str, ...]], ...] = field(metadata={"description": "alternatives; one must hold"})
    action: StateAction = field(
        metadata={"description": "rank: the rung's cut decides; keep: the cut passes it over; promote: mirrors start"}
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """When a gap or a slope counts: every number behind the words of the quantities.

    A gap is ``tied`` within ``tolerance`` (in the race's unit; 0.005 bits per byte in the reference race) or where it
    is smaller than ``significance`` times its own error. A slope is flat unless it exceeds ``significance`` times
    its standard error and ``slope_tolerance`` per step. By default ``significance`` is Student's t for a slope through
    eight points at 95 %.
    """

    tolerance: float = field(default=0.0, metadata={"description": "gaps up to this are no gaps"})
    significance: float = field(default=2.447, metadata={"description": "standard errors that a difference must have"})
    samples: int = field(default=8, metadata={"description": "last evaluations that a slope is fitted to"})
    fewest: int = field(
        default=3, metadata={"description": "evaluations shared with the leader below which nothing is decided"}
    )
    slope_tolerance: float = field(default=0.0, metadata={"description": "per step; slopes up to this are flat"})


@dataclass(frozen=True, slots=True)
class AntiCull:
    """Never stop a run above ``floor`` before it has been flat: the opposite of the floor that is too good to be true.

    A run is flat where its last ``evaluations`` values lie within ``within`` and it is past ``from_step``.
    """

    floor: float = field(metadata={"description": "runs above it are sheltered, in the race's unit"})
    evaluations: int = field(metadata={"description": "how many last values must be flat"})
    within: float = field(metadata={"description": "their largest difference"})
    from_step: int = field(metadata={"description": "no run is flat before this step"})


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is trained on. Its name alone proves nothing: the bytes of both splits are named by digest."""

    name: str = field(metadata={**_TEXT, "description": "its name"})
    train_sha256: str = field(metadata={**_SHA256, "description": "digest of the bytes that are trained on"})
    validation_sha256: str = field(metadata={**_SHA256, "description": "digest of the bytes that judge"})
    train_tokens: int | None = field(default=None, metadata={"description": "how many tokens are trained on"})
    validation_tokens: int | None = field(default=None, metadata={"description": "how many tokens judge"})


@dataclass(frozen=True, slots=True)
class Space:
    """A range of experiment ids and of seeds that no other space shares, each strictly increasing on its own."""

    first_id: int = field(metadata={"description": "the first experiment id"})
    last_id: int = field(metadata={"description": "the last one"})
    first_seed: int = field(default=0, metadata={"description": "the smallest seed"})
    last_seed: int = field(default=2**32 - 1, metadata={"description": "the largest one"})


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns runs: only the account that started a run may stop it."""

    slots: int = field(default=1, metadata={"description": "runs at once"})


@dataclass(frozen=True, slots=True)
class Champion:
    """A finished run whose experiment id nobody may ever be given again."""

    space: str = field(metadata={**_TEXT, "description": "the space of its id"})
    exp_id: int = field(metadata={"description": "its experiment id"})
    reason: str = field(default="a champion", metadata={**_TEXT, "description": "what it is kept for"})


@dataclass(frozen=True, slots=True)
class Log:
    """How a run says what it measured: a regular expression with the groups ``step`` and ``value``.

    It may have ``evaluation``, where a log tells apart two reports of one evaluation, and ``nats``, the cross-entropy
    that the value was made of.
    """

    pattern: str = field(metadata={**_TEXT, "description": "searched in each line"})
    metric: str | None = field(
        default=None, metadata={**_TEXT, "description": "begins the line before it, in which the value stands alone"}
    )
    reported: str | None = field(
        default=None, metadata={**_TEXT, "description": "the line of the run's own result, with the group value"}
    )
    file: str | None = field(default=None, metadata={**_PATH, "description": "in the run's folder; else its output"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may cost."""

    wall_clock_seconds: float = field(metadata={"description": "of one run, from its start"})
    grace_seconds: float = field(default=10.0, metadata={"description": "between asking it to end and ending it"})
    first_value_seconds: float | None = field(default=None, metadata={"description": "until its first logged value"})
    race_seconds: float | None = field(default=None, metadata={"description": "of the whole race, from its start"})


@dataclass(frozen=True, slots=True)
class RacePlan:
    """A race before its first step.

    ``experiments`` are the runs of the phase that was chosen; without one, every recipe runs with every seed.
    """

    race: str = field(metadata={**_NAME, "description": "its name"})
    unit: Unit = field(metadata={"description": "of the value that is raced for; smaller is better"})
    vocabulary_size: int = field(metadata={"description": "its log is what a uniform model scores: worse is no model"})
    steps: int = field(metadata={"description": "optimizer steps of every run"})
    evaluate_every: int = field(metadata={"description": "steps between two evaluations: the grid of the cohort"})
    seeds: tuple[int, ...] = field(metadata={"description": "each recipe runs once with each"})
    recipes: Mapping[str, Recipe] = field(metadata={**_NAMES, "description": "what is raced"})
    rungs: tuple[Rung, ...] = field(metadata={"description": "where the cohort decides, in order"})
    states: tuple[State, ...] = field(metadata={"description": "what a run can be: exhaustive and exclusive"})
    comparison: Comparison = field(default=Comparison(), metadata={"description": "when a difference counts"})
    blind_steps: int = field(default=0, metadata={"description": "no run is stopped before this step"})
    anti_cull: AntiCull | None = field(default=None, metadata={"description": "runs that are not stopped"})
    predictor: str | None = field(
        default=None, metadata={**_PATH, "description": "the calibrated predictor, as contract race calibrate saved it"}
    )
    ranked_by: RankedBy = field(
        default="expected",
        metadata={"description": "optimistic: by the low end of the interval, so that not being known is no fault"},
    )
    without_calibration: WithoutCalibration = field(
        default="keep", metadata={"description": "what a rung does where the predictor may rank but not stop"}
    )
    replacement: Promote | None = field(default=None, metadata={"description": "the seeds that follow a stopped run"})
    corpus: Corpus | None = field(default=None, metadata={"description": "what is trained on"})
    spaces: Mapping[str, Space] = field(
        default_factory=dict, metadata={**_NAMES, "description": "ranges of experiment ids"}
    )
    space: str | None = field(default=None, metadata={"description": "the space this race claims its ids in"})
    champions: Mapping[str, Champion] = field(
        default_factory=dict,
        metadata={"key_pattern": r"^\S{1,200}$", "key_expected": "a run's name", "description": "ids that are locked"},
    )
    accounts: Mapping[str, Account] = field(default_factory=dict, metadata={**_NAMES, "description": "who owns runs"})
    gates: Mapping[str, Gate] = field(default_factory=dict, metadata={**_NAMES, "description": "what is to be reached"})
    tripwires: Tripwires = field(
        default=Tripwires(), metadata={"description": "what voids a run, and what a person has to look at"}
    )
    phases: Mapping[str, Phase] = field(
        default_factory=dict, metadata={**_NAMES, "description": "its parts, each with what it waits for"}
    )
    blockers: Mapping[str, Blocker] = field(
        default_factory=dict, metadata={**_NAMES, "description": "what stands in the way of its phases"}
    )
    command: tuple[str, ...] = field(
        default=(), metadata={"description": "program and arguments, with {name} {seed} {steps} {folder} and settings"}
    )
    log: Log | None = field(default=None, metadata={"description": "how a run says what it measured"})
    limits: Limits | None = field(default=None, metadata={"description": "what one run may cost"})
    experiments: tuple[Experiment, ...] = field(default=(), compare=False, metadata={"key": None})
    folder: Path = field(default=Path(), compare=False, metadata={"key": None})

    def path(self, relative: str) -> Path:
        """Where a path of the file leads."""
        return self.folder / relative

    def rung_step(self, rung: int) -> int:
        """The step of a rung. Raises IndexError for one that the race does not have."""
        return self.rungs[rung].at(self.steps)
