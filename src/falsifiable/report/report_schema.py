"""JSON Schema (draft-07) of the JSON report, generated from the dataclasses that the report is made of.

Nothing but the shape of the few objects around them is written here, so that a field added to a judgement is in the
schema, with its type, without anybody's doing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from falsifiable.contracts import Diagnostic
from falsifiable.report.json_report import REPORT_VERSION
from falsifiable.validation.results import ContractResult, Judgement, Observation

_DRAFT = "http://json-schema.org/draft-07/schema#"
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_COUNT = {"type": "integer", "minimum": 0}
_NOT_FINITE = "a number that is not finite is written as NaN, Infinity or -Infinity, as text"


def report_schema() -> dict[str, Any]:
    """The schema of what ``contract validate --format json`` and ``contract check --format json`` print."""
    counts = dict.fromkeys(("held", "falsified", "inconclusive"), _COUNT)
    return {
        "$schema": _DRAFT,
        "title": "Falsifiable report",
        "description": f"What a validation found; {_NOT_FINITE}",
        **_closed(
            {
                "report": {"const": REPORT_VERSION, "description": "raised when a key goes or changes its meaning"},
                "interrupted": {
                    "type": "boolean",
                    "description": "what had not finished is inconclusive, and was not judged",
                },
                "diagnostics": {
                    "type": "array",
                    "items": _schema(Diagnostic),
                    "description": "faults of contracts; with one of severity error nothing was run",
                },
                "counts": {
                    "description": "a vacuous falsifier is counted by what it said; its judgement says that it is",
                    **_closed(counts),
                },
                "contracts": {"type": "array", "items": _contract()},
            }
        ),
    }


def _contract() -> dict[str, Any]:
    hints = typing.get_type_hints(ContractResult)
    taken = {name: _schema(hints[name]) for name in ("contract", "version", "digest", "run_id")}
    return _closed(
        {
            **taken,
            "judgements": {"type": "array", "items": _judgement()},
            "discharge": {"type": "array", "items": _schema(Observation)},
        }
    )


def _judgement() -> dict[str, Any]:
    """A judgement as it is kept in evidence, and what is of one invocation or derived."""
    schema = _schema(Judgement)
    schema["properties"]["vacuous"] = {"type": "boolean", "description": "its held verdict counts for nothing"}
    schema["required"] = list(schema["properties"])
    return schema


def _schema(annotation: Any) -> dict[str, Any]:
    """The schema of a type as ``to_json``, ``asdict`` and ``_asdict`` write it."""
    if names := _names_of(annotation):
        hints = typing.get_type_hints(annotation)
        return _closed({name: _schema(hints[name]) for name in names})
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _either([_schema(one) for one in arguments])
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    return {} if annotation is Any else {"type": _SIMPLE[annotation]}


def _names_of(annotation: Any) -> tuple[str, ...]:
    """The names of the fields of a dataclass or a named tuple; none for any other type."""
    if not isinstance(annotation, type):
        return ()
    named: tuple[str, ...] = getattr(annotation, "_fields", ())
    return tuple(one.name for one in fields(annotation)) if is_dataclass(annotation) else named


def _either(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if all(list(one) == ["type"] for one in schemas):
        return {"type": [one["type"] for one in schemas]}
    return {"anyOf": schemas}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
