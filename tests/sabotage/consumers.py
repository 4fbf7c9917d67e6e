"""Sabotages of the reference run that only a client notices, as ``consumers.yaml`` describes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.sabotage.reference import rewrite_export
from tests.sabotage.run_folder import Sabotages, seal

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register

TOKENIZER = "tokenizer.ggml."


@sabotage
def norms_in_half_precision(run: Path) -> None:
    rewrite_export(
        run,
        tensors=lambda stored: {
            name: values.astype(np.float16) if name.endswith("norm.weight") else values
            for name, values in stored.items()
        },
    )
    seal(run)


@sabotage
def splitting_rule_unknown(run: Path) -> None:
    rewrite_export(run, lambda stored: {**stored, TOKENIZER + "pre": "qwen2.5"})
    seal(run)


@sabotage
def splitting_rule_of_another_tokenizer(run: Path) -> None:
    rewrite_export(run, lambda stored: {**stored, TOKENIZER + "pre": "gpt-2"})
    seal(run)


@sabotage
def scores_of_another_length(run: Path) -> None:
    rewrite_export(run, lambda stored: {**stored, TOKENIZER + "scores": [0.0] * 7})
    seal(run)


@sabotage
def rotary_dimension_edited(run: Path) -> None:
    key = "qwen2.rope.dimension_count"
    rewrite_export(run, lambda stored: {**stored, key: stored[key] // 2})
    seal(run)


@sabotage
def padding_beyond_the_rows(run: Path) -> None:
    path = run / "finetuned/config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "pad_token_id": config["vocab_size"]}, indent=2))
    seal(run)
