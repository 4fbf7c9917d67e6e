"""The files that people write and the reports that are written, key by key, from the schemas that judge them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from falsifiable.cli.manual.markdown import prose, table

Schema = Mapping[str, Any]


def formats_reference() -> str:
    """Contract files, artifacts.yaml, ship.yaml, and what ``contract validate`` prints, as Markdown."""
    from falsifiable.contracts import artifacts_schema, contract_schema, ship_schema
    from falsifiable.report.formats import FORMATS
    from falsifiable.report.report_schema import report_schema

    reports = [
        (f"`{name}`", prose(_first_line(import_module(module).__doc__ or ""))) for name, module in FORMATS.items()
    ]
    parts = [
        "# Formats",
        "Generated from the shapes that the readers follow. `contract schema --print` prints the same as JSON Schema "
        "(draft-07), with the parameters of every check that is installed; `--of` names the others.",
        *_file("A contract file", "contract", contract_schema()),
        *_file("artifacts.yaml", "artifacts", artifacts_schema()),
        *_file("ship.yaml", "ship", ship_schema()),
        "## Reports of a validation {: #reports }",
        "`contract validate --format NAME` prints one, `--output NAME=FILE` writes it beside what is printed.",
        table(("format", "what it is"), reports),
        *_file("The JSON report", "report", report_schema()),
    ]
    return "\n\n".join(parts) + "\n"


def _first_line(documentation: str) -> str:
    return " ".join(documentation.strip().partition("\n\n")[0].split())


def _file(title: str, name: str, schema: Schema) -> Iterator[str]:
    yield f"## {title} {{: #{name} }}"
    yield f"{prose(schema.get('description', ''))}. Schema: `contract schema --of {name} --print`."
    rows = [(f"`{path}`", kind, prose(says)) for path, kind, says in _keys(schema, schema, "")]
    yield table(("key", "what it takes", "what it says"), rows)


def _keys(schema: Schema, whole: Schema, path: str, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Every key below ``schema`` with its path, its type and its description, as deep as a person reads."""
    if depth > 6:
        return
    schema = _resolved(schema, whole)
    needed = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        yield place, _kind(one, whole) + (", required" if name in needed else ""), _description(one, whole)
        yield from _keys(one, whole, place, depth + 1)
    if isinstance(schema.get("items"), Mapping):
        yield from _keys(schema["items"], whole, f"{path}[]", depth + 1)
    if isinstance(schema.get("additionalProperties"), Mapping):
        below = schema["additionalProperties"]
        name = f"{path}.NAME" if path else "NAME"
        if not path or _description(below, whole):
            yield name, _kind(below, whole), _description(below, whole)
        yield from _keys(below, whole, name, depth + 1)
    for one in schema.get("anyOf", ()):
        yield from _keys(one, whole, path, depth + 1)


def _description(schema: Schema, whole: Schema) -> str:
    return str(schema.get("description") or _resolved(schema, whole).get("description", ""))


def _resolved(schema: Schema, whole: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Any = whole
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _kind(schema: Schema, whole: Schema) -> str:
    schema = _resolved(schema, whole)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{one}`" if one != "" else "empty" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one, whole) for one in schema["anyOf"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}), whole)}"
    words = {"object": "mapping", "string": "text", "null": "nothing"}
    return " or ".join(words.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))
