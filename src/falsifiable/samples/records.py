"""The specimen run: a corpus, the checkpoints made from it, and the record that binds them all by sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts import folder_digest
from falsifiable.samples import tokenizer
from falsifiable.samples.models import write_export, write_huggingface, write_json
from falsifiable.samples.texts import TEXTS
from falsifiable.samples.weights import SHAPE, initial_weights, parameters, trained_weights

if TYPE_CHECKING:
    import numpy as np

    Weights = dict[str, np.ndarray[Any, Any]]

CORPUS_NAME = "specimen-poems"
EVALUATION_SEQUENCES, EVALUATION_LENGTH = 7, 64

# Mean next-token cross-entropy in nats over the first 7 x 64 validation tokens, as ``transformers`` computes it from
# the specimen checkpoints in float32; a test computes both anew.
INITIAL_VALIDATION_LOSS = 4.604454
TRAINED_VALIDATION_LOSS = 4.458709

PRETRAIN_STEPS, FINETUNE_STEPS, _STEPS_PER_EVALUATION = 8, 12, 4
_LEARNING_RATE = 1e-3
_SECONDS_PER_STEP = 0.25
# Losses between the first and the last step are made up; nothing was trained. They approach the real last one by this
# share of the way at every step.
_SHARE_OF_WAY = 0.25


def token_ids(split: str) -> list[int]:
    """The tokens of a split: its files in the order of the manifest, each closed by the end-of-text token."""
    return [
        token
        for text in TEXTS[split].values()
        for token in (*tokenizer.encode(text), tokenizer.END_OF_TEXT_ID)
    ]  # fmt: skip


def write_corpus(folder: Path) -> Path:
    """Write ``manifest.json``, one text and one token file per split; return the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "corpus_manifest": 1,
        "name": CORPUS_NAME,
        "splits": {split: _write_split(folder, split) for split in TEXTS},
        "evaluation": {"sequences": EVALUATION_SEQUENCES, "sequence_length": EVALUATION_LENGTH},
    }
    return write_json(folder / "manifest.json", manifest)


def _write_split(folder: Path, split: str) -> dict[str, Any]:
    import numpy as np

    contents = {name: text.encode() for name, text in TEXTS[split].items()}
    tokens = np.array(token_ids(split), dtype="<u2").tobytes()
    (folder / f"{split}.txt").write_bytes(b"".join(contents.values()))
    (folder / f"{split}.tokens").write_bytes(tokens)
    files = [{"path": name, "sha256": sha256_of(text), "bytes": len(text)} for name, text in contents.items()]
    return {
        "sha256": folder_digest({str(file["path"]): str(file["sha256"]) for file in files}),
        "path": f"{split}.txt",
        "tokens_path": f"{split}.tokens",
        "tokens_sha256": sha256_of(tokens),
        "tokens": len(tokens) // 2,
        "real_share": 1.0,
        "files": files,
    }


