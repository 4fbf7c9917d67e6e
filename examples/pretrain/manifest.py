"""The corpus manifest: which file is in which split, and the tokens that the validation metric reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.corpus import NAME, SPLITS, VALIDATION, Corpus
from examples.pretrain.train import EVALUATION_LENGTH, EVALUATION_SEQUENCES

if TYPE_CHECKING:
    import numpy as np

CORPUS_MANIFEST_FORMAT = 1


def shuffled_windows(tokens: np.ndarray[Any, Any], length: int = EVALUATION_LENGTH) -> np.ndarray[Any, Any]:
    """The same tokens in another order: windows of ``length`` contiguous tokens, shuffled; the remainder is dropped.

    The metric reads the first windows only, so that without this it would judge by the first two files alone. It
    predicts each window within itself, so that their order has no other effect.
    """
    import numpy as np

    windows = tokens[: len(tokens) // length * length].reshape(-1, length)
    order = np.random.default_rng(0).permutation(len(windows))
    return windows[order].reshape(-1)


def write_manifest(folder: Path, corpus: Corpus, tokens: Mapping[str, np.ndarray[Any, Any]]) -> Path:
    """Write ``manifest.json`` and ``validation.tokens`` (raw little-endian unsigned integers) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = _little_endian(tokens[VALIDATION])
    (folder / "validation.tokens").write_bytes(raw)
    splits: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        is_stored = split == VALIDATION
        splits[split] = {
            "sha256": corpus.split_digest(split),
            "path": None,
            "tokens_path": "validation.tokens" if is_stored else None,
            "tokens_sha256": hashlib.sha256(raw if is_stored else _little_endian(tokens[split])).hexdigest(),
            "tokens": len(tokens[split]),
            "real_share": 1.0,
            "files": [
                {"path": file.path, "sha256": file.sha256, "bytes": file.size_bytes} for file in corpus.splits[split]
            ],
        }
    manifest = {
        "corpus_manifest": CORPUS_MANIFEST_FORMAT,
        "name": NAME,
        "splits": splits,
        "evaluation": {"sequences": EVALUATION_SEQUENCES, "sequence_length": EVALUATION_LENGTH},
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return path


def _little_endian(tokens: np.ndarray[Any, Any]) -> bytes:
    return tokens.astype(tokens.dtype.newbyteorder("<")).tobytes()
