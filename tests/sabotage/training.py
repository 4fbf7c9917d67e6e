"""Sabotages of what a run says of its training: its log, its reasons, its device, its data, its pace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.sabotage.run_folder import Fields, Sabotages, rewrite_record, seal

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register


def rewrite_finetune(run: Path, change: Callable[[Fields], None]) -> None:
    """Change the fine-tune's rows of the log in place, and let the record name the new log and its last numbers."""
    path = run / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    finetune = [row for row in rows if row["phase"] == "finetune"]
    for row in finetune:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def last_numbers(record: Fields) -> None:
        record["metrics"]["train_loss"]["value"] = finetune[-1]["loss"]
        record["metrics"]["val_loss"]["value"] = finetune[-1]["val_loss"]

    rewrite_record(run, last_numbers)
    seal(run)


@sabotage
def placeholder_tail(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(loss=1.0 if row["step"] > 400 else row["loss"]))


@sabotage
def one_placeholder(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(loss=1.0 if row["step"] == 333 else row["loss"]))


@sabotage
def validation_that_stands_still(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(val_loss=5.0) if row["step"] in (250, 300) else None)


@sabotage
def scripted_loss(run: Path) -> None:
    """What `--synthetic` logged: 1.8 times the target, decaying."""
    rewrite_finetune(run, lambda row: row.update(loss=1.8 * (2.5 + 0.5 * 0.995 ** row["step"])))


@sabotage
def validation_loss_doubles(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(val_loss=2.1 * row["val_loss"]) if row["step"] == 300 else None)


@sabotage
def training_loss_is_infinite(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(loss="inf" if row["step"] == 200 else row["loss"]))


@sabotage
def plateau_of_the_schedule(run: Path) -> None:
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["val_loss"]
    rewrite_finetune(
        run, lambda row: row.update(val_loss=last + 1e-5 * (500 - row["step"])) if row["step"] in (400, 450) else None
    )


@sabotage
def early_stop_typed(run: Path) -> None:
    rewrite_record(run, lambda record: record.update(end_reason="early_stop"))


@sabotage
def divergence_typed(run: Path) -> None:
    rewrite_record(run, lambda record: record.update(end_reason="diverged"))


@sabotage
def stopped_by_noise(run: Path) -> None:
    """A plan of 1,000 steps at a constant rate, given up after two of its scattering evaluations were no better."""
    scatter = [0.0, 0.0, 0.0, 0.03, -0.02, 0.02, -0.03, 0.03, -0.06, 0.02, 0.0]

    def scattered(row: Fields) -> None:
        if row["step"] > 100:
            row["lr"] = 1e-3
        if row["step"] > 100 and "val_loss" in row:
            row["val_loss"] = 5.3 - 0.03 * row["step"] / 50 + scatter[row["step"] // 50]

    rewrite_finetune(run, scattered)
    rewrite_record(
        run,
        lambda record: record.update(
            end_reason="early_stop",
            steps={"planned": 1_000, "done": 500},
            early_stopping={"patience": 2, "held_out_tokens": 16_384},
        ),
    )


@sabotage
def silent_cpu_fallback(run: Path) -> None:
    rewrite_record(run, lambda record: record["device"].update(requested="cuda"))


@sabotage
def gpu_typed_with_its_name(run: Path) -> None:
    def typed(record: Fields) -> None:
        record["device"].update(requested="cuda", actual="cuda", memory_bytes=0)
        record["environment"]["cuda"] = "NVIDIA H200"

    rewrite_record(run, typed)


@sabotage
def synthetic_data(run: Path) -> None:
    rewrite_record(run, lambda record: record["datasets"]["finetune"].update(kind="synthetic", real_share=0.0))


@sabotage
def too_few_tokens(run: Path) -> None:
    """Steps of 412 tokens instead of 1,024, each as much shorter, so that the pace stays what it was."""
    rewrite_finetune(run, lambda row: row.update(seconds=row["seconds"] * 412 / 1024))
    rewrite_record(run, lambda record: record["batch"].update(sequences=1, sequence_length=412))


@sabotage
def a_hundred_times_slower(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(seconds=100 * row["seconds"]))


@sabotage
def another_loss_at_step_50(run: Path) -> None:
    rewrite_finetune(run, lambda row: row.update(loss=row["loss"] + (row["step"] == 50) * 1e-5))
