"""Sabotages of a window that trained an adapter, as ``thunder.yaml`` describes them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file

from examples.adapter.mlx import MLX_WEIGHTS, write_twin_weights
from falsifiable.artifacts import folder_digest
from falsifiable.recorder import digest_of, size_of
from falsifiable.samples import write_safetensors

Fields = dict[str, Any]
Tensors = dict[str, np.ndarray]

ROOT = Path(__file__).parents[2]
WEIGHTS = Path("adapter/adapter_model.safetensors")
MODULE = "base_model.model.model.layers.3.self_attn.q_proj"
FIRST, SECOND = f"{MODULE}.lora_A.weight", f"{MODULE}.lora_B.weight"

SABOTAGES: dict[str, Callable[[Path], None]] = {}


def sabotage(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register a sabotage under its name with dashes."""
    SABOTAGES[change.__name__.replace("_", "-")] = change
    return change


# The adapter's files


def rewrite_adapter(run: Path, change: Callable[[Tensors], Tensors], **stamps: str) -> None:
    """Write the adapter's weights again, changed, under the metadata they had and ``stamps``; the twin stays."""
    with safe_open(run / WEIGHTS, "np") as stored:
        metadata = {**stored.metadata(), **stamps}
    changed = change(load_file(run / WEIGHTS))
    write_safetensors(run / WEIGHTS, {name: np.ascontiguousarray(values) for name, values in changed.items()}, metadata)


def convert(run: Path) -> None:
    """Write the twin again, from the adapter as it is now."""
    write_twin_weights(run / "adapter", run / "twin" / MLX_WEIGHTS)


def seal(run: Path) -> None:
    """Make run.yaml name the bytes that are there, and every file as old as the run: what a careful forger would do."""

    def named_anew(record: Fields) -> None:
        for artifact in record["artifacts"].values():
            path = run / artifact["path"]
            artifact.update(sha256=digest_of(path), size=size_of(path))
        for save in record["checkpoints"]:
            save["sha256"] = digest_of(run / save["path"])
        record["init"]["sha256"] = record["artifacts"]["init"]["sha256"]

    times = (run / "step_zero.json").stat()
    rewrite_record(run, named_anew)
    for path in run.rglob("*"):
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace_adapter(run: Path, source: Path) -> None:
    """Put another adapter in the place of this one, its times included, and its twin in the place of the twin."""
    shutil.rmtree(run / "adapter")
    shutil.copytree(source, run / "adapter")
    convert(run)


@sabotage
def initial_state_saved_as_result(run: Path) -> None:
    replace_adapter(run, run / "initial")
    seal(run)


@sabotage
def one_layer_never_stepped(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {**stored, SECOND: stored[SECOND] * 0})
    convert(run)
    seal(run)


@sabotage
def earlier_save_passed_off_as_the_last(run: Path) -> None:
    replace_adapter(run, run / "checkpoints/0000060")


@sabotage
def earlier_save_sealed_as_the_last(run: Path) -> None:
    replace_adapter(run, run / "checkpoints/0000060")
    seal(run)


@sabotage
def file_of_another_run(run: Path) -> None:
    replace_adapter(run, ROOT / "runs/adapter-continued/adapter")
    seal(run)


@sabotage
def tensors_missing(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {name: one for name, one in stored.items() if name not in (FIRST, SECOND)})
    convert(run)
    seal(run)


@sabotage
def half_a_pair(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {name: one for name, one in stored.items() if name != SECOND})


@sabotage
def value_not_a_number(run: Path) -> None:
    def broken(stored: Tensors) -> Tensors:
        values = stored[SECOND].copy()
        values[3, 5] = np.nan
        return {**stored, SECOND: values}

    rewrite_adapter(run, broken)
    convert(run)
    seal(run)


@sabotage
def update_exploded(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {**stored, SECOND: stored[SECOND] * np.float32(100)})
    convert(run)
    seal(run)


@sabotage
def rank_typed_into_config(run: Path) -> None:
    rewrite_json(run / "adapter/adapter_config.json", lambda config: config.update(r=16))


# The record and the log


def _losses_from(run: Path, step: int, value: float) -> None:
    rewrite_log(run, lambda rows: [{**row, "loss": value} if row["step"] >= step else row for row in rows])
    rewrite_record(run, lambda record: record["metrics"]["train_loss"].update(value=value))
    seal(run)


@sabotage
def log_broken_off(run: Path) -> None:
    rewrite_log(run, lambda rows: rows[:71])
    seal(run)


@sabotage
def last_save_missing(run: Path) -> None:
    rewrite_record(run, lambda record: record["checkpoints"].pop())


@sabotage
def save_along_the_way_missing(run: Path) -> None:
    rewrite_record(run, lambda record: record["checkpoints"].pop(1))


@sabotage
def end_not_said(run: Path) -> None:
    rewrite_record(run, lambda record: record.update(end_reason="interrupted"))


@sabotage
def rank_that_trained_by_itself(run: Path) -> None:
    rewrite_record(run, lambda record: record["launch"]["ranks"][1].update(world_size=1, all_reduce=1.0))


@sabotage
def rank_with_another_version(run: Path) -> None:
    rewrite_record(run, lambda record: record["launch"]["ranks"][1].update(torch="2.12.0"))


@sabotage
def fewer_processes_than_asked_for(run: Path) -> None:
    rewrite_record(
        run,
        lambda record: record["launch"].update(
            world_size={"requested": 2, "actual": 1},
            ranks=[{**record["launch"]["ranks"][0], "world_size": 1, "all_reduce": 1.0}],
        ),
    )


@sabotage
def rows_of_plain_text(run: Path) -> None:
    """The training rows in the format of another trainer, and a manifest that says so."""
    folder = run / "corpus"
    path = folder / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({"text": row["messages"][-1]["content"]}) + "\n" for row in rows))

    def named_anew(manifest: Fields) -> None:
        split = manifest["splits"]["train"]
        split["shards"][0].update(sha256=digest_of(path), bytes=size_of(path))
        split["sha256"] = folder_digest({"train.jsonl": digest_of(path)})

    rewrite_json(folder / "manifest.json", named_anew)
    seal(run)


def rewrite_record(run: Path, change: Callable[[Fields], Any]) -> None:
    """Write run.yaml again, changed in place by ``change``."""
    path = run / "run.yaml"
    record = yaml.safe_load(path.read_text())
    change(record)
    path.write_text(yaml.safe_dump(record, sort_keys=False))


def rewrite_log(run: Path, change: Callable[[list[Fields]], list[Fields]]) -> None:
    """Write metrics.jsonl again with other rows."""
    path = run / "metrics.jsonl"
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rewrite_json(path: Path, change: Callable[[Fields], Any]) -> None:
    """Write a JSON file again, changed in place by ``change``."""
    content: Fields = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2))
