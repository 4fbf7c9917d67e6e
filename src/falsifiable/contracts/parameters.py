"""The ``with`` of a contract against the typed parameters of the check it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.nodes import from_plain
from falsifiable.contracts.shapes import (
    CRITERION,
    BooleanShape,
    ChoiceShape,
    FieldShape,
    ListShape,
    NumberShape,
    RecordShape,
    ScalarShape,
    Shape,
    TextShape,
)
from falsifiable.contracts.signature import CheckSignature, Parameter

PARAMETER_RULES = ShapeRules(
    unknown_key="CONTRACT-PARAMETER-UNKNOWN",
    missing_key="CONTRACT-PARAMETER-MISSING",
    type="CONTRACT-PARAMETER-TYPE",
    value="CONTRACT-PARAMETER-TYPE",
)

_SHAPES: dict[str, Shape] = {
    "number": NumberShape(),
    "integer": NumberShape(whole=True),
    "text": TextShape(),
    "boolean": BooleanShape(),
    "criterion": CRITERION,
    "texts": ListShape(TextShape()),
    "scalar": ScalarShape(),
}


def parameters_shape(signature: CheckSignature) -> RecordShape:
    """The shape of ``with`` for one check; it builds a dictionary of the parameters given."""
    fields = tuple(
        FieldShape(name, name, _shape(one), one.required, one.description) for name, one in signature.parameters.items()
    )
    return RecordShape(f"'with' of the check {signature.name}", fields, dict)


def typed_parameters(parameters: Mapping[str, Any], signature: CheckSignature) -> dict[str, Any]:
    """The arguments a check is called with: what ``with`` gives, as typed values, and the defaults of the rest.

    A criterion becomes a Criterion, a list of texts a tuple, a number a float.

    Raises:
        ValueError: the contract gives something the check does not take; a checked contract never does.
    """
    given = _typed(parameters_shape(signature), parameters, signature.name)
    defaults = {
        name: None if one.default is None else _typed(_shape(one), one.default, f"default of {signature.name}.{name}")
        for name, one in signature.parameters.items()
    }
    return {**defaults, **given}


def _shape(parameter: Parameter) -> Shape:
    return ChoiceShape(parameter.choices) if parameter.type == "choice" else _SHAPES[parameter.type]


def _typed(shape: Shape, data: Any, whose: str) -> Any:
    faults = Faults(whose)
    built = Builder(faults, PARAMETER_RULES).build(shape, from_plain(data), ("with",))
    if built is INVALID:
        raise ValueError("\n".join(f"{whose}: {one.message}" for one in faults.sorted()))
    return built
