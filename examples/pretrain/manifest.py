"""The corpus manifest: which file is in which split, and the tokens of each, validation free of what is trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.corpus import NAME, SPLITS, Corpus
from examples.pretrain.train import EVALUATION_LENGTH

if TYPE_CHECKING:
    import numpy as np

CORPUS_MANIFEST_FORMAT = 1

# Tokens in a row; licence texts and common idioms come to at most 39 in modules that were not copied.
LONGEST_COPY = 64


def shuffled_windows(tokens: np.ndarray[Any, Any], length: int = EVALUATION_LENGTH) -> np.ndarray[Any, Any]:
    """The same tokens in another order: windows of ``length`` contiguous tokens, shuffled; the remainder is dropped.

    The metric reads the first windows only, so that without this it would judge by the first two files alone. It
    predicts each window within itself, so that their order has no other effect.
    """
    import numpy as np

    windows = tokens[: len(tokens) // length * length].reshape(-1, length)
    order = np.random.default_rng(0).permutation(len(windows))
    return windows[order].reshape(-1)


def held_out(
    validation: np.ndarray[Any, Any], trained_on: Iterable[np.ndarray[Any, Any]], length: int = EVALUATION_LENGTH
) -> np.ndarray[Any, Any]:
    """The windows of ``length`` validation tokens of which no ``LONGEST_COPY`` in a row stand in what is trained on.

    Modules of the standard library were copied from each other (``_pyio`` and ``io``, ``wave`` and ``chunk``), so that
    splitting by module alone leaves whole windows of the validation split in the others.
    """
    size, raw = LONGEST_COPY * validation.itemsize, validation.tobytes()
    starts = range(0, len(raw) - size + 1, validation.itemsize)
    wanted = {raw[start : start + size] for start in starts}
    copied: set[bytes] = set()
    for tokens in trained_on:
        learnt = tokens.astype(validation.dtype).tobytes()
        pieces = (learnt[start : start + size] for start in range(0, len(learnt) - size + 1, validation.itemsize))
        copied.update(piece for piece in pieces if piece in wanted)
    spoilt = {
        window
        for start in starts
        if raw[start : start + size] in copied
        for window in (start // validation.itemsize // length, (start + size - 1) // validation.itemsize // length)
    }
    windows = validation[: len(validation) // length * length].reshape(-1, length)
    return windows[[place for place in range(len(windows)) if place not in spoilt]].reshape(-1)


def write_manifest(
    folder: Path, corpus: Corpus, tokens: Mapping[str, np.ndarray[Any, Any]], evaluation_sequences: int
) -> Path:
    """Write ``manifest.json`` and ``SPLIT.tokens`` (raw little-endian unsigned integers) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    splits: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        raw = _little_endian(tokens[split])
        (folder / f"{split}.tokens").write_bytes(raw)
        splits[split] = {
            "sha256": corpus.split_digest(split),
            "path": None,
            "tokens_path": f"{split}.tokens",
            "tokens_sha256": hashlib.sha256(raw).hexdigest(),
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
        "evaluation": {"sequences": evaluation_sequences, "sequence_length": EVALUATION_LENGTH},
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return path


def _little_endian(tokens: np.ndarray[Any, Any]) -> bytes:
    return tokens.astype(tokens.dtype.newbyteorder("<")).tobytes()
