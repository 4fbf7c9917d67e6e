"""Which threshold a measurement was held against, as far as the contract's own parameters say so by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from falsifiable.contracts.model import Criterion, Scalar
from falsifiable.falsifier import Measurement
from falsifiable.status.words import shown_value
from falsifiable.validation.results import Judgement

_BOUNDS = frozenset(one.name for one in fields(Criterion))


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement, the threshold of that name in the contract, and whether it is met (None: nobody can tell)."""

    measurement: Measurement
    threshold: str = ""
    met: bool | None = None

    @property
    def shown(self) -> str:
        """The value with its unit."""
        one = self.measurement
        value = "nothing" if one.value is None else shown_value(one.value)
        return f"{value} {one.unit}".strip()


def measured(judgement: Judgement) -> Iterator[Measured]:
    """Every measurement of a judgement, with its threshold where a parameter of the claim states one."""
    every = judgement.verdict.measurements
    for one in every:
        name = _parameter_of(one.name, judgement.parameters, alone=len(every) == 1)
        yield Measured(one) if name is None else _held_against(one, judgement.parameters[name])


def settings(judgement: Judgement) -> dict[str, str]:
    """The parameters that are the threshold of no single measurement, by name."""
    every = judgement.verdict.measurements
    used = {_parameter_of(one.name, judgement.parameters, alone=len(every) == 1) for one in every}
    return {name: _said(value) for name, value in judgement.parameters.items() if name not in used}


def _parameter_of(measurement: str, parameters: Mapping[str, Any], *, alone: bool) -> str | None:
    """``cosine`` for ``cosine`` and for ``lowest_cosine``; ``criterion`` for the only measurement of all."""
    if measurement in parameters:
        return measurement
    for name, value in parameters.items():
        if criterion_of(value) is not None and (measurement.endswith(f"_{name}") or (alone and name == "criterion")):
            return name
    return None


def _held_against(one: Measurement, threshold: Any) -> Measured:
    criterion = criterion_of(threshold)
    if criterion is None:
        return Measured(one, f"asked for {_said(threshold)}")
    return Measured(one, str(criterion), criterion.holds(one.value))


def criterion_of(value: Any) -> Criterion | None:
    """The criterion that a parameter is, as evidence keeps it or as a contract states it; None where it is none."""
    if isinstance(value, Criterion):
        return value
    if not isinstance(value, Mapping) or not value or not _BOUNDS.issuperset(value):
        return None
    if not all(_fits(name, one) for name, one in value.items()):
        return None
    stated: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}
    return Criterion(**stated)


def _fits(bound: str, value: object) -> bool:
    """Whether evidence, which anybody can write, holds under the name of a bound what a bound can be."""
    if bound == "one_of":
        return isinstance(value, list | tuple)
    if bound == "equals":
        return isinstance(value, Scalar)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(value: Any) -> str:
    criterion = criterion_of(value)
    if criterion is not None:
        return str(criterion)
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else shown_value(value)
