"""The walk from a status to the bytes it rests on, for a reader of ``contract why`` and for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falsifiable.report.text import clean
from falsifiable.status.why import Because

_SAID_ALREADY = ("state", "spec", "deliverable")
"""Facts for programs that the lines say in words."""


def walk_text(root: Because) -> str:
    """The walk as indented lines, from what was asked after down to the bytes."""
    return "\n".join(clean(line) for line in _lines(root, 0)) + "\n"


def _lines(one: Because, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if one.kind in ("measured", "bytes"):
        yield indent + (f"measured {one.said}" if one.kind == "measured" else _bytes(one))
        return
    yield f"{indent}{one.kind} {one.name}" + (f": {one.said}" if one.said else "")
    yield from (f"{indent}  counts in {line}" for line in one.counts_in)
    yield from (f"{indent}  {name}: {value}" for name, value in one.facts.items() if name not in _SAID_ALREADY)
    yield from (f"{indent}  missing: {need}" for need in one.missing)
    for each in one.below:
        yield from _lines(each, depth + 1)


def _bytes(one: Because) -> str:
    return f"bytes of {one.name} ({one.said}): {one.facts['path']}, sha256 {one.facts['sha256']}"


def walk_as_json(root: Because) -> dict[str, Any]:
    """The walk as nested JSON data."""
    return {
        "kind": root.kind,
        "name": root.name,
        "said": root.said,
        "facts": dict(root.facts),
        "missing": list(root.missing),
        "counts_in": list(root.counts_in),
        "below": [walk_as_json(one) for one in root.below],
    }
