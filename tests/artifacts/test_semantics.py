"""What the readers make of the specimens, as a golden file.

When this test fails because a reader now gives the same bytes another meaning, raise
``falsifiable.falsifier.SEMANTICS`` and write the golden file anew:
``UPDATE_GOLDEN=1 pytest tests/artifacts/test_semantics.py``. Evidence recorded before is then stale.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from falsifiable.artifacts import Model, Tokenizer
from falsifiable.falsifier import SEMANTICS
from falsifiable.samples import VARIANTS, specimen

GOLDEN = Path(__file__).parent / "golden" / "semantics.json"


def meaning_of_model(model: Model) -> dict[str, Any]:
    config = {one.name: getattr(model.config, one.name) for one in fields(model.config) if one.name != "sources"}
    tensors = {
        info.canonical or name: [list(info.shape), info.dtype, model.fingerprints[name].blake3[:16]]
        for name, info in model.tensors.items()
    }
    tokenizer = meaning_of_tokenizer(model.tokenizer) if model.tokenizer else None
    return {"family": model.architecture.family, "config": config, "tensors": tensors, "tokenizer": tokenizer}


def meaning_of_tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "size": tokenizer.size,
        "type": tokenizer.type,
        "merges": len(tokenizer.merges),
        "ids": [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id],
        "tokens": list(tokenizer.tokens[:4]) + list(tokenizer.tokens[-2:]),
    }


def test_the_same_bytes_mean_the_same():
    models = {name: specimen("model", name) for name in VARIANTS["model"]}
    found = {
        "semantics": SEMANTICS,
        "models": {name: meaning_of_model(model) for name, model in models.items()},
        "tokenizers": {name: meaning_of_tokenizer(specimen("tokenizer", name)) for name in VARIANTS["tokenizer"]},
    }
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
