"""A generic mutation: a fault of a known kind, planted in memory in whatever artifact is at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from falsifiable.contracts.model import Kind
from falsifiable.falsifier import NotApplicable

Make = Callable[[Any, Random], Any]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A fault that can be planted in an artifact of one kind.

    ``describes`` says what is changed, ``guards`` states the claim that somebody must hold for the fault to be noticed.
    ``make`` returns the mutant, or raises :class:`NotApplicable` where there is nothing to change or the change would
    mean nothing: the mutator decides that, and no falsifier. Which of several places is hit is up to ``Random`` alone.

    With ``harmless`` the mutant means what the original means. A falsifier that refutes it compares bytes.
    """

    name: str
    kind: Kind
    describes: str
    guards: str
    make: Make
    harmless: bool = False


def mutant_of(mutation: Mutation, artifact: Any, seed: str) -> Any:
    """The mutant of ``artifact``, the same for the same seed. Raises NotApplicable."""
    return mutation.make(artifact, Random(f"{seed}/{mutation.name}"))  # noqa: S311 - a choice that repeats, no secret


def one_of(random: Random, choices: Mapping[str, Any] | list[str] | tuple[str, ...], what: str) -> str:
    """One of several names. Raises NotApplicable where there is none, naming ``what`` is missing."""
    names = sorted(choices)
    if not names:
        raise NotApplicable(f"there is no {what}")
    return random.choice(names)


REWRITTEN = "written anew: the same content, other bytes"


def control(kind: Kind) -> Mutation:
    """The harmless mutation of a kind."""
    return Mutation(
        "rewritten", kind, REWRITTEN, "nothing: it means the same", lambda artifact, _: artifact.rewritten(), True
    )
