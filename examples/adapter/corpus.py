"""The corpus folder of a window: its rows, the files they came from, the tokens it is judged on, and a manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.adapter.conversations import TRAIN, VALID, Conversations
from examples.pretrain.corpus import standard_library
from examples.pretrain.model import EVALUATION_SEQUENCES
from examples.pretrain.train import EVALUATION_LENGTH
from falsifiable.artifacts import folder_digest

if TYPE_CHECKING:
    import numpy as np

CORPUS_MANIFEST_FORMAT = 1
NAME = "conversations-about-python"
VALIDATION = "validation"
"""The split that holds the tokens of the validation rows, as the trainer made them."""


def write_corpus(folder: Path, conversations: Conversations, tokens: Mapping[str, np.ndarray[Any, Any]]) -> Path:
    """Write ``train.jsonl``, ``valid.jsonl``, ``validation.tokens``, ``sources/`` and ``manifest.json``."""
    folder.mkdir(parents=True)
    splits = {split: _write_rows(folder, split, conversations, len(tokens[split])) for split in (TRAIN, VALID)}
    splits[VALIDATION] = _write_tokens(folder, tokens[VALID], splits[VALID])
    manifest = {
        "corpus_manifest": CORPUS_MANIFEST_FORMAT,
        "name": NAME,
        "sources": {name: _copy_source(folder, file.path) for name, file in conversations.sources.items()},
        "splits": splits,
        "evaluation": {"sequences": EVALUATION_SEQUENCES, "sequence_length": EVALUATION_LENGTH},
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return path


def _write_rows(folder: Path, split: str, conversations: Conversations, tokens: int) -> dict[str, Any]:
    rows = conversations.rows[split]
    path = folder / f"{split}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
    real = sum(row.get("kind") == "real" for row in rows)
    kind = "real" if real == len(rows) else "partial-real" if real else "synthetic"
    return _split("chat", path, tokens, {"rows": len(rows)}, kind=kind, real_share=real / len(rows))


def _write_tokens(folder: Path, tokens: np.ndarray[Any, Any], rows: Mapping[str, Any]) -> dict[str, Any]:
    path = folder / "validation.tokens"
    path.write_bytes(tokens.tobytes())
    same = {"kind": rows["kind"], "real_share": rows["real_share"]}
    return _split("tokens", path, len(tokens), {"tokens": len(tokens)}, dtype="uint16", **same)


def _split(form: str, path: Path, tokens: int, count: Mapping[str, int], **more: Any) -> dict[str, Any]:
    sha256 = _sha256(path)
    shard = {"path": path.name, "sha256": sha256, "bytes": path.stat().st_size, **count}
    digest = folder_digest({path.name: sha256})
    return {"format": form, "sha256": digest, "tokens": tokens, **more, "shards": [shard]}


def _copy_source(folder: Path, relative: str) -> dict[str, str]:
    copy = folder / "sources" / relative
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(standard_library() / relative, copy)
    return {"path": f"sources/{relative}", "sha256": _sha256(copy)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
