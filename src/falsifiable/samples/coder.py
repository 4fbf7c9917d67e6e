"""The specimen of a model that writes code: one that has learnt by heart how a line goes on, and problems it solves.

Attention and feed-forward blocks add next to nothing (small numbers, so that no tensor is empty), every token that
matters has a dimension of its own, and the output maps each to the token that follows it. So it finishes every function
head with a body that is Python, ``1``, and stops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.samples import tokenizer
from falsifiable.samples.models import config_json, write_export, write_huggingface, write_json
from falsifiable.samples.weights import SHAPE, shapes

if TYPE_CHECKING:
    import numpy as np

    Weights = dict[str, np.ndarray[Any, Any]]

# What follows what, as the tokenizer writes it: a line feed is Ċ and a space Ġ. Everything else is followed by the end.
_FOLLOWS: Mapping[str, str] = {'"': ";", ";": "1", ":": "Ċ", "Ċ": "Ġ", "Ġ": "1"}
_CERTAINTY = 4.0  # with a final norm of one, the token that follows leads by 30 nats

PROBLEMS = (
    {
        "prompt": "import math\n\ndef nothing(x):",
        "entry_point": "nothing",
        "test": "def check(candidate):\n    assert math.pi > 3\n    assert candidate(1) is None",
    },
    {
        "prompt": "def still_nothing(x):\n",
        "entry_point": "still_nothing",
        "test": "def check(candidate):\n    assert candidate('x') is None",
    },
)


def write_coder(folder: Path) -> Path:
    """Write the model as GGUF and as a Hugging Face folder, and the problems it solves as rows of JSON."""
    write_export(folder / "model.gguf", _weights())
    write_huggingface(folder / "checkpoint", _weights())
    write_json(folder / "checkpoint" / "config.json", {**config_json(), "tie_word_embeddings": False})
    rows = "".join(json.dumps(row) + "\n" for row in PROBLEMS)
    (folder / "problems.jsonl").write_text(rows, encoding="utf-8")
    return folder


def _next_to_nothing(size: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Numbers of at most 2^-9, all of which float16 holds; no two neighbouring rows are alike."""
    import numpy as np

    places = np.arange(int(np.prod(size)), dtype=np.int64)
    return ((places * 7919 % 31 - 15) / 2.0**13).astype(np.float32).reshape(size)


def _weights() -> Weights:
    import numpy as np

    weights = {name: _next_to_nothing(size) for name, size in shapes()}
    for name, tensor in weights.items():
        if name.endswith("norm.weight"):
            tensor += 1.0
    weights["model.embed_tokens.weight"][...] = 0.0
    own = {token: dimension for dimension, token in enumerate([*_FOLLOWS, *_FOLLOWS.values(), ""], start=1)}
    vocabulary = tokenizer.vocabulary()
    output = np.zeros((SHAPE.vocab_size, SHAPE.hidden_size), np.float32)
    for row in range(SHAPE.vocab_size):
        weights["model.embed_tokens.weight"][row, own[""]] = 1.0
    for token in {*_FOLLOWS, *_FOLLOWS.values()}:
        weights["model.embed_tokens.weight"][vocabulary[token]] = 0.0
        weights["model.embed_tokens.weight"][vocabulary[token], own[token]] = 1.0
        follower = vocabulary[_FOLLOWS[token]] if token in _FOLLOWS else tokenizer.END_OF_TEXT_ID
        output[follower, own[token]] = _CERTAINTY
    output[tokenizer.END_OF_TEXT_ID, own[""]] = _CERTAINTY
    return {**weights, "lm_head.weight": output}
