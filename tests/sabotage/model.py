"""Sabotages of what the model of a run is: its tensors, its family, its tokenizer, its folder, its device."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from tests.sabotage.reference import Tensors, rewrite_weights
from tests.sabotage.run_folder import Fields, Sabotages, rewrite_json, rewrite_record, seal

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register

NORM = "model.layers.1.post_attention_layernorm.weight"
EMBEDDING = "model.embed_tokens.weight"


# Tensors


@sabotage
def one_norm_left_at_one(run: Path) -> None:
    rewrite_weights(run, lambda stored: {**stored, NORM: np.ones_like(stored[NORM])})


@sabotage
def embedding_rows_drawn_anew(run: Path) -> None:
    def grown(stored: Tensors) -> Tensors:
        changed = stored[EMBEDDING].copy()
        changed[-512:] = np.random.default_rng(0).standard_normal(changed[-512:].shape) * changed.std()
        return {**stored, EMBEDDING: changed}

    rewrite_weights(run, grown)


@sabotage
def copy_of_the_checkpoint(run: Path) -> None:
    """What training began with, as its result, with the loss that it really has."""
    shutil.copy(run / "pretrained/model.safetensors", run / "finetuned/model.safetensors")
    seal(run)


# Family and positions


def _called_llama(config: Fields) -> None:
    config.update(architectures=["LlamaForCausalLM"], model_type="llama")


@sabotage
def family_renamed_to_llama(run: Path) -> None:
    rewrite_json(run / "finetuned/config.json", _called_llama)
    seal(run)


@sabotage
def init_family_renamed_to_llama(run: Path) -> None:
    rewrite_json(run / "pretrained/config.json", _called_llama)
    seal(run)


@sabotage
def checkpoint_rotary_base_changed(run: Path) -> None:
    def changed(config: Fields) -> None:
        config["rope_theta"] = config["rope_parameters"]["rope_theta"] = 1e6

    rewrite_json(run / "finetuned/config.json", changed)
    seal(run)


@sabotage
def rotary_base_stated_twice(run: Path) -> None:
    """As older and newer clients look for it, with two values: each reads its own, and all of them load the model."""
    rewrite_json(run / "finetuned/config.json", lambda config: config["rope_parameters"].update(rope_theta=1e6))
    seal(run)


# Tokenizer


@sabotage
def merges_shuffled(run: Path) -> None:
    def shuffled(tokenizer: Fields) -> None:
        np.random.default_rng(0).shuffle(tokenizer["model"]["merges"])

    rewrite_json(run / "finetuned/tokenizer.json", shuffled)


@sabotage
def text_lower_cased(run: Path) -> None:
    rewrite_json(run / "finetuned/tokenizer.json", lambda tokenizer: tokenizer.update(normalizer={"type": "Lowercase"}))


@sabotage
def padding_is_the_end(run: Path) -> None:
    path = run / "finetuned/tokenizer_config.json"
    rewrite_json(path, lambda config: config.update(pad_token=config["eos_token"]))
    for name in ("config.json", "generation_config.json"):
        rewrite_json(run / "finetuned" / name, lambda config: config.update(pad_token_id=config["eos_token_id"]))
    seal(run)


@sabotage
def chat_template_broken(run: Path) -> None:
    template = "{% for message in messages %}<|im_start|>{{ message['text'] }}<|im_end|>{% endfor %}"
    (run / "finetuned/chat_template.jinja").write_text(template)


# What lies in the folder


@sabotage
def pickle_beside_the_weights(run: Path) -> None:
    (run / "finetuned/optimizer.bin").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")


@sabotage
def code_beside_the_weights(run: Path) -> None:
    (run / "finetuned/modeling_own.py").write_text("import os\n")


@sabotage
def code_named_in_the_configuration(run: Path) -> None:
    auto_map = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    rewrite_json(run / "finetuned/config.json", lambda config: config.update(auto_map=auto_map))
    seal(run)


# The record


@sabotage
def moments_of_another_run(run: Path) -> None:
    tensors = len(json.loads((run / "step_zero.json").read_text())["tensors"])
    state = {"class": "AdamW", "state_tensors_at_step_zero": 2 * tensors}
    rewrite_record(run, lambda record: record.update(optimizer=state))


@sabotage
def gpu_with_nothing_in_its_memory(run: Path) -> None:
    """``--device cuda``, the CPU at work, and the GPU at 0 MiB."""

    def on_gpu(record: Fields) -> None:
        record["device"] = {"requested": "cuda", "actual": "cuda", "memory_bytes": 0}
        record["environment"]["cuda"] = "NVIDIA"

    rewrite_record(run, on_gpu)


@sabotage
def gpu_asked_for_and_cpu_used(run: Path) -> None:
    device = {"requested": "cuda", "actual": "cpu", "memory_bytes": None}
    rewrite_record(run, lambda record: record.update(device=device))
