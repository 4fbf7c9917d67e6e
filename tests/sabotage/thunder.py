"""Sabotages of a window that trained an adapter, as ``thunder.yaml`` describes them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from examples.adapter.mlx import MLX_WEIGHTS, write_twin_weights
from falsifiable.artifacts import folder_digest
from falsifiable.recorder import digest_of, size_of
from falsifiable.samples import write_safetensors
from tests.sabotage.run_folder import Fields, Sabotages, rewrite_json, rewrite_log, rewrite_record, seal

Tensors = dict[str, np.ndarray]

ROOT = Path(__file__).parents[2]
WEIGHTS = Path("adapter/adapter_model.safetensors")
MODULE = "base_model.model.model.layers.3.self_attn.q_proj"
FIRST, SECOND = f"{MODULE}.lora_A.weight", f"{MODULE}.lora_B.weight"

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register


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


def seal_in_the_window(run: Path) -> None:
    """Seal the record, name the saves in it anew, and make every file as old as the run: a careful forger would."""
    times = (run / "step_zero.json").stat()
    seal(run)
    rewrite_record(
        run, lambda record: [save.update(sha256=digest_of(run / save["path"])) for save in record["checkpoints"]]
    )
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
    seal_in_the_window(run)


@sabotage
def one_layer_never_stepped(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {**stored, SECOND: stored[SECOND] * 0})
    convert(run)
    seal_in_the_window(run)


@sabotage
def earlier_save_passed_off_as_the_last(run: Path) -> None:
    replace_adapter(run, run / "checkpoints/0000060")


@sabotage
def earlier_save_sealed_as_the_last(run: Path) -> None:
    replace_adapter(run, run / "checkpoints/0000060")
    seal_in_the_window(run)


@sabotage
def file_of_another_run(run: Path) -> None:
    replace_adapter(run, ROOT / "runs/adapter-continued/adapter")
    seal_in_the_window(run)


@sabotage
def file_cut_in_half(run: Path) -> None:
    content = (run / WEIGHTS).read_bytes()
    (run / WEIGHTS).write_bytes(content[: len(content) // 2])
    seal_in_the_window(run)


@sabotage
def tensors_missing(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {name: one for name, one in stored.items() if name not in (FIRST, SECOND)})
    convert(run)
    seal_in_the_window(run)


@sabotage
def tensors_extra(run: Path) -> None:
    """The pair of a layer that the base model does not have."""
    rewrite_adapter(
        run, lambda stored: {**stored, **{name.replace(".3.", ".99."): stored[name] for name in (FIRST, SECOND)}}
    )
    convert(run)
    seal_in_the_window(run)


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
    seal_in_the_window(run)


@sabotage
def tensor_constant(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {**stored, SECOND: np.full_like(stored[SECOND], stored[SECOND].max())})
    convert(run)
    seal_in_the_window(run)


@sabotage
def values_edited_in_place(run: Path) -> None:
    """One value, by a hundredth of itself, after the record was written; the file's times are put back."""

    def edited(stored: Tensors) -> Tensors:
        values = stored[SECOND].copy()
        values[3, 5] *= np.float32(1.01)
        return {**stored, SECOND: values}

    times = (run / WEIGHTS).stat()
    rewrite_adapter(run, edited)
    convert(run)
    os.utime(run / WEIGHTS, ns=(times.st_atime_ns, times.st_mtime_ns))


@sabotage
def update_exploded(run: Path) -> None:
    rewrite_adapter(run, lambda stored: {**stored, SECOND: stored[SECOND] * np.float32(100)})
    convert(run)
    seal_in_the_window(run)


@sabotage
def rank_typed_into_config(run: Path) -> None:
    rewrite_json(run / "adapter/adapter_config.json", lambda config: config.update(r=16))


@sabotage
def base_typed_into_config(run: Path) -> None:
    rewrite_json(
        run / "adapter/adapter_config.json",
        lambda config: config.update(base_model_name_or_path="HuggingFaceTB/SmolLM2-135M-Instruct"),
    )
    seal_in_the_window(run)


@sabotage
def iteration_of_another_save(run: Path) -> None:
    rewrite_adapter(run, lambda stored: stored, iteration="60")
    seal_in_the_window(run)


@sabotage
def written_after_the_window(run: Path) -> None:
    """The recorded bytes, in files that were written a day after the run had ended."""
    ended = (run / "run.yaml").stat().st_mtime
    for path in (run / "adapter").iterdir():
        os.utime(path, (ended + 86400, ended + 86400))


@sabotage
def twin_at_another_scale(run: Path) -> None:
    rewrite_json(run / "twin/adapter_config.json", lambda config: config["lora_parameters"].update(scale=20.0))


@sabotage
def base_model_exchanged(run: Path) -> None:
    """The base model with two of its layers in each other's place: same names, same shapes, another model."""
    path = run / "base/model.safetensors"
    stored = load_file(path)
    swapped = {"layers.0.": "layers.1.", "layers.1.": "layers.0."}

    def source(name: str) -> str:
        found = next((layer for layer in swapped if layer in name), None)
        return name.replace(found, swapped[found]) if found else name

    with safe_open(path, "np") as opened:
        metadata = opened.metadata()
    write_safetensors(path, {name: stored[source(name)] for name in stored}, metadata)


# The record and the log


def _losses_from(run: Path, step: int, value: float) -> None:
    rewrite_log(run, lambda rows: [{**row, "loss": value} if row["step"] >= step else row for row in rows])
    rewrite_record(run, lambda record: record["metrics"]["train_loss"].update(value=value))
    seal_in_the_window(run)


@sabotage
def log_broken_off(run: Path) -> None:
    rewrite_log(run, lambda rows: rows[:71])
    seal_in_the_window(run)


@sabotage
def step_missing(run: Path) -> None:
    rewrite_log(run, lambda rows: [row for row in rows if row["step"] != 71])
    seal_in_the_window(run)


@sabotage
def step_twice(run: Path) -> None:
    rewrite_log(run, lambda rows: [row for each in rows for row in ([each, each] if each["step"] == 71 else [each])])
    seal_in_the_window(run)


@sabotage
def loss_constant(run: Path) -> None:
    _losses_from(run, 0, 2.0)


@sabotage
def loss_a_placeholder_from_the_middle_on(run: Path) -> None:
    _losses_from(run, 60, 1.0)


@sabotage
def loss_typed_into_record(run: Path) -> None:
    rewrite_record(run, lambda record: record["metrics"]["val_loss"].update(value=1.5))


@sabotage
def loss_typed_into_record_and_log(run: Path) -> None:
    """The last validation loss in both places, under the digest of the new log: only who measures again can tell."""

    def last_evaluation(rows: list[Fields]) -> list[Fields]:
        last = max(row["step"] for row in rows if row.get("val_loss") is not None)
        return [{**row, "val_loss": row["val_loss"] - 0.05} if row["step"] == last else row for row in rows]

    rewrite_log(run, last_evaluation)
    rewrite_record(run, lambda record: _lower(record["metrics"]["val_loss"], 0.05))
    seal_in_the_window(run)


def _lower(metric: Fields, by: float) -> None:
    metric["value"] -= by


@sabotage
def rank_typed_into_record(run: Path) -> None:
    rewrite_record(run, lambda record: record["adapter"].update(rank=16))


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
    seal_in_the_window(run)
