"""Sabotages of a run folder: each changes a copy of a real run in place, as ``reference.yaml`` describes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from falsifiable import open_model
from falsifiable.samples import write_gguf
from tests.sabotage.run_folder import Fields, Sabotages, rewrite_json, rewrite_record, seal

Tensors = dict[str, np.ndarray]

EXPORT = Path("export/model.gguf")
WEIGHTS = Path("finetuned/model.safetensors")
EXPORTED_MATRIX = "blk.1.ffn_up.weight"
MATRIX = "model.layers.1.mlp.up_proj.weight"
QUERY = "model.layers.1.self_attn.q_proj.weight"

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register


# The export


def rewrite_export(
    run: Path,
    fields: Callable[[Fields], Fields] = lambda stored: stored,
    tensors: Callable[[Tensors], Tensors] = lambda stored: stored,
) -> None:
    """Write the export again with other metadata or tensors, everything else as it was."""
    model = open_model(run / EXPORT)
    metadata = {key: _plain(value) for key, value in model.metadata.items()}
    types = {"F16": np.float16, "F32": np.float32}
    values = {name: model.tensor(name).numpy().astype(types[info.dtype]) for name, info in model.tensors.items()}
    write_gguf(run / EXPORT, fields(metadata), tensors(values))


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) else list(value)


@sabotage
def architecture_is_the_class_name(run: Path) -> None:
    rewrite_export(run, lambda stored: {**stored, "general.architecture": "LlamaForCausalLM"})


@sabotage
def tokenizer_tokens_removed(run: Path) -> None:
    rewrite_export(run, lambda stored: _without(stored, "tokenizer.ggml.tokens"))


@sabotage
def embedding_length_removed(run: Path) -> None:
    rewrite_export(run, lambda stored: _without(stored, "qwen2.embedding_length"))


@sabotage
def token_list_one_longer(run: Path) -> None:
    unused = 5
    rewrite_export(
        run,
        lambda stored: {
            **stored,
            "tokenizer.ggml.tokens": [*stored["tokenizer.ggml.tokens"], "[PAD4096]"],
            "tokenizer.ggml.token_type": [*stored["tokenizer.ggml.token_type"], unused],
        },
    )


@sabotage
def export_rotary_base_changed(run: Path) -> None:
    key = "qwen2.rope.freq_base"
    rewrite_export(run, lambda stored: {**stored, key: stored[key] * 100})
    seal(run)


@sabotage
def end_of_sequence_outside(run: Path) -> None:
    rewrite_export(run, lambda stored: {**stored, "tokenizer.ggml.eos_token_id": 999_999})


@sabotage
def tensor_missing(run: Path) -> None:
    rewrite_export(run, tensors=lambda stored: _without(stored, EXPORTED_MATRIX))


@sabotage
def tensor_is_noise(run: Path) -> None:
    rewrite_export(run, tensors=lambda stored: {**stored, EXPORTED_MATRIX: _noise_like(stored[EXPORTED_MATRIX])})


@sabotage
def query_heads_permuted(run: Path) -> None:
    name = "blk.1.attn_q.weight"
    rewrite_export(run, tensors=lambda stored: {**stored, name: _heads_rolled(run, stored[name])})


@sabotage
def nan_in_a_tensor(run: Path) -> None:
    rewrite_export(run, tensors=lambda stored: {**stored, EXPORTED_MATRIX: _with_nan(stored[EXPORTED_MATRIX])})


@sabotage
def export_cut_in_half(run: Path) -> None:
    _cut_in_half(run / EXPORT)


# The checkpoint


def rewrite_weights(run: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Write the trained weights again, changed, with the metadata they had."""
    with safe_open(run / WEIGHTS, "np") as stored:
        metadata = stored.metadata()
    changed = change(load_file(run / WEIGHTS))
    save_file({name: np.ascontiguousarray(values) for name, values in changed.items()}, run / WEIGHTS, metadata)


@sabotage
def checkpoint_tensor_is_noise(run: Path) -> None:
    rewrite_weights(run, lambda stored: {**stored, MATRIX: _noise_like(stored[MATRIX])})


@sabotage
def checkpoint_query_heads_permuted(run: Path) -> None:
    rewrite_weights(run, lambda stored: {**stored, QUERY: _heads_rolled(run, stored[QUERY])})


@sabotage
def checkpoint_nan(run: Path) -> None:
    rewrite_weights(run, lambda stored: {**stored, MATRIX: _with_nan(stored[MATRIX])})


@sabotage
def checkpoint_tensor_missing(run: Path) -> None:
    rewrite_weights(run, lambda stored: _without(stored, MATRIX))


@sabotage
def checkpoint_cut_in_half(run: Path) -> None:
    _cut_in_half(run / WEIGHTS)


@sabotage
def hidden_size_off_by_one(run: Path) -> None:
    def one_more(config: Fields) -> None:
        config["hidden_size"] += 1

    rewrite_json(run / "finetuned/config.json", one_more)


