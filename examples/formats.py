"""``python -m examples.formats SOURCE OUTPUT``: one model saved in five formats, and proof that they say the same.

SOURCE is a Hugging Face folder of a Qwen2 or Llama model. Below OUTPUT appear ``folder`` (safetensors in one file),
``sharded`` (in four), ``model.gguf`` (matrices in float16), ``model.apr`` and ``model.pt`` (a PyTorch checkpoint that
holds the configuration beside the weights). The command then opens all five and compares what they hold with the
source. It ends 0 when nothing differs but the element type, 1 when something does.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.export import export_gguf
from falsifiable import Model, open_model

if TYPE_CHECKING:
    import torch

_SHARDS = 4
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
# How far a statistic may move when every value is rounded to a type with fewer bits: half a unit in its last place.
_ROUNDING = {"F32": 2.0**-24, "F16": 2.0**-11, "BF16": 2.0**-8}


def save_in_five_formats(source: Path, output: Path) -> dict[str, Path]:
    """Write the model in ``source`` below ``output``; format -> path.

    The element type stays that of the source, except in the GGUF file.
    """
    from transformers import AutoModelForCausalLM

    output.mkdir(parents=True, exist_ok=True)
    places = {
        "folder": output / "folder",
        "sharded": output / "sharded",
        "gguf": output / "model.gguf",
        "apr": output / "model.apr",
        "pytorch": output / "model.pt",
    }
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())
    model.save_pretrained(places["folder"], max_shard_size=2 * size)
    model.save_pretrained(places["sharded"], max_shard_size=max(size // (_SHARDS - 1), 1))
    for name in _TOKENIZER_FILES:
        for folder in (places["folder"], places["sharded"]):
            if (source / name).exists():
                shutil.copy(source / name, folder / name)
    _save_pytorch(places["pytorch"], model)
    _save_apr(places["apr"], places["folder"])
    export_gguf(places["folder"], places["gguf"], name=source.name, provenance={})
    return places


def _save_pytorch(path: Path, model: torch.nn.Module) -> None:
    import torch

    config: Any = model.config
    torch.save({"model": model.state_dict(), "config": config.to_dict()}, path)


def _save_apr(path: Path, folder: Path) -> None:
    import torch
    from safetensors import safe_open

    from falsifiable.samples.apr_writer import StoredTensor, write_apr

    types = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}

    def stored(tensor: torch.Tensor) -> StoredTensor:
        content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return StoredTensor(types[tensor.dtype], tuple(tensor.shape), content)

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        tensors = {name: stored(weights.get_tensor(name)) for name in weights.keys()}  # noqa: SIM118 - no mapping
    write_apr(path, _apr_metadata(config, tokenizer), tensors)


def _apr_metadata(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> dict[str, object]:
    tokens = {row: token for token, row in tokenizer["model"]["vocab"].items()}
    tokens |= {one["id"]: one["content"] for one in tokenizer["added_tokens"]}
    merges = tokenizer["model"]["merges"]
    biased = {"attention_bias": config["attention_bias"]} if "attention_bias" in config else {}
    return {
        **biased,
        "model_type": config["model_type"],
        "architecture": config["model_type"],
        "hf_architecture": config["architectures"][0],
        "hidden_size": config["hidden_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "num_kv_heads": config["num_key_value_heads"],
        "head_dim": config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"],
        "vocab_size": config["vocab_size"],
        "intermediate_size": config["intermediate_size"],
        "max_position_embeddings": config["max_position_embeddings"],
        "rope_theta": config["rope_parameters"]["rope_theta"],
        "rms_norm_eps": config["rms_norm_eps"],
        "tie_word_embeddings": config["tie_word_embeddings"],
        "tokenizer.vocabulary": [tokens.get(row, f"[PAD{row}]") for row in range(config["vocab_size"])],
        "tokenizer.merges": [pair if isinstance(pair, str) else " ".join(pair) for pair in merges],
        "tokenizer.bos_token_id": config["bos_token_id"],
        "tokenizer.eos_token_id": config["eos_token_id"],
    }


def differences(model: Model, source: Model) -> Iterator[str]:
    """Everything in which ``model`` is another model than ``source``: tensors, configuration, fingerprints."""
    if model.canonical_names.keys() != source.canonical_names.keys():
        yield f"canonical tensors {sorted(model.canonical_names.keys() ^ source.canonical_names.keys())} in one only"
        return
    if model.architecture.family != source.architecture.family:
        yield f"family {model.architecture.family}, {source.architecture.family} in the source"
    for name in model.config.sources:
        here, there = getattr(model.config, name), getattr(source.config, name)
        if there is not None and not math.isclose(here, there, rel_tol=_ROUNDING["F32"]):
            yield f"{name} is {here}, {there} in the source"
    for name in source.canonical_names:
        yield from _tensor_differences(name, model, source)


def _tensor_differences(name: str, model: Model, source: Model) -> Iterator[str]:
    here, there = model.tensor(name), source.tensor(name)
    if here.shape != there.shape:
        yield f"{name} has shape {here.shape}, {there.shape} in the source"
        return
    ours, theirs = model.fingerprints[here.name], source.fingerprints[there.name]
    if here.dtype == there.dtype and model.format != "gguf" and ours.blake3 != theirs.blake3:
        yield f"{name} holds other bytes"
    tolerance = 2 * _ROUNDING[here.dtype] if here.dtype != there.dtype else 1e-12
    for statistic in ("minimum", "maximum", "mean", "std"):
        ours_now, theirs_now = getattr(ours, statistic), getattr(theirs, statistic)
        largest = max(abs(theirs.minimum), abs(theirs.maximum))
        if not math.isclose(ours_now, theirs_now, rel_tol=tolerance, abs_tol=tolerance * largest):
            yield f"{name} has {statistic} {ours_now}, {theirs_now} in the source"
    if (ours.finite, ours.constant) != (theirs.finite, theirs.constant):
        yield f"{name}: finite {ours.finite}, constant {ours.constant}"


def main(arguments: list[str]) -> int:
    """Save, compare, and say what differs."""
    parser = argparse.ArgumentParser(prog="examples.formats", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    asked = parser.parse_args(arguments)
    places = save_in_five_formats(asked.source, asked.output)
    source = open_model(asked.source)
    different = 0
    for form, path in places.items():
        model = open_model(path)
        found = list(differences(model, source))
        different += bool(found)
        shown = "; ".join(found[:3]) or "the same model"
        print(f"{form:<8} {len(model.tensors):>4} tensors {model.parameters:>12,} parameters  {shown}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
