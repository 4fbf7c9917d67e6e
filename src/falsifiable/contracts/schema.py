"""JSON Schema (draft-07) of the files, generated from the same shapes that the typed reader follows.

Editors read it while a contract is written. It says what the shape is; what a contract means (roles, ids, cycles) is
beyond a schema and is checked by ``check_contracts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.contracts.bindings import BINDINGS_SHAPE
from falsifiable.contracts.model import ROLE_NAME, Contract, Criterion, FalsifierDeclaration
from falsifiable.contracts.parameters import parameters_shape
from falsifiable.contracts.shapes import (
    BooleanShape,
    ChoiceShape,
    EitherShape,
    ListShape,
    MappingShape,
    NumberShape,
    PlainShape,
    RecordShape,
    ScalarShape,
    Shape,
    TextShape,
    record_shape,
)
from falsifiable.contracts.ship import Ship
from falsifiable.contracts.signature import CheckSignature

_DRAFT = "http://json-schema.org/draft-07/schema#"
_SHARED = {record_shape(FalsifierDeclaration): "falsifier", record_shape(Criterion): "criterion"}
_SIMPLE: dict[type, dict[str, Any]] = {
    BooleanShape: {"type": "boolean"},
    ScalarShape: {"type": ["string", "number", "boolean"]},
    PlainShape: {},
}


def contract_schema(signatures: Mapping[str, CheckSignature] | None = None) -> dict[str, Any]:
    """The schema of a contract file.

    Given ``signatures``, ``check`` is one of their names, and ``on`` and ``with`` follow the check that is chosen.
    """
    schema = {
        "$schema": _DRAFT,
        "title": "Falsifiable contract",
        "description": "Claims about artifacts, and the falsifiers that could refute them",
        **_record(record_shape(Contract)),
        "definitions": {name: _record(shape) for shape, name in _SHARED.items()},
    }
    if signatures:
        _follow_checks(schema["definitions"]["falsifier"], signatures)
    return schema


def artifacts_schema() -> dict[str, Any]:
    """The schema of ``artifacts.yaml``."""
    return {
        "$schema": _DRAFT,
        "title": "Falsifiable artifacts",
        "description": "Which file, or which command, each role is",
        **_schema(BINDINGS_SHAPE),
    }


def ship_schema() -> dict[str, Any]:
    """The schema of ``spec/<spec>/ship.yaml``."""
    return {
        "$schema": _DRAFT,
        "title": "Falsifiable ship file",
        "description": "What a spec delivers, what each point of it takes, and the way there",
        **_record(record_shape(Ship)),
        "definitions": {"criterion": _record(record_shape(Criterion))},
    }


def _follow_checks(falsifier: dict[str, Any], signatures: Mapping[str, CheckSignature]) -> None:
    names = sorted(signatures)
    falsifier["properties"]["check"] = {
        "description": falsifier["properties"]["check"]["description"],
        "enum": names,
    }
    falsifier["allOf"] = [_of_check(signatures[name]) for name in names]


def _of_check(signature: CheckSignature) -> dict[str, Any]:
    """What a falsifier must hold if its check is this one."""
    role = {"type": "string", "pattern": _exact(ROLE_NAME)}
    needed = sorted(set(signature.roles) - set(signature.optional_roles))
    on: dict[str, Any] = {
        "description": signature.summary,
        "properties": {
            name: {**role, "description": f"a role of kind {kind}"} for name, kind in signature.roles.items()
        },
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }
    parameters = parameters_shape(signature)
    required = [
        *(["on"] if needed else []),
        *(["with"] if any(one.required for one in parameters.fields) else []),
    ]
    return {
        "if": {"properties": {"check": {"const": signature.name}}, "required": ["check"]},
        "then": {
            "properties": {"on": on, "with": _record(parameters)},
            **({"required": required} if required else {}),
        },
    }


def _schema(shape: Shape) -> dict[str, Any]:
    match shape:
        case TextShape():
            return _text(shape)
        case NumberShape():
            return {"type": "integer" if shape.whole else "number"}
        case ChoiceShape():
            return {"enum": list(shape.choices)}
        case ListShape():
            return {"type": "array", "items": _schema(shape.item)}
        case MappingShape():
            return _mapping(shape)
        case RecordShape():
            return {"$ref": f"#/definitions/{_SHARED[shape]}"} if shape in _SHARED else _record(shape)
        case EitherShape():
            return {"anyOf": [_schema(shape.record), _schema(shape.short)]}
        case BooleanShape() | ScalarShape() | PlainShape():
            return dict(_SIMPLE[type(shape)])


def _mapping(shape: MappingShape) -> dict[str, Any]:
    keys = {} if shape.key.pattern is None else {"propertyNames": {"pattern": _exact(shape.key.pattern)}}
    return {"type": "object", **keys, "additionalProperties": _schema(shape.value)}


def _record(shape: RecordShape) -> dict[str, Any]:
    properties = {}
    for one in shape.fields:
        inner = _schema(one.shape)
        # draft-07 ignores what stands beside a $ref, so that the description goes around it
        inner = {"allOf": [inner]} if "$ref" in inner else inner
        properties[one.key] = {"description": one.description, **inner} if one.description else inner
    required = [one.key for one in shape.fields if one.required]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _text(shape: TextShape) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if shape.pattern is not None:
        schema["pattern"] = _exact(shape.pattern)
    if shape.min_length:
        schema["minLength"] = shape.min_length
    if shape.max_length is not None:
        schema["maxLength"] = shape.max_length
    return schema


def _exact(pattern: str) -> str:
    """``pattern`` for engines in which ``$`` also matches before a final line break."""
    return pattern.removesuffix("$") + "$(?!\\n)" if pattern.endswith("$") else pattern
