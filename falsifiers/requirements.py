"""The form in which a consumer's requirements are declared, and what several consumers need alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from falsifiable import ArtifactError, Model
from falsifiers.vocabulary import special_ids
from falsifiers.weights import finite


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a consumer needs and the file lacks.

    ``said`` is the consumer's own message; empty where it says nothing, and ``found`` then tells what it does instead.
    """

    found: str
    said: str = ""

    def __str__(self) -> str:
        return f'{self.found}: it says "{self.said}"' if self.said else f"{self.found}, in silence"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a consumer needs; ``unmet`` yields all in which a model does not meet it."""

    name: str
    unmet: Callable[[Model], Iterator[Fault]]

    def faults(self, model: Model) -> list[Fault]:
        """Everything unmet; a part of the file that cannot be read is one fault, and hides none of the others."""
        try:
            return list(self.unmet(model))
        except ArtifactError as error:
            if error.kind != "unsound":
                raise
            return [Fault(f"{self.name}: {error}")]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who uses a model file: the formats it reads, what it says of others, and what it needs of those.

    ``knows`` tells whether the requirements are complete for the architecture of a model.
    """

    name: str
    formats: tuple[str, ...]
    other_format: str
    requirements: tuple[Requirement, ...]
    knows: Callable[[Model], bool]


def finite_weights(model: Model) -> Iterator[Fault]:
    """Every consumer loads a NaN without a word."""
    verdict = finite(model)
    if verdict.outcome == "falsified":
        yield Fault(f"{verdict.found}; it loads them and generates nothing")


def ids_outside(model: Model) -> Iterator[Fault]:
    """Special ids that no token has; generation never stops, or reads outside the embedding."""
    rows = model.embedding_rows or 0
    tokens = model.tokenizer.size if model.tokenizer is not None else 0
    limit = min(one for one in (rows, tokens, 2**31) if one)
    outside = [(where, one) for where, one in special_ids(model) if not 0 <= one < limit]
    if outside:
        where, one = outside[0]
        yield Fault(f"{where} is {one}, expected 0 to {limit - 1}; it drops the id and generation never stops")


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether a stored value is a list, however it is kept."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_list_of(value: Any, item: type) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list of this type of item; GGUF lists are of one type throughout."""
    return is_list(value) and (not len(value) or type(value[0]) is item)


def shown(value: Any) -> str:
    """A stored value in a message: a list by its length."""
    return f"a list of {len(value)}" if is_list(value) else repr(value)[:60]
