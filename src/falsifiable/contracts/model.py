"""The shape of a contract file, as frozen dataclasses.

These dataclasses are the one source of the shape: the typed reader builds them from YAML, and the JSON Schema that
editors use is generated from them. A field's ``metadata`` holds what a type cannot say: the YAML key where it differs
from the field's name, the description shown in an editor, and the pattern a text must match (``shapes`` lists all).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from fractions import Fraction

Kind = Literal["model", "tokenizer", "run", "corpus", "command", "table", "files", "curves", "race"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Scalar = str | int | float | bool

Ceiling = Literal["partial", "integration", "discharged"]

_KIND_MEANS: Mapping[Kind, str] = {
    "model": "weights: a file (GGUF, safetensors, APR, PyTorch), a Hugging Face folder, an adapter, or a URL",
    "tokenizer": "a tokenizer: tokenizer.json, vocab.json with merges.txt, SentencePiece, or the one inside a model",
    "run": "what a training run left behind: a run folder with run.yaml, a trainer_state.json, a log with a pattern",
    "corpus": "the manifest of what was trained on, with the files that it names",
    "command": "a program that artifacts.yaml names, run only with --run-commands",
    "table": "rows: JSON Lines, or one JSON array or object",
    "files": "files and folders, as they lie there",
    "curves": "the loss curves of many runs",
    "race": "the ledger of a race of many runs",
}
_CEILING_MEANS: Mapping[Ceiling, str] = {
    "partial": "it holds on generated or sample inputs, and falls on every counterexample it ships",
    "integration": "it holds on real files, each named by a run record or an origin record",
    "discharged": "it holds on a run that meets the conditions under discharge",
}

CONTRACT_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
FALSIFIER_ID = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"
SEMANTIC_VERSION = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"
ROLE_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
CHECK_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*(\.[a-z][a-z0-9]*(-[a-z0-9]+)*)*$"


class Level(IntEnum):
    """The ladder a falsifier climbs (DESIGN section 1). FALSIFIED and STALE stand beside it, not on it."""

    PROPOSED = 0
    PARTIAL = 1
    INTEGRATION = 2
    DISCHARGED = 3

    @classmethod
    def of(cls, ceiling: Ceiling) -> Level:
        """The level that a contract's lower-case ``up_to`` names."""
        return cls[ceiling.upper()]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition on one value. Where several bounds are given, all must hold.

    ``equals`` compares numbers to within ``within`` (absolute, 0 when absent) and everything else exactly. The distance
    is that of the decimals one reads: 0.4 is within 0.1 of 0.3, whatever the nearest binary numbers are. A number that
    is not finite meets no criterion, so that a NaN can never pass for a result.
    """

    at_least: float | None = field(default=None, metadata={"description": "value >= this"})
    at_most: float | None = field(default=None, metadata={"description": "value <= this"})
    above: float | None = field(default=None, metadata={"description": "value > this"})
    below: float | None = field(default=None, metadata={"description": "value < this"})
    equals: Scalar | None = field(default=None, metadata={"description": "value is this"})
    within: float | None = field(default=None, metadata={"description": "absolute tolerance of `equals`"})
    one_of: tuple[Scalar, ...] | None = field(default=None, metadata={"description": "value is one of these"})

    def holds(self, value: object) -> bool:
        """Whether ``value`` meets every bound given; an absent value (None) meets none."""
        if value is None or not any(getattr(self, bound.name) is not None for bound in fields(self)):
            return False
        if _is_number(value) and not math.isfinite(value):  # type: ignore[arg-type]
            return False
        return self._in_bounds(value) and self._is_expected(value)

    def _in_bounds(self, value: object) -> bool:
        bounds = (self.at_least, self.at_most, self.above, self.below)
        if all(bound is None for bound in bounds):
            return True
        if not _is_number(value):
            return False
        number: float = value  # type: ignore[assignment]
        return (
            (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def _is_expected(self, value: object) -> bool:
        if self.equals is not None and not _same(self.equals, value, self.within or 0.0):
            return False
        return self.one_of is None or any(_same(one, value, 0.0) for one in self.one_of)

    def __str__(self) -> str:
        bounds = {name: getattr(self, name) for name in ("at_least", "at_most", "above", "below")}
        said = [f"{name.replace('_', ' ')} {bound:g}" for name, bound in bounds.items() if bound is not None]
        if self.equals is not None:
            said.append(f"equal to {self.equals}" + (f" within {self.within:g}" if self.within else ""))
        if self.one_of is not None:
            said.append("one of " + ", ".join(str(one) for one in self.one_of))
        return " and ".join(said)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(expected: Scalar, value: object, within: float) -> bool:
    if _is_number(expected) and _is_number(value):
        if not within:
            return bool(expected == value)
        return abs(as_decimal(expected) - as_decimal(value)) <= as_decimal(within)  # type: ignore[arg-type]
    return type(expected) is type(value) and expected == value


def as_decimal(number: float) -> Fraction:
    """The finite ``number`` as the decimal that a person writes and reads for it: 0.1 is one tenth."""
    from fractions import Fraction

    return Fraction(number) if isinstance(number, int) else Fraction(repr(float(number)))


@dataclass(frozen=True, slots=True)
class ArtifactDeclaration:
    """A role: the name a contract gives one artifact, and the kind of thing that may be bound to it."""

    kind: Kind = field(
        metadata={"description": "what kind of artifact may be bound to this role", "choices": _KIND_MEANS}
    )
    description: str = field(default="", metadata={"description": "what the artifact is, for the person binding it"})


_NAME_METADATA = {
    "pattern": CONTRACT_NAME,
    "expected": "lower-case words joined by hyphens, such as pretrain-from-init",
    "max_length": 100,
}
_ROLE_METADATA = {"expected": "a role: lower-case words joined by hyphens, such as init"}


@dataclass(frozen=True, slots=True)
class FalsifierDeclaration:
    """One claim and the check that could refute it."""

    id: str = field(
        metadata={
            "pattern": FALSIFIER_ID,
            "expected": "upper-case letters and digits joined by hyphens, such as FALSIFY-ARCH-009",
            "max_length": 100,
            "description": "unique in the workspace, e.g. FALSIFY-ARCH-009",
        }
    )
    claim: str = field(
        metadata={"min_length": 1, "description": "what is claimed, in one sentence that can turn out false"}
    )
    check: str = field(
        metadata={
            "pattern": CHECK_NAME,
            "expected": "the name of a check, such as vocabulary.fits-model",
            "description": "the check that could refute the claim",
        }
    )
    on: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            **_ROLE_METADATA,
            "pattern": ROLE_NAME,
            "description": "the check's artifact parameters, each bound to a declared role",
        },
    )
    parameters: Mapping[str, Any] = field(
        default_factory=dict, metadata={"key": "with", "description": "the check's parameters"}
    )
    up_to: Ceiling = field(
        default="discharged",
        metadata={"description": "the highest status this claim can earn", "choices": _CEILING_MEANS},
    )
    if_falsified: str = field(default="", metadata={"description": "what is broken when the claim falls"})

    @property
    def ceiling(self) -> Level:
        """The ceiling the contract declares; the check's own level may lower it further."""
        return Level.of(self.up_to)


