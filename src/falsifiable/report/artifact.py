"""An artifact described: plain data for JSON, and the same as aligned text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TextIO

from falsifiable.artifacts import Corpus, Curve, Curves, FileSet, Model, Race, Run, Table, Tokenizer
from falsifiable.falsifier import Artifact
from falsifiable.report.text import clean, shortened

if TYPE_CHECKING:
    from falsifiable.artifacts.safety.inspection import SafetyReport

MAX_SHOWN_CHARACTERS = 100
MAX_KEYS = 64
MAX_SHOWN_VALUES = 8
"""A longer list in a model's metadata is shown by its length: a GGUF file holds its whole vocabulary there."""


def describe(artifact: Artifact, *, tensors: bool = False, safety: SafetyReport | None = None) -> dict[str, Any]:
    """What ``artifact`` holds as JSON data; with ``tensors`` one entry per tensor of a model, which come last."""
    described = _described(artifact, tensors=tensors)
    listed = {"tensor_list": described.pop("tensor_list")} if "tensor_list" in described else {}
    return described | ({} if safety is None else {"safety": describe_safety(safety)}) | listed


def _described(artifact: Artifact, *, tensors: bool) -> dict[str, Any]:
    if isinstance(artifact, Model):
        return _model(artifact, tensors=tensors)
    if isinstance(artifact, Tokenizer):
        return {"kind": "tokenizer", "path": str(artifact.path), **_tokenizer(artifact)}
    if isinstance(artifact, Run):
        return {
            "kind": "run",
            "path": str(artifact.path),
            **{str(key): _plain(value) for key, value in artifact.record.items()},
        }
    if isinstance(artifact, Corpus):
        splits = {
            name: {"tokens": one.tokens, "files": len(one.files), "sha256": one.sha256}
            for name, one in artifact.splits.items()
        }
        return {"kind": "corpus", "path": str(artifact.path), "splits": splits}
    if isinstance(artifact, Table):
        keys = Counter(key for row in artifact.rows for key in row.values)
        held = {
            "format": artifact.format,
            "rows": len(artifact.rows),
            "rows_with_key": dict(keys.most_common(MAX_KEYS)),
        }
        return {"kind": "table", "path": str(artifact.path), **held}
    if isinstance(artifact, FileSet):
        held = {"files": len(artifact.sizes), "bytes": sum(artifact.sizes.values()), "sizes": dict(artifact.sizes)}
        return {"kind": "files", "path": str(artifact.path), **held}
    if isinstance(artifact, Curves):
        return {"kind": "curves", "path": str(artifact.path), **_curves(artifact.curves)}
    if isinstance(artifact, Race):
        return {"kind": "race", "path": str(artifact.path), **_race(artifact)}
    return {"kind": artifact.kind, "path": str(artifact.path)}


def _race(race: Race) -> dict[str, Any]:
    return {
        "name": race.name,
        "runs": len(race.runs),
        "statuses": dict(Counter(one.status for one in race.runs)),
        "events": len(race.events),
        "chain_faults": [*race.chain_faults, *race.table_faults, *race.trigger_faults],
        "curves": _curves(race.curves),
    }


def _curves(curves: Sequence[Curve]) -> dict[str, Any]:
    return {
        "runs": len(curves),
        "recipes": len({one.recipe for one in curves}),
        "points": sum(len(one.steps) for one in curves),
        "units": dict(Counter(one.unit for one in curves)),
        "faults": {one.run: one.fault for one in curves if one.fault},
    }


def _model(model: Model, *, tensors: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": "model",
        "path": str(model.path),
        "format": model.format,
        "architecture": asdict(model.architecture),
        "config": {one.name: getattr(model.config, one.name) for one in fields(model.config) if one.name != "sources"},
        "parameters": model.parameters,
        "tensors": len(model.tensors),
        "dtypes": dict(Counter(one.dtype for one in model.tensors.values())),
        "tokenizer": _tokenizer(model.tokenizer) if model.tokenizer else None,
        "metadata": {name: _shown(value) for name, value in model.metadata.items()},
    }
    if tensors:
        described["tensor_list"] = [
            {"name": one.name, "canonical": one.canonical, "shape": list(one.shape), "dtype": one.dtype}
            for one in model.tensors.values()
        ]
    return described


def describe_safety(report: SafetyReport) -> dict[str, Any]:
    """The safety verdict as JSON data, with every finding, the worst first."""
    return {
        "verdict": report.verdict,
        "files_looked_at": report.files,
        "findings": [asdict(finding) for finding in report.findings],
    }


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    names = ("type", "size", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")
    return {**{name: getattr(tokenizer, name) for name in names}, "merges": len(tokenizer.merges)}


def _shown(value: Any) -> Any:
    """A metadata value as JSON data, long lists by their length alone."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if is_list and len(value) > MAX_SHOWN_VALUES:
        return f"[{len(value)} values]"
    return _plain(value)


def _plain(value: Any) -> Any:
    """``value`` as JSON data: what JSON cannot say (a NaN, bytes) becomes text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(one) for one in value]
    return str(value)


def print_description(described: Mapping[str, Any], out: TextIO, indent: str = "") -> None:
    """Write ``described`` as aligned lines, nested mappings indented."""
    width = max((len(clean(str(name))) for name in described), default=0)
    for name, value in described.items():
        if isinstance(value, Mapping):
            out.write(f"{indent}{clean(str(name))}\n")
            print_description(value, out, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            out.write(f"{indent}{name}\n")
            _print_table([[_as_text(cell) for cell in row.values()] for row in value], out, indent + "  ")
        else:
            shown = shortened(_as_text(value), MAX_SHOWN_CHARACTERS)
            out.write(f"{indent}{clean(str(name)):<{width}}  {shown}\n")


def _print_table(rows: Sequence[Sequence[str]], out: TextIO, indent: str) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        out.write(f"{indent}{'  '.join(cells).rstrip()}\n")


def _as_text(value: Any) -> str:
    """A single value, or a list of them, as a person reads it."""
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_as_text(one) for one in value) or "none"
    return clean(str(value))
