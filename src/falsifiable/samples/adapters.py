"""The specimen of a window that trained an adapter: conversations, a base model, saves along the way, and the record.

The adapter changes two matrices of the last layer of the specimen model. Nothing was trained: its factors are random
numbers of the size that the learning rates in the log allow, on a grid, with a sign that happens to lower the loss.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts import folder_digest
from falsifiable.samples import tokenizer
from falsifiable.samples.formats import write_safetensors
from falsifiable.samples.models import write_huggingface, write_json
from falsifiable.samples.records import (
    architecture,
    artifact_entry,
    json_line,
    scatter,
    sha256_of,
    step_zero,
    token_ids,
    write_yaml,
)
from falsifiable.samples.texts import TEXTS
from falsifiable.samples.weights import SHAPE, initial_weights, parameters, trained_weights

if TYPE_CHECKING:
    import numpy as np

    Factors = dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]

RANK, SCALE, LAYER = 2, 4.0, 1
STEPS, STEPS_PER_SAVE = 12, 4
EVALUATION_SEQUENCES, EVALUATION_LENGTH = 7, 64

# Mean next-token cross-entropy in nats over the first 7 x 64 validation tokens, as ``transformers`` computes it
# from base and adapter in float32; a test computes both anew.
BASE_LOSS = 5.190225
ADAPTED_LOSS = 5.184822

_BASE = "specimen/base"
_RUN_ID = "00000000-0000-4000-8000-00000000000a"
_STARTED, _ENDED = "2026-01-01T01:00:00Z", "2026-01-01T01:00:30Z"
_LEARNING_RATE = 4e-3
_TARGETS = {"q_proj": SHAPE.num_attention_heads, "v_proj": SHAPE.num_key_value_heads}
_TRAINED_ON, _JUDGED_ON = {"sonnet-018.txt": "pretrain", "sonnet-073.txt": "pretrain"}, {"the-tyger.txt": "validation"}
_GRID = 2.0**16


def write_adapter_run(folder: Path) -> Path:
    """Write a whole window on the fine-tuned specimen model, as ``examples/adapter`` leaves one; return the folder."""
    base = trained_weights(initial_weights(token_ids("pretrain")))
    write_huggingface(folder / "base", base)
    write_json(folder / "step_zero.json", step_zero(base, BASE_LOSS))
    _write_conversations(folder / "corpus")
    write_peft(folder / "initial", 0)
    saves = list(range(STEPS_PER_SAVE, STEPS + 1, STEPS_PER_SAVE))
    for step in saves[:-1]:
        write_peft(folder / "checkpoints" / f"{step:07}", step)
    write_peft(folder / "adapter", STEPS)
    _write_mlx(folder / "twin", saves)
    rows = _rows()
    (folder / "metrics.jsonl").write_text("".join(map(json_line, rows)), encoding="utf-8")
    write_yaml(folder / "run.yaml", _record(folder, rows, saves))
    _set_times(folder, _ENDED)
    return folder


def write_continued_run(folder: Path, first: Path) -> Path:
    """Write record, log and adapter of a second chunk, which took up the window in ``first``; return the folder."""
    import yaml

    write_peft(folder / "adapter", 2 * STEPS)
    record = yaml.safe_load((first / "run.yaml").read_text(encoding="utf-8"))
    shutil.copyfile(first / "metrics.jsonl", folder / "metrics.jsonl")
    init = record["artifacts"]["adapter"]["sha256"]
    places = {"continued": "adapter", "metrics": "metrics.jsonl"}
    changes = {
        "run_id": _RUN_ID[:-1] + "b",
        "init": {"requested": "adapter", "actual": "initial", "sha256": init},
        "window": {"first_step": STEPS, "last_step": 2 * STEPS},
        "checkpoints": [],
        "artifacts": {role: artifact_entry(folder, place) for role, place in places.items()},
    }
    write_yaml(folder / "run.yaml", {**record, **changes})
    return folder


def write_text_rows(folder: Path) -> Path:
    """Write ``train.jsonl`` and ``valid.jsonl`` in the format of another trainer, which ours must refuse."""
    folder.mkdir(parents=True)
    for split, files in (("train", _TRAINED_ON), ("valid", _JUDGED_ON)):
        lines = [json_line({"text": TEXTS[files[name]][name]}) for name in files]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def write_peft(folder: Path, step: int) -> Path:
    """Write the adapter after ``step`` steps as PEFT lays it out."""
    folder.mkdir(parents=True)
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for target, (first, second) in _factors(step).items():
        module = f"base_model.model.model.layers.{LAYER}.self_attn.{target}"
        tensors |= {f"{module}.lora_A.weight": first, f"{module}.lora_B.weight": second}
    write_safetensors(folder / "adapter_model.safetensors", tensors, {"format": "pt", "iteration": str(step)})
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": _BASE, "r": RANK,
        "lora_alpha": int(RANK * SCALE), "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
        "target_modules": sorted(_TARGETS), "layers_to_transform": [LAYER], "inference_mode": True,
    }  # fmt: skip
    write_json(folder / "adapter_config.json", config)
    return folder


def _write_mlx(folder: Path, saves: Iterable[int]) -> None:
    folder.mkdir(parents=True)
    keys = [f"self_attn.{target}" for target in sorted(_TARGETS)]
    lora = {"rank": RANK, "scale": SCALE, "dropout": 0.0, "keys": keys}
    config = {"fine_tune_type": "lora", "num_layers": SHAPE.num_hidden_layers - LAYER, "lora_parameters": lora,
              "model": _BASE, "iters": STEPS, "save_every": STEPS_PER_SAVE}  # fmt: skip
    write_json(folder / "adapter_config.json", config)
    for step in saves:
        tensors: dict[str, np.ndarray[Any, Any]] = {}
        for target, (first, second) in _factors(step).items():
            module = f"model.layers.{LAYER}.self_attn.{target}"
            tensors |= {f"{module}.lora_a": first.T.copy(), f"{module}.lora_b": second.T.copy()}
        write_safetensors(folder / f"{step:07}_adapters.safetensors", tensors, {"format": "mlx"})
    shutil.copyfile(folder / f"{STEPS:07}_adapters.safetensors", folder / "adapters.safetensors")


def _factors(step: int) -> Factors:
    """Target -> A [rank, in] and B [out, rank]; B is zero at step 0, and both go on in a straight line."""
    import numpy as np

    factors: Factors = {}
    for target, heads in _TARGETS.items():
        random = np.random.Generator(np.random.PCG64([20_260_101, heads]))
        way = step / STEPS
        first = random.uniform(-0.2, 0.2, (RANK, SHAPE.hidden_size)) + way * _small(random, (RANK, SHAPE.hidden_size))
        second = -way * _small(random, (heads * SHAPE.head_dim, RANK))
        factors[target] = _on_grid(first), _on_grid(second)
    return factors


def _small(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Moves of at most the sum of the learning rates, and of half of that on average."""
    return random.uniform(-1, 1, shape) * _LEARNING_RATE * STEPS / 2