Condition = Criterion | Scalar


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract file: claims about artifacts, and the falsifiers that could refute them."""

    contract: str = field(metadata={**_NAME_METADATA, "description": "the contract's name, unique in the workspace"})
    version: str = field(
        metadata={
            "pattern": SEMANTIC_VERSION,
            "expected": "three whole numbers joined by dots, such as 1.10.0",
            "description": "semantic version of the claims",
        }
    )
    title: str = field(metadata={"min_length": 1, "description": "the contract in one line"})
    falsifiers: tuple[FalsifierDeclaration, ...] = field(metadata={"description": "the claims, each with its check"})
    spec: str | None = field(default=None, metadata={**_NAME_METADATA, "description": "folder under spec/"})
    references: tuple[str, ...] = field(default=(), metadata={"description": "where the claims come from"})
    requires: tuple[str, ...] = field(
        default=(), metadata={**_NAME_METADATA, "description": "contracts this one cannot stand above"}
    )
    artifacts: Mapping[str, ArtifactDeclaration] = field(
        default_factory=dict,
        metadata={
            "key_pattern": ROLE_NAME,
            "key_expected": _ROLE_METADATA["expected"],
            "description": "the roles this contract speaks about",
        },
    )
    discharge: Mapping[str, Mapping[str, Condition]] = field(
        default_factory=dict, metadata={"description": "per role: what the run or file must show for DISCHARGED"}
    )
    unguarded: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict,
        metadata={
            "description": "per role: generic mutations that no claim notices, each with the reason to accept that",
            "min_length": 1,
        },
    )
    path: Path | None = field(default=None, compare=False, metadata={"key": None})
    digest: str = field(default="", compare=False, metadata={"key": None})

    def ceiling(self, falsifier: FalsifierDeclaration) -> Level:
        """The highest status ``falsifier`` can earn here: without a ``discharge`` block it is INTEGRATION."""
        return falsifier.ceiling if self.discharge else min(falsifier.ceiling, Level.INTEGRATION)


def spec_of(contract: Contract) -> str:
    """The spec a contract's evidence is recorded for; a contract that names none is a spec of its own."""
    return contract.spec or contract.contract
