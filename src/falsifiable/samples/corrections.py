"""The specimen of a lane that learns corrections: conversations with their sources, correction rows, and a mirror.

A damaged line is repaired: the rows that are real repair lines of the specimen poems, damaged in a way that is written
down in the source they name; the synthetic ones repair lines that nobody wrote before.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from falsifiable.artifacts import folder_digest
from falsifiable.samples.formats import write_safetensors
from falsifiable.samples.models import write_json
from falsifiable.samples.texts import TEXTS

AUTHORITY = "admissibility-check"

_PROMPT = "Restore the damaged line: "
_ROWS_PER_SOURCE = 3
_REPLAYS = {"replay-0001": ("pretrain", "sonnet-018.txt"), "replay-0002": ("pretrain", "sonnet-073.txt"),
            "replay-0003": ("validation", "the-tyger.txt")}  # fmt: skip
_SPLITS = {"train": ("replay-0001", "replay-0002"), "valid": ("replay-0003",)}
_MADE_UP = {
    "train": ("A lantern hangs where seven ladders meet;", "The ferry waits for nobody but rain,"),
    "valid": ("No kettle sings in houses made of glass.",),
}


def write_corrections(folder: Path) -> Path:
    """Write the conversations, the correction rows with their schema, and a checkpoint with its mirror."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_conversations(folder / "corpus")
    lines = [json.dumps(row) + "\n" for row in _corrections()]
    (folder / "corrections.jsonl").write_text("".join(lines), encoding="utf-8")
    write_json(folder / "corrections.schema.json", SCHEMA)
    _write_checkpoint(folder / "checkpoint")
    shutil.copytree(folder / "checkpoint", folder / "mirror")
    return folder


def _damaged(line: str) -> str:
    """The line as a bad scan leaves it: every vowel but the first is gone."""
    first = next((place for place, letter in enumerate(line) if letter in "aeiou"), 0)
    return line[: first + 1] + "".join(letter for letter in line[first + 1 :] if letter not in "aeiou")


def _replayed(name: str) -> list[str]:
    split, file = _REPLAYS[name]
    return TEXTS[split][file].splitlines()[:_ROWS_PER_SOURCE]


def _write_conversations(folder: Path) -> None:
    (folder / "sources").mkdir(parents=True)
    sources = {}
    for name in _REPLAYS:
        outputs = [{"damaged": _damaged(line), "line": line} for line in _replayed(name)]
        path = write_json(folder / "sources" / f"{name}.json", {"id": name, "outputs": outputs})
        sources[name] = {"path": f"sources/{name}.json", "sha256": _sha256(path)}
    splits = {split: _write_split(folder, split) for split in _SPLITS}
    manifest = {"corpus_manifest": 1, "name": "specimen-corrections", "sources": sources, "splits": splits}
    write_json(folder / "manifest.json", manifest)


def _write_split(folder: Path, split: str) -> dict[str, Any]:
    real = [(line, {"kind": "real", "source": name}) for name in _SPLITS[split] for line in _replayed(name)]
    rows = [*real, *((line, {"kind": "synthetic"}) for line in _MADE_UP[split])]
    path = folder / f"{split}.jsonl"
    path.write_text("".join(json.dumps({"messages": _messages(line), **marks}) + "\n" for line, marks in rows))
    shard = {"path": path.name, "sha256": _sha256(path), "bytes": path.stat().st_size, "rows": len(rows)}
    return {
        "format": "chat",
        "kind": "partial-real",
        "sha256": folder_digest({path.name: _sha256(path)}),
        "tokens": sum(len(line.split()) for line, _ in rows),
        "real_share": len(real) / len(rows),
        "shards": [shard],
    }


def _messages(line: str) -> Sequence[Mapping[str, str]]:
    return [{"role": "user", "content": _PROMPT + _damaged(line)}, {"role": "assistant", "content": line}]


def _corrections() -> list[dict[str, Any]]:
    """One correction that the authority accepted, one that it refused, one that nobody has judged yet."""
    lines = _replayed("replay-0003")
    states = (("accepted", "admissible"), ("rejected", "inadmissible"), ("open", None))
    return [
        {
            "id": f"correction-{number:04}",
            "source": "replay-0003",
            "proposed_by": "adapter",
            "proposal": line,
            "state": state,
            "verdict": None if outcome is None else {"authority": AUTHORITY, "outcome": outcome},
        }
        for number, (line, (state, outcome)) in enumerate(zip(lines, states, strict=True), start=1)
    ]


SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A correction row",
    "type": "object",
    "required": ["id", "source", "proposed_by", "proposal", "state", "verdict"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^correction-[0-9]{4}$"},
        "source": {"type": "string", "pattern": "^replay-[0-9]{4}$"},
        "proposed_by": {"type": "string", "minLength": 1},
        "proposal": {"type": "string"},
        "state": {"enum": ["accepted", "rejected", "open"]},
        "verdict": {
            "type": ["object", "null"],
            "required": ["authority", "outcome"],
            "properties": {"authority": {"type": "string"}, "outcome": {"enum": ["admissible", "inadmissible"]}},
        },
    },
}
"""What a correction row must look like, in the words of JSON Schema."""


def _write_checkpoint(folder: Path) -> None:
    import numpy as np

    folder.mkdir()
    lora = {"rank": 2, "scale": 8.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}
    config = {"fine_tune_type": "lora", "num_layers": 1, "lora_parameters": lora, "iters": 4, "save_every": 2}
    write_json(folder / "adapter_config.json", config)
    for iteration in (2, 4):
        name = "model.layers.0.self_attn.q_proj"
        tensors = {f"{name}.lora_a": np.linspace(-1, 1, 16, dtype="<f4").reshape(8, 2),
                   f"{name}.lora_b": np.full((2, 8), iteration / 64, dtype="<f4")}  # fmt: skip
        write_safetensors(folder / f"{iteration:07}_adapters.safetensors", tensors)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
