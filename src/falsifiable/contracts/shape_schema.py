"""The JSON Schema (draft-07) of a shape: what an editor is told about data that the typed reader follows too."""

from __future__ import annotations

from typing import Any

from falsifiable.contracts.model import Criterion, FalsifierDeclaration
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

SHARED = {record_shape(FalsifierDeclaration): "falsifier", record_shape(Criterion): "criterion"}
"""Records that a schema names once, under ``definitions``, and refers to wherever they stand."""

_SIMPLE: dict[type, dict[str, Any]] = {
    BooleanShape: {"type": "boolean"},
    ScalarShape: {"type": ["string", "number", "boolean"]},
    PlainShape: {},
}


def shape_schema(shape: Shape) -> dict[str, Any]:
    """What data of this shape looks like. A schema that holds it has the records of SHARED under ``definitions``."""
    match shape:
        case TextShape():
            return _text(shape)
        case NumberShape():
            return {"type": "integer" if shape.whole else "number"}
        case ChoiceShape():
            return _choice(shape)
        case ListShape():
            return {"type": "array", "items": shape_schema(shape.item)}
        case MappingShape():
            return _mapping(shape)
        case RecordShape():
            return {"$ref": f"#/definitions/{SHARED[shape]}"} if shape in SHARED else record_schema(shape)
        case EitherShape():
            title = shape.record.title
            long = {"title": title, **shape_schema(shape.record)}
            return {"anyOf": [long, {"title": f"{title}, in short", **shape_schema(shape.short)}]}
        case BooleanShape() | ScalarShape() | PlainShape():
            return dict(_SIMPLE[type(shape)])


def _choice(shape: ChoiceShape) -> dict[str, Any]:
    said = {"enumDescriptions": list(shape.descriptions)} if shape.descriptions else {}
    return {"enum": list(shape.choices), **said}


def _mapping(shape: MappingShape) -> dict[str, Any]:
    keys = {} if shape.key.pattern is None else {"propertyNames": {"pattern": exact(shape.key.pattern)}}
    return {"type": "object", **keys, "additionalProperties": shape_schema(shape.value)}


def record_schema(shape: RecordShape) -> dict[str, Any]:
    """A mapping with these keys and no others, each with its description."""
    properties = {}
    for one in shape.fields:
        inner = shape_schema(one.shape)
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
        schema |= {"pattern": exact(shape.pattern), "patternErrorMessage": f"expected {shape.expected}"}
    if shape.min_length:
        schema["minLength"] = shape.min_length
    if shape.max_length is not None:
        schema["maxLength"] = shape.max_length
    return schema


def exact(pattern: str) -> str:
    """``pattern`` for engines in which ``$`` also matches before a final line break."""
    return pattern.removesuffix("$") + "$(?!\\n)" if pattern.endswith("$") else pattern
