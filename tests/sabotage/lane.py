"""Sabotages of the window that trained an adapter, as ``lane.yaml`` describes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falsifiable.artifacts import folder_digest
from tests.sabotage.run_folder import Sabotages, rewrite_record, seal

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register

TRAIN, VALID = "train", "valid"


def rows_of(run: Path, split: str) -> list[dict[str, Any]]:
    """The rows of a split."""
    return [json.loads(line) for line in (run / "corpus" / f"{split}.jsonl").read_text().splitlines()]


def write_rows(run: Path, rows: list[dict[str, Any]]) -> None:
    """Write the training rows, and let manifest and record name and count them."""
    path = run / "corpus" / f"{TRAIN}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {"path": path.name, "sha256": sha256, "bytes": path.stat().st_size, "rows": len(rows)}
    share = sum(row.get("kind") == "real" for row in rows) / len(rows)
    restate(run, sha256=folder_digest({path.name: sha256}), real_share=share, shards=[shard])


def restate(run: Path, **fields: Any) -> None:
    """Let the manifest say other things of the training split, the record the same, and both name the new bytes."""
    path = run / "corpus" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["splits"][TRAIN].update(fields)
    path.write_text(json.dumps(manifest))
    of_record = {key: value for key, value in fields.items() if key != "shards"}
    rewrite_record(run, lambda record: record["datasets"][TRAIN].update(of_record))
    seal(run)


def rewrite_first_correction(run: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write the first correction again."""
    path = run / "corrections" / "corrections.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps(change(json.loads(first))) + "\n", *others]))


@sabotage
def another_lane_was_touched(run: Path) -> None:
    rewrite_record(run, lambda record: record["changes"]["paths"].append("another-lane/watcher.py"))


@sabotage
def real_rows_counted_by_hand(run: Path) -> None:
    restate(run, real_share=1.0)


@sabotage
def row_of_plain_text(run: Path) -> None:
    write_rows(run, [*rows_of(run, TRAIN), {"text": "def f(): pass"}])


@sabotage
def source_deleted(run: Path) -> None:
    next(path for path in sorted((run / "corpus" / "sources").rglob("*")) if path.is_file()).unlink()


@sabotage
def validation_conversation_trained_on(run: Path) -> None:
    real = next(row for row in rows_of(run, VALID) if row["kind"] == "real")
    write_rows(run, [*rows_of(run, TRAIN), real])


@sabotage
def mirror_broke_off(run: Path) -> None:
    path = sorted(path for path in (run / "mirror").iterdir() if path.is_file())[-1]
    path.write_bytes(path.read_bytes()[:-7])


@sabotage
def adapter_accepted_itself(run: Path) -> None:
    verdict = {"authority": "adapter", "outcome": "admissible"}
    rewrite_first_correction(run, lambda row: {**row, "state": "accepted", "verdict": verdict})


@sabotage
def correction_of_another_shape(run: Path) -> None:
    rewrite_first_correction(run, lambda row: {**row, "score": 0.9})
