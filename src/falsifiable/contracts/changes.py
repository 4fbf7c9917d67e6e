"""What can happen to a contract, and the bump of its version that each kind of change demands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from falsifiable.contracts.versions import Bump

ChangeKind = Literal["removed", "loosened", "changed", "added", "tightened", "reworded"]

ChangedPart = Literal["check", "ceiling", "other"]
"""What of a contract changed, as far as it matters to whoever weighs the change: what judges a claim, how high it can
climb, or anything else."""

DEMANDED: Mapping[ChangeKind, Bump] = {
    "removed": Bump.MAJOR,
    "loosened": Bump.MAJOR,
    "changed": Bump.MAJOR,
    "added": Bump.MINOR,
    "tightened": Bump.MINOR,
    "reworded": Bump.PATCH,
}
"""The bump that a change demands by its kind. Of a new contract, and of a version that was typed, it is none."""

KINDS: Mapping[ChangeKind, str] = {
    "removed": "Something that was claimed, asked for or declared is gone: a falsifier, a role, a discharge condition.",
    "loosened": (
        "What was refused before would hold now: a criterion is met by more values, up_to is lower so that the claim "
        "counts as met sooner, a contract is no longer required."
    ),
    "changed": (
        "It asks for something else, and whether for more or for less cannot be told: another check, another role "
        "under on, another number that is no criterion, a criterion that is met by some values more and some fewer."
    ),
    "added": "Something more is claimed, asked for or declared. A contract that is new as a whole demands no bump.",
    "tightened": (
        "What held before may be refused now: a criterion is met by fewer values, up_to is higher, a contract more is "
        "required."
    ),
    "reworded": (
        "It reads differently and asks for the same: the words of a claim, a title, references, descriptions, "
        "if_falsified, what is admitted under unguarded. A criterion written in another way that the same values meet "
        "is no change at all."
    ),
}
"""Each kind of change, worst first, in the words that ``contract explain KIND`` prints."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different between two versions of a contract.

    ``subject`` is what changed, by its place in the file: ``FALSIFY-ARCH-009``, ``FALSIFY-ARCH-009 with.bound``,
    ``discharge run.steps``, ``requires NAME``, ``role NAME``, ``title``, or ``contract`` for the whole. ``was`` and
    ``now`` are what a person reads there, empty where there is nothing. ``why`` says in one sentence what it means, and
    ``part`` which part of a claim it concerns.
    """

    contract: str
    subject: str
    kind: ChangeKind
    was: str
    now: str
    why: str
    demands: Bump
    part: ChangedPart = "other"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; the bump is its word."""
        return {**asdict(self), "demands": self.demands.word}


def change_of(
    contract: str, subject: str, kind: ChangeKind, was: str, now: str, why: str, part: ChangedPart = "other"
) -> Change:
    """A change that demands what its kind does."""
    return Change(contract, subject, kind, was, now, why, DEMANDED[kind], part)