def write_run(folder: Path) -> Path:
    """Write a whole run folder, as the reference run leaves one; return the folder."""
    initial = initial_weights(token_ids("pretrain"))
    trained = trained_weights(initial)
    write_corpus(folder / "corpus")
    write_huggingface(folder / "pretrained", initial)
    write_huggingface(folder / "finetuned", trained)
    write_export(folder / "export" / "model.gguf", trained)
    rows = [*_phase("pretrain"), *_phase("finetune")]
    lines = [json_line(row) for row in rows]
    (folder / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
    write_json(folder / "step_zero.json", step_zero(initial, INITIAL_VALIDATION_LOSS))
    write_yaml(folder / "run.yaml", _record(folder, rows))
    return folder


def write_second_run(folder: Path, first: Path) -> Path:
    """Write the record and the log of the run in ``first`` once more, as a second run of its own; return the folder.

    It is another run: it has its own id and its steps take another time. Its losses are the same, as they are for the
    same seed on the same machine.
    """
    import yaml

    folder.mkdir(parents=True)
    lines = (first / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{**row, "seconds": round(row["seconds"] * 1.04, 3)} for row in map(json.loads, lines)]
    (folder / "metrics.jsonl").write_text("".join(map(json_line, rows)), encoding="utf-8")
    record = yaml.safe_load((first / "run.yaml").read_text(encoding="utf-8"))
    log = {"metrics": artifact_entry(folder, "metrics.jsonl")}
    write_yaml(folder / "run.yaml", {**record, "run_id": "00000000-0000-4000-8000-000000000001", "artifacts": log})
    return folder


def _phase(phase: str) -> list[dict[str, Any]]:
    """The rows of one phase: step 0 is the state before the first update, the last row the finished state."""
    if phase == "pretrain":
        steps, first, last = PRETRAIN_STEPS, 5.9, INITIAL_VALIDATION_LOSS
    else:
        steps, first, last = FINETUNE_STEPS, INITIAL_VALIDATION_LOSS, TRAINED_VALIDATION_LOSS
    rows = []
    for step in range(steps + 1):
        val_loss = last if step == steps else last + (first - last) * (1 - _SHARE_OF_WAY) ** step
        row = {"phase": phase, "step": step, "loss": round(val_loss - 0.05 + scatter(phase, step), 6)}
        row["lr"] = round(_LEARNING_RATE * (1 - step / steps), 9)
        if step % _STEPS_PER_EVALUATION == 0:
            row["val_loss"] = round(val_loss, 6)
        rows.append({**row, "seconds": step * _SECONDS_PER_STEP})
    return rows


def scatter(phase: str, step: int) -> float:
    """How much harder one batch is than another, up to 0.04 nats: losses of real batches do not lie on a curve."""
    return (int(sha256_of(f"{phase} {step}".encode())[:4], 16) / 0xFFFF - 0.5) * 0.08


def step_zero(initial: Weights, val_loss: float) -> dict[str, Any]:
    """What a recorder keeps of the state before the first step."""
    from blake3 import blake3

    tensors = {
        name: {"blake3": blake3(tensor.astype("<f4").tobytes()).hexdigest(), "shape": list(tensor.shape)}
        for name, tensor in initial.items()
    }
    return {"dtype": "float32", "tensors": tensors, "val_loss": val_loss}


def _record(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    artifacts = {
        "init": "pretrained",
        "trained": "finetuned",
        "export": "export/model.gguf",
        "tokenizer": "finetuned/tokenizer.json",
        "corpus": "corpus/manifest.json",
        "metrics": "metrics.jsonl",
        "step_zero": "step_zero.json",
    }
    recorded = {role: artifact_entry(folder, path) for role, path in artifacts.items()}
    return {
        "run_record": 1,
        "run_id": "00000000-0000-4000-8000-000000000000",
        "commit": sha256_of(b"specimen")[:40],
        "dirty": False,
        "command": ["specimen"],
        "started": "2026-01-01T00:00:00Z",
        "ended": "2026-01-01T00:00:05Z",
        "environment": {
            "python": "3.11.0",
            "platform": "specimen",
            "torch": None,
            "transformers": None,
            "tokenizers": None,
            "safetensors": None,
            "cpu_count": 1,
            "cuda": None,
        },
        **{key: {"requested": value, "actual": value} for key, value in
           {"seed": 0, "dtype": "float32", "data": CORPUS_NAME}.items()},
        "device": {"requested": "cpu", "actual": "cpu", "memory_bytes": None},
        "init": {"requested": "pretrained", "actual": "pretrained", "sha256": recorded["init"]["sha256"]},
        "architecture": architecture(),
        "datasets": {split: _dataset(split) for split in TEXTS},
        "parameters": parameters(),
        "steps": {"planned": FINETUNE_STEPS, "done": FINETUNE_STEPS},
        "window": {"first_step": 0, "last_step": FINETUNE_STEPS},
        "batch": {"sequences": 8, "sequence_length": 64, "accumulation": 1},
        "optimizer": {"class": "AdamW", "state_tensors_at_step_zero": 0},
        "early_stopping": {"patience": 5, "held_out_tokens": EVALUATION_SEQUENCES * EVALUATION_LENGTH},
        "changes": {"base": sha256_of(b"specimen")[:40], "paths": []},
        "launch": {"world_size": {"requested": 1, "actual": 1}, "ranks": [_rank()]},
        "end_reason": "completed",
        "metrics": {
            "pretrain_val_loss": {"value": INITIAL_VALIDATION_LOSS, "step": PRETRAIN_STEPS},
            "init_val_loss": {"value": INITIAL_VALIDATION_LOSS, "step": 0},
            "train_loss": {"value": rows[-1]["loss"], "step": FINETUNE_STEPS},
            "val_loss": {"value": TRAINED_VALIDATION_LOSS, "step": FINETUNE_STEPS},
        },
        "artifacts": recorded,
        "inputs": {},
    }  # fmt: skip


def _rank() -> dict[str, Any]:
    """What the one process of the run said of itself; an all-reduce over ones gives the number of ranks."""
    return {"rank": 0, "world_size": 1, "python": "3.11.0", "torch": None, "transformers": None, "all_reduce": 1.0}


def architecture() -> dict[str, Any]:
    """The shape of the specimen model, as a record has it."""
    return {
        "family": "qwen2",
        "vocab_size": SHAPE.vocab_size,
        "hidden_size": SHAPE.hidden_size,
        "num_hidden_layers": SHAPE.num_hidden_layers,
        "num_attention_heads": SHAPE.num_attention_heads,
        "num_key_value_heads": SHAPE.num_key_value_heads,
        "head_dim": SHAPE.head_dim,
        "intermediate_size": SHAPE.intermediate_size,
        "max_position_embeddings": SHAPE.max_position_embeddings,
        "rope_theta": SHAPE.rope_theta,
        "rms_norm_eps": SHAPE.rms_norm_eps,
        "tie_word_embeddings": True,
    }


def _dataset(split: str) -> dict[str, Any]:
    digests = {name: sha256_of(text.encode()) for name, text in TEXTS[split].items()}
    return {
        "sha256": folder_digest(digests),
        "files": len(digests),
        "tokens": len(token_ids(split)),
        "real_share": 1.0,
        "kind": "real",
        "path": f"corpus/{split}.tokens",
    }


def artifact_entry(folder: Path, relative: str) -> dict[str, Any]:
    """What a record says of a file or folder of the run: path, size in bytes and sha256."""
    path = folder / relative
    if path.is_file():
        return {"path": relative, "size": path.stat().st_size, "sha256": sha256_of(path.read_bytes())}
    files = [file for file in path.rglob("*") if file.is_file()]
    digests = {file.relative_to(path).as_posix(): sha256_of(file.read_bytes()) for file in files}
    size = sum(file.stat().st_size for file in files)
    return {"path": relative, "size": size, "sha256": folder_digest(digests)}


def sha256_of(content: bytes) -> str:
    """The sha256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def json_line(row: Mapping[str, Any]) -> str:
    """``row`` as one line of JSON."""
    return json.dumps(row) + "\n"


def write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as YAML, its keys in their order."""
    import yaml

    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
