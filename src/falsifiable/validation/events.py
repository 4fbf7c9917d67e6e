"""What happens during a validation, as typed events.

The engine emits them; console, progress, JSON and evidence are listeners that know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from falsifiable.validation.results import ContractResult, Judgement


@dataclass(frozen=True, slots=True)
class Planned:
    """Before anything runs: how many falsifiers will be judged, and how many of them are already known.

    Many items are opened a wave at a time, each of which is planned by itself: ``later`` is how many are still to be
    planned.
    """

    falsifiers: int
    known: int
    later: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A falsifier was handed to a worker; ``item`` is which of many it is about, where many are validated at once."""

    contract: str
    falsifier: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A falsifier's job went down with the machine that ran it, and is run again; it had said nothing yet."""

    contract: str
    falsifier: str
    said: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A falsifier has its judgement, from a worker or from the cache; ``item`` as of :class:`Started`."""

    judgement: Judgement
    item: str = ""


@dataclass(frozen=True, slots=True)
class ContractJudged:
    """The last falsifier of a contract has been judged, while those of others may go on."""

    result: ContractResult


@dataclass(frozen=True, slots=True)
class Challenged:
    """A falsifier (``contract/id``) was put to the generic mutations of one of its artifacts."""

    falsifier: str


@dataclass(frozen=True, slots=True)
class Finished:
    """All that was planned was reported (or the run was interrupted); of many items the results are not told again."""

    results: tuple[ContractResult, ...]
    interrupted: bool = False


Event = Planned | Started | Lost | Judged | ContractJudged | Challenged | Finished
Listener = Callable[[Event], None]