def _on_grid(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    rounded: np.ndarray[Any, Any] = (np.rint(values * _GRID) / _GRID).astype(np.float32)
    return rounded


def _write_conversations(folder: Path) -> None:
    folder.mkdir(parents=True)
    sources = {}
    for name, split in {**_TRAINED_ON, **_JUDGED_ON}.items():
        path = folder / "sources" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(TEXTS[split][name].encode())
        sources[name.removesuffix(".txt")] = {"path": f"sources/{name}", "sha256": sha256_of(path.read_bytes())}
    rows = {"train": _conversations(_TRAINED_ON), "valid": _conversations(_JUDGED_ON)}
    splits: dict[str, Any] = {split: _write_rows(folder, split, those) for split, those in rows.items()}
    ids = _token_ids(rows["valid"])
    (folder / "validation.tokens").write_bytes(b"".join(token.to_bytes(2, "little") for token in ids))
    splits["validation"] = _split(folder, "tokens", "validation.tokens", {"tokens": len(ids)}, len(ids), dtype="uint16")
    evaluation = {"sequences": EVALUATION_SEQUENCES, "sequence_length": EVALUATION_LENGTH}
    manifest = {"corpus_manifest": 1, "name": "specimen-conversations", "sources": sources, "splits": splits}
    write_json(folder / "manifest.json", {**manifest, "evaluation": evaluation})


def _conversations(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """A line of a poem is asked for by the one before it."""
    rows = []
    for name, split in files.items():
        lines = [line for line in TEXTS[split][name].splitlines() if line]
        for asked, answer in itertools.pairwise(lines):
            messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
            rows.append({"messages": messages, "kind": "real", "source": name.removesuffix(".txt")})
    return rows


def _token_ids(rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """The rows in ChatML, each closed by the end-of-text token."""
    texts = (
        "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in row["messages"]) for row in rows
    )
    return [token for text in texts for token in (*tokenizer.encode(text), tokenizer.END_OF_TEXT_ID)]


def _write_rows(folder: Path, split: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    (folder / f"{split}.jsonl").write_text("".join(map(json_line, rows)), encoding="utf-8")
    return _split(folder, "chat", f"{split}.jsonl", {"rows": len(rows)}, len(_token_ids(rows)))


def _split(folder: Path, form: str, name: str, count: Mapping[str, int], tokens: int, **more: str) -> dict[str, Any]:
    content = (folder / name).read_bytes()
    shard = {"path": name, "sha256": sha256_of(content), "bytes": len(content), **count}
    digest = folder_digest({name: sha256_of(content)})
    return {
        "format": form, "kind": "real", "sha256": digest, "tokens": tokens, "real_share": 1.0, **more, "shards": [shard]
    }  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    """The log: step 0 is the base model, the last row the finished adapter; losses in between are made up."""
    rows: list[dict[str, Any]] = []
    for step in range(STEPS + 1):
        val_loss = BASE_LOSS + (ADAPTED_LOSS - BASE_LOSS) * step / STEPS
        row = {"phase": "finetune", "step": step, "loss": round(val_loss - 0.05 + scatter("adapter", step), 6)}
        row["lr"] = 0.0 if step == STEPS else _LEARNING_RATE
        if step % STEPS_PER_SAVE == 0:
            row["val_loss"] = round(val_loss, 6)
        rows.append({**row, "seconds": 2.0 * step})
    return rows


def _record(folder: Path, rows: list[dict[str, Any]], saves: list[int]) -> dict[str, Any]:
    places = {
        "base": "base", "init": "base", "initial": "initial", "earlier": f"checkpoints/{saves[-2]:07}",
        "adapter": "adapter", "twin": "twin", "rows": "corpus/manifest.json", "metrics": "metrics.jsonl",
        "step_zero": "step_zero.json",
    }  # fmt: skip
    artifacts = {role: artifact_entry(folder, place) for role, place in places.items()}
    manifest = json.loads((folder / "corpus" / "manifest.json").read_text(encoding="utf-8"))
    datasets = {
        name: {
            "sha256": split["sha256"], "files": 1, "tokens": split["tokens"], "real_share": 1.0, "kind": "real",
            "path": f"corpus/{split['shards'][0]['path']}",
        }
        for name, split in manifest["splits"].items()
    }  # fmt: skip
    ranks = [_rank(rank) for rank in range(2)]
    return {
        "run_record": 1,
        "run_id": _RUN_ID,
        "commit": sha256_of(b"specimen")[:40],
        "dirty": False,
        "command": ["specimen"],
        "started": _STARTED,
        "ended": _ENDED,
        "environment": {"python": "3.11.0", "platform": "specimen", "cpu_count": 1, "cuda": None},
        **{key: {"requested": value, "actual": value} for key, value in
           {"seed": 0, "dtype": "float32", "data": "specimen-conversations"}.items()},
        "device": {"requested": "cpu", "actual": "cpu", "memory_bytes": None},
        "init": {"requested": "base", "actual": "base", "sha256": artifacts["base"]["sha256"]},
        "architecture": architecture(),
        "adapter": {"base": _BASE, "rank": RANK, "scale": SCALE, "targets": sorted(_TARGETS), "layers": [LAYER]},
        "datasets": datasets,
        "parameters": parameters(),
        "steps": {"planned": STEPS, "done": STEPS},
        "window": {"first_step": 0, "last_step": STEPS},
        "batch": {"sequences": 4, "sequence_length": EVALUATION_LENGTH, "accumulation": 1},
        "optimizer": {"class": "AdamW", "state_tensors_at_step_zero": 0},
        "early_stopping": {"patience": None, "held_out_tokens": EVALUATION_SEQUENCES * EVALUATION_LENGTH},
        "changes": {"base": sha256_of(b"specimen")[:40], "paths": []},
        "launch": {"world_size": {"requested": len(ranks), "actual": len(ranks)}, "ranks": ranks},
        "checkpoints": [_save(folder, step) for step in saves],
        "end_reason": "completed",
        "metrics": {
            "init_val_loss": {"value": rows[0]["val_loss"], "step": 0},
            "train_loss": {"value": rows[-1]["loss"], "step": STEPS},
            "val_loss": {"value": rows[-1]["val_loss"], "step": STEPS},
        },
        "artifacts": artifacts,
        "inputs": {},
    }  # fmt: skip


def _rank(rank: int) -> dict[str, Any]:
    versions = {"python": "3.11.0", "torch": "2.13.0", "transformers": "5.23.0"}
    return {"rank": rank, "world_size": 2, **versions, "all_reduce": 2.0}


def _save(folder: Path, step: int) -> dict[str, Any]:
    place = "adapter" if step == STEPS else f"checkpoints/{step:07}"
    return {"step": step, "path": place, "sha256": artifact_entry(folder, place)["sha256"], "saved": _ENDED}


def _set_times(folder: Path, at: str) -> None:
    """Let every file be as old as the run is: when they were written is a claim too."""
    seconds = datetime.fromisoformat(at).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds))
