"""What a schema says about the checks that are installed: their names, and what each takes under ``on`` and ``with``.

The forms are those from which yaml-language-server makes most (tried with version 1.25, as are the others):

- a name is one of many ``const``, each with its own description. Of an ``enum`` it would show all names at once
  whenever the pointer rests on one of them;
- what follows a name is an ``if`` with a ``then``. The ``if`` demands an object, because an entry that is still empty
  meets any condition and would be offered what every check takes;
- of several descriptions of one key the first is shown, and ``properties`` come before ``allOf``. What ``on`` and
  ``with`` mean in general therefore stands at the end of ``allOf``, behind what they mean for each check;
- ``default`` becomes the value that is filled in, and is shown nowhere, so that it stands in the description as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from falsifiable.contracts.model import ROLE_NAME
from falsifiable.contracts.parameters import parameters_shape
from falsifiable.contracts.shape_schema import exact, record_schema
from falsifiable.contracts.signature import CheckSignature, Parameter

_PLAIN_TEXT = re.compile(r"[A-Za-z][\w.-]*")
_WORDS = {
    "number": "A number",
    "integer": "A whole number",
    "text": "A text",
    "boolean": "true or false",
    "criterion": "A criterion such as {at_least: 1}, {below: 2.5} or {one_of: [a, b]}, or a value to be equalled",
    "choice": "A word",
    "texts": "A list of texts",
    "scalar": "A text, a number, true or false",
}


def follow_checks(falsifier: dict[str, Any], signatures: Mapping[str, CheckSignature]) -> None:
    """Let ``falsifier``, the schema of one claim, accept these checks alone, each with its own roles and parameters."""
    described = [signatures[name] for name in sorted(signatures)]
    falsifier["properties"]["check"] = {
        "description": falsifier["properties"]["check"]["description"],
        "type": "string",
        "anyOf": [{"const": one.name, **_described(_about(one))} for one in described],
    }
    in_general = {key: falsifier["properties"][key] for key in ("on", "with")}
    falsifier["properties"] |= {key: {"type": "object", "doNotSuggest": True} for key in in_general}
    falsifier["allOf"] = [*map(_of_check, described), {"properties": in_general}]


def _about(signature: CheckSignature) -> str:
    """What a check asks and why, without its parameters, and how high it can lift."""
    text = signature.documentation.partition("Args:\n")[0].strip() or signature.summary
    return f"{text}\n\nLifts up to {signature.level}. More: contract explain {signature.name}"


def _of_check(signature: CheckSignature) -> dict[str, Any]:
    """What a falsifier must hold if its check is this one."""
    needed = sorted(set(signature.roles) - set(signature.optional_roles))
    parameters = parameters_shape(signature)
    required = [
        *(["on"] if needed else []),
        *(["with"] if any(one.required for one in parameters.fields) else []),
    ]
    return {
        "if": {"type": "object", "properties": {"check": {"const": signature.name}}, "required": ["check"]},
        "then": {
            "title": f"what {signature.name} needs",
            "properties": {"on": _roles(signature, needed), "with": _parameters(signature)},
            **({"required": required} if required else {}),
        },
    }


def _roles(signature: CheckSignature, needed: list[str]) -> dict[str, Any]:
    role = {"type": "string", "pattern": exact(ROLE_NAME), "patternErrorMessage": "expected a role such as init"}
    said = {
        name: f"A role of kind {kind}, as declared under artifacts.{'' if name in needed else ' May be left out.'}"
        for name, kind in signature.roles.items()
    }
    return {
        "title": f"roles of {signature.name}",
        "description": signature.summary,
        "type": "object",
        "properties": {name: {**role, "description": text} for name, text in said.items()},
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def _parameters(signature: CheckSignature) -> dict[str, Any]:
    schema = record_schema(parameters_shape(signature))
    for name, one in signature.parameters.items():
        default = {} if one.required or one.default is None else {"default": one.default}
        schema["properties"][name] |= {**_described(_told(one)), **default}
    takes = f"takes {', '.join(signature.parameters)}" if signature.parameters else "takes no parameters"
    return {"title": f"parameters of {signature.name}", "description": f"{signature.name} {takes}.", **schema}


def _told(parameter: Parameter) -> str:
    """A parameter in words: what it means, its unit and where its number comes from, its type and its default."""
    said = parameter.description or f"What it means is not documented by the author of {parameter.name}."
    kind = f"One of {', '.join(parameter.choices)}" if parameter.choices else _WORDS[parameter.type]
    if parameter.required:
        return f"{said}\n\n{kind}; has to be given."
    by_default = "" if parameter.default is None else f"; by default {in_yaml(parameter.default)}"
    return f"{said}\n\n{kind}{by_default}."


def _described(text: str) -> dict[str, str]:
    """``text``, which may mark code with double backticks, for editors that show Markdown and for those that do not."""
    marked = text.replace("``", "`")
    plain = {"description": marked.replace("`", "")}
    return plain if "`" not in marked else {**plain, "markdownDescription": marked}


def in_yaml(value: Any) -> str:
    """Plain data as one would write it on one line of YAML: ``{at_least: 0.5}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {in_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(in_yaml, value)) + "]"
    return value if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value) else json.dumps(value, ensure_ascii=False)
