"""What loading a pickle would do, call by call, judged without loading it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falsifiable.artifacts.formats.pytorch.pickle_names import (
    Judgement,
    is_attribute_access,
    is_getattr,
    judge,
    judge_call,
)
from falsifiable.artifacts.formats.pytorch.pickle_objects import Called, PickleRun, Reference


@dataclass(frozen=True, slots=True)
class Assessment:
    """A function or class that the pickle names (or reaches) at ``offset``; ``called`` says whether it calls it."""

    name: str
    offset: int
    called: bool
    judgement: Judgement
    why: str


def assess(run: PickleRun) -> Iterator[Assessment]:
    """Everything in a run that is not known to be harmless, each name once, in the order of the stream."""
    called_names = {(one.target.module, one.target.name) for one in run.calls if isinstance(one.target, Reference)}
    seen: set[str] = set()
    for one in _judged(run, called_names):
        if one.judgement != "harmless" and one.name not in seen:
            seen.add(one.name)
            yield one


def _judged(run: PickleRun, called_names: set[tuple[str, str]]) -> Iterator[Assessment]:
    exempt = _attribute_access_only(run.calls)
    for reference in run.references:
        if exempt and is_getattr(reference):
            continue
        called = (reference.module, reference.name) in called_names
        yield Assessment(str(reference), reference.offset, called, *judge(reference))
    for call in run.calls:
        name, judgement, why = judge_call(call)
        if name is not None and judgement != "harmless" and str(name) == str(call.target) and call.opcode != "BUILD":
            continue  # said above
        yield Assessment(str(name) if name else f"<{why}>", call.offset, True, judgement, why)


def _attribute_access_only(calls: tuple[Called, ...]) -> bool:
    """Protocol 2 writes a nested class as a call of getattr; such calls are judged by what they reach."""
    found = [one for one in calls if isinstance(one.target, Reference) and is_getattr(one.target)]
    return bool(found) and all(is_attribute_access(one) for one in found)
