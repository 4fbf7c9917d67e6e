"""Sabotages of what a run folder says of its data and its making, as ``provenance.yaml`` describes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.sabotage.run_folder import Sabotages, rewrite_record, seal

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register

_COPIED_TO, _ROW_TOKENS, _PERIOD_TOKENS = 5_003, 128, 100_000


def rewrite_tokens(run: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write the fine-tune's tokens again, and nothing else."""
    path = run / "corpus" / "finetune.tokens"
    path.write_bytes(change(np.fromfile(path, "<u2")).tobytes())


def name_the_new_tokens(run: Path) -> None:
    """Let the manifest name the fine-tune's tokens as they are now, and the record the manifest."""
    manifest = json.loads((run / "corpus" / "manifest.json").read_text())
    tokens = (run / "corpus" / "finetune.tokens").read_bytes()
    manifest["splits"]["finetune"]["tokens_sha256"] = hashlib.sha256(tokens).hexdigest()
    (run / "corpus" / "manifest.json").write_text(json.dumps(manifest))
    seal(run)


@sabotage
def share_of_real_rows_typed(run: Path) -> None:
    rewrite_record(run, lambda record: record["datasets"]["finetune"].update(real_share=0.75))


@sabotage
def digest_of_the_data_typed(run: Path) -> None:
    rewrite_record(run, lambda record: record["datasets"]["finetune"].update(sha256="0" * 64))


@sabotage
def training_tokens_exchanged(run: Path) -> None:
    half = len(np.fromfile(run / "corpus" / "finetune.tokens", "<u2")) // 2
    rewrite_tokens(run, lambda tokens: np.concatenate((tokens[:half][::-1], tokens[half:])))


@sabotage
def validation_row_copied_into_train(run: Path) -> None:
    row = np.fromfile(run / "corpus" / "validation.tokens", "<u2")[_ROW_TOKENS : 2 * _ROW_TOKENS]
    rewrite_tokens(run, lambda tokens: np.concatenate((tokens[:_COPIED_TO], row, tokens[_COPIED_TO + _ROW_TOKENS :])))
    name_the_new_tokens(run)


@sabotage
def data_that_wrap_around(run: Path) -> None:
    rewrite_tokens(run, lambda tokens: np.resize(tokens[:_PERIOD_TOKENS], len(tokens)))
    name_the_new_tokens(run)


@sabotage
def command_missing(run: Path) -> None:
    rewrite_record(run, lambda record: record.pop("command"))


@sabotage
def command_asks_for_another_seed(run: Path) -> None:
    rewrite_record(run, lambda record: record["command"].extend(["--seed", "7"]))


@sabotage
def commit_cut_short(run: Path) -> None:
    rewrite_record(run, lambda record: record.update(commit=record["commit"][:7]))
