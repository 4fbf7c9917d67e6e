"""Plans: what a run is going to be, written down before it costs anything, for ``contract preflight``.

A plan is a YAML file; paths in it are relative to its folder::

    plan: finetune-qwen
    command: [python, -m, examples.pretrain, --output, runs/next]
    device: cuda
    steps: 5000
    batch: {sequences: 16, sequence_length: 512}
    init: runs/reference/pretrained
    family: qwen2
    tokenizer: runs/reference/finetuned/tokenizer.json
    data: {corpus: runs/reference/corpus/manifest.json, splits: [finetune]}
    budget: {tokens: distinct, per_parameter: {at_least: 20}}
    checkpoints: {folder: runs, saves: 5, bytes_per_parameter: 12}
    smoke: runs/smoke
    blockers:
      - {what: the tokens of the corpus are being counted, until: corpus/manifest.json, why: nobody knows D before}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import Criterion
from falsifiable.contracts.nodes import Index, Trail, index
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import read_yaml

DEVICE = r"^(cpu|cuda(:[0-9]|:1[0-5])?)$"
_PATH = {"min_length": 1, "max_length": 1000}

_RULES = ShapeRules(
    unknown_key="PLAN-UNKNOWN-KEY",
    missing_key="PLAN-MISSING-KEY",
    type="PLAN-TYPE",
    value="PLAN-VALUE",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step reads: ``sequences`` x ``accumulation`` sequences of ``sequence_length`` tokens."""

    sequences: int = field(metadata={"description": "sequences of one forward pass"})
    sequence_length: int = field(metadata={"description": "tokens of a sequence"})
    accumulation: int = field(default=1, metadata={"description": "forward passes per step"})

    @property
    def tokens(self) -> int:
        """Tokens that one step reads."""
        return self.sequences * self.sequence_length * self.accumulation


@dataclass(frozen=True, slots=True)
class Shape:
    """A model that starts from random weights: what its checkpoint would have said."""

    parameters: int = field(metadata={"description": "how many the model will have"})
    vocab_size: int = field(metadata={"description": "rows of its embedding"})
    family: str | None = field(default=None, metadata={"description": "its architecture, such as qwen2"})


@dataclass(frozen=True, slots=True)
class Data:
    """What is trained on."""

    corpus: str = field(metadata={**_PATH, "description": "the corpus manifest"})
    splits: tuple[str, ...] = field(metadata={"description": "the splits that are trained on"})


@dataclass(frozen=True, slots=True)
class Budget:
    """The one rule of how much data a parameter needs, and which tokens it counts.

    ``seen`` counts every token that the steps read, however often; ``distinct`` counts none twice, so that a corpus
    that is read four times counts once. ``passes`` bounds how often the corpus may be read.
    """

    tokens: Literal["seen", "distinct"] = field(metadata={"description": "which tokens count"})
    per_parameter: Criterion = field(metadata={"description": "how many of them there must be for each parameter"})
    passes: Criterion | None = field(
        default=None, metadata={"description": "how often the corpus may be read: tokens seen over tokens there"}
    )


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What is written: ``saves`` times ``bytes_per_parameter`` (12 for float32 weights with the state of AdamW)."""

    folder: str = field(metadata={**_PATH, "description": "where they are written"})
    saves: int = field(metadata={"description": "how many are kept"})
    bytes_per_parameter: float = field(metadata={"description": "of one save"})


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something that stands in the way, and what ends it: a day (2026-12-01), or a file that will then be there."""

    what: str = field(metadata={"min_length": 1, "description": "what stands in the way"})
    until: str = field(metadata={**_PATH, "description": "the day it ends, or the file that shows it has ended"})
    why: str = field(metadata={"min_length": 1, "description": "why the run cannot start before"})


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it starts. One of ``init`` and ``shape`` says what the model is."""

    plan: str = field(metadata={"min_length": 1, "max_length": 100, "description": "what the run is called"})
    command: tuple[str, ...] = field(metadata={"description": "the program and its arguments"})
    device: str = field(
        metadata={"pattern": DEVICE, "expected": "cpu, cuda or cuda:0 to cuda:15", "description": "where it runs"}
    )
    steps: int = field(metadata={"description": "updates that it plans"})
    batch: Batch = field(metadata={"description": "what one step reads"})
    data: Data = field(metadata={"description": "what it is trained on"})
    budget: Budget = field(metadata={"description": "how much data a parameter needs: one rule"})
    checkpoints: Checkpoints = field(metadata={"description": "what it writes"})
    init: str | None = field(default=None, metadata={**_PATH, "description": "the checkpoint it starts from"})
    shape: Shape | None = field(default=None, metadata={"description": "the model, where it starts from no checkpoint"})
    family: str | None = field(default=None, metadata={"description": "the architecture that init must be of"})
    tokenizer: str | None = field(default=None, metadata={**_PATH, "description": "the tokenizer of its data"})
    smoke: str | None = field(
        default=None, metadata={**_PATH, "description": "the record of a short run of the same command and commit"}
    )
    blockers: tuple[Blocker, ...] = field(default=(), metadata={"description": "what is known to stand in the way"})
    folder: Path = field(default=Path(), compare=False, metadata={"key": None})

    def path(self, relative: str) -> Path:
        """Where a path of the plan leads."""
        return self.folder / relative

    @property
    def tokens_seen(self) -> int:
        """Tokens that all steps read together."""
        return self.steps * self.batch.tokens


def read_plan(
    source: Path | bytes, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS
) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """The plan in a file, or None, and everything that is wrong with it.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits)
    if file.root is None:
        return None, file.diagnostics
    faults = Faults(file.path, limits)
    built = Builder(faults, _RULES).build(record_shape(Plan), file.root)
    if built is not INVALID:
        _check(built, index(file.root), faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    if diagnostics or built is INVALID:
        return None, diagnostics
    return replace(built, folder=source.parent if isinstance(source, Path) else Path()), ()


def _check(plan: Plan, places: Index, faults: Faults) -> None:
    """What the shape of a plan cannot say."""
    if (plan.init is None) == (plan.shape is None):
        given = "neither init nor shape" if plan.init is None else "both init and shape"
        hint = "name the checkpoint under 'init', or the model's parameters and vocab_size under 'shape'"
        faults.add("PLAN-MODEL", places[()][1].position, f"the plan has {given}", hint)
    for trail, number in _counts(plan).items():
        if number <= 0:
            name = ".".join(map(str, trail))
            faults.add("PLAN-VALUE", _position(places, trail), f"{name} is {number}", "a number above 0")
    for trail, texts in {("command",): plan.command, ("data", "splits"): plan.data.splits}.items():
        if not texts:
            faults.add("PLAN-VALUE", _position(places, trail), f"{'.'.join(trail)} is empty", "name at least one")


def _counts(plan: Plan) -> Mapping[Trail, float]:
    counted: dict[Trail, float] = {
        ("steps",): plan.steps,
        ("batch", "sequences"): plan.batch.sequences,
        ("batch", "sequence_length"): plan.batch.sequence_length,
        ("batch", "accumulation"): plan.batch.accumulation,
        ("checkpoints", "saves"): plan.checkpoints.saves,
        ("checkpoints", "bytes_per_parameter"): plan.checkpoints.bytes_per_parameter,
    }
    if plan.shape is not None:
        counted |= {("shape", "parameters"): plan.shape.parameters, ("shape", "vocab_size"): plan.shape.vocab_size}
    return counted


def _position(places: Index, trail: Trail) -> Any:
    while trail not in places:
        trail = trail[:-1]
    return places[trail][1].position
