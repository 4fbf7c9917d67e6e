"""An artifact described: plain data for JSON, and the same as aligned text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

from falsifiable.artifacts import Corpus, Model, Run, Tokenizer
from falsifiable.falsifier import Artifact
from falsifiable.report.text import clean, shortened

MAX_SHOWN_CHARACTERS = 100


def describe(artifact: Artifact, *, tensors: bool = False) -> dict[str, Any]:
    """What ``artifact`` holds as JSON data; with ``tensors`` one entry per tensor of a model."""
    if isinstance(artifact, Model):
        return _model(artifact, tensors=tensors)
    if isinstance(artifact, Tokenizer):
        return {"kind": "tokenizer", "path": str(artifact.path), **_tokenizer(artifact)}
    if isinstance(artifact, Run):
        return {
            "kind": "run",
            "path": str(artifact.path),
            **{str(key): value for key, value in artifact.record.items()},
        }
    if isinstance(artifact, Corpus):
        splits = {
            name: {"tokens": one.tokens, "files": len(one.files), "sha256": one.sha256}
            for name, one in artifact.splits.items()
        }
        return {"kind": "corpus", "path": str(artifact.path), "splits": splits}
    return {"kind": artifact.kind, "path": str(artifact.path)}


def _model(model: Model, *, tensors: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": "model",
        "path": str(model.path),
        "format": model.format,
        "architecture": asdict(model.architecture),
        "config": {name: getattr(model.config, name) for name in CONFIG_FIELDS},
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


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    names = ("type", "size", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")
    return {**{name: getattr(tokenizer, name) for name in names}, "merges": len(tokenizer.merges)}


def _shown(value: Any) -> Any:
    """A metadata value, long lists by their length alone."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    try:
        return f"[{len(value)} values]"
    except TypeError:
        return str(value)


def print_description(described: Mapping[str, Any], out: TextIO, indent: str = "") -> None:
    """Write ``described`` as aligned lines, nested mappings indented."""
    width = max((len(str(name)) for name in described), default=0)
    for name, value in described.items():
        if isinstance(value, Mapping):
            out.write(f"{indent}{clean(str(name))}\n")
            print_description(value, out, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            out.write(f"{indent}{name}\n")
            for row in value:
                out.write(f"{indent}  {'  '.join(clean(str(cell)) for cell in row.values())}\n")
        else:
            shown = "not stated" if value is None else shortened(clean(str(value)), MAX_SHOWN_CHARACTERS)
            out.write(f"{indent}{clean(str(name)):<{width}}  {shown}\n")