@sabotage
def hidden_activation_changed(run: Path) -> None:
    rewrite_json(run / "finetuned/config.json", lambda config: config.update(hidden_act="relu"))
    seal(run)


@sabotage
def tokenizer_larger_than_vocabulary(run: Path) -> None:
    rows = open_model(run / "finetuned").embedding_rows or 0

    def grown(tokenizer: Fields) -> None:
        first = max(tokenizer["model"]["vocab"].values()) + 1
        like = tokenizer["added_tokens"][0]
        tokenizer["added_tokens"] += [{**like, "id": i, "content": f"<|extra_{i}|>"} for i in range(first, rows + 4)]

    rewrite_json(run / "finetuned/tokenizer.json", grown)


# The fine-tune itself


@sabotage
def started_from_random_weights(run: Path) -> None:
    """The trained model in another basis: the same function, so that every recorded number stays true."""
    random = np.random.default_rng(1)

    def in_another_basis(stored: Tensors) -> Tensors:
        residual = random.permutation(stored["model.embed_tokens.weight"].shape[1])
        reads = ("embed_tokens", "q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
        changed = {}
        for name, values in stored.items():
            module = name.split(".")[-2]
            if values.ndim == 2 and module in reads:
                changed[name] = values[:, residual]
            elif module in ("o_proj", "down_proj") or module.endswith("norm"):
                changed[name] = values[residual]
            else:
                changed[name] = values
        for layer in range(sum(name.endswith("mlp.up_proj.weight") for name in stored)):
            mlp = f"model.layers.{layer}.mlp."
            units = random.permutation(changed[mlp + "up_proj.weight"].shape[0])
            for module in ("up_proj", "gate_proj"):
                changed[f"{mlp}{module}.weight"] = changed[f"{mlp}{module}.weight"][units]
            changed[mlp + "down_proj.weight"] = changed[mlp + "down_proj.weight"][:, units]
        return changed

    rewrite_weights(run, in_another_basis)
    _export_again(run)
    seal(run)


@sabotage
def really_trained_from_random_weights(run: Path) -> None:
    """A second, short fine-tune that ignored ``--init``, in a record that still claims the checkpoint and 500 steps."""
    import torch

    from examples.pretrain.model import SIZES, Recipe, load_model, new_model, save_model, stored_provenance
    from examples.pretrain.train import evaluate, train

    finished = run / "finetuned"
    torch.manual_seed(1)
    tokenizer = _tokenizer(finished)
    tokens = np.fromfile(run / "corpus/validation.tokens", dtype=np.uint16)
    model = new_model(SIZES["tiny"].architecture, tokenizer)
    for _ in train(model, tokens, tokens, Recipe(steps=40, peak_learning_rate=2e-3), seed=(1,)):
        pass
    save_model(model, tokenizer, finished, stored_provenance(finished))
    val_loss = evaluate(load_model(finished), tokens)
    _rewrite_log_end(run, val_loss)
    rewrite_record(run, lambda record: record["metrics"]["val_loss"].update(value=val_loss))
    _export_again(run)
    seal(run)


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def _export_again(run: Path) -> None:
    from examples.pretrain.export import export_gguf
    from examples.pretrain.model import stored_provenance

    finished = run / "finetuned"
    export_gguf(finished, run / EXPORT, name="falsifiable-reference", provenance=stored_provenance(finished))


# The record


@sabotage
def metric_typed_into_record(run: Path) -> None:
    def half_a_nat_less(record: Fields) -> None:
        record["metrics"]["val_loss"]["value"] -= 0.5

    rewrite_record(run, half_a_nat_less)


@sabotage
def metric_typed_into_log(run: Path) -> None:
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    _rewrite_log_end(run, last["val_loss"] - 0.5)


@sabotage
def device_typed_into_record(run: Path) -> None:
    rewrite_record(run, lambda record: record.update(device={"requested": "cuda", "actual": "cuda"}))


@sabotage
def constant_loss_log(run: Path) -> None:
    """Every loss of the fine-tune is 1.5, and so is the one in the record."""
    path = run / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["loss"] = 1.5 if row["phase"] == "finetune" else row["loss"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rewrite_record(run, lambda record: record["metrics"]["train_loss"].update(value=1.5))
    seal(run)


def _rewrite_log_end(run: Path, val_loss: float) -> None:
    path = run / "metrics.jsonl"
    *rows, last = path.read_text().splitlines()
    path.write_text("\n".join([*rows, json.dumps({**json.loads(last), "val_loss": val_loss})]) + "\n")


# Small changes


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _noise_like(values: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(values.shape) * values.std(dtype=np.float64)).astype(values.dtype)


def _with_nan(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[3, 5] = np.nan
    return changed


def _heads_rolled(run: Path, values: np.ndarray) -> np.ndarray:
    heads = open_model(run / "finetuned").config.num_attention_heads or 1
    return np.roll(values, values.shape[0] // heads, axis=0).copy()


def _cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
