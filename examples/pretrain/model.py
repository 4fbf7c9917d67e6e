"""The model: the Qwen2 architecture in two sizes, and the recipe that trains each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

TOKENIZER_SIZE = 4_000
EVALUATION_SEQUENCES = 64  # of the validation split, at every evaluation
PROVENANCE = ("license", "data_source", "data_license")
_TORCH_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a Qwen2 model; field names are those of its ``config.json``."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    max_position_embeddings: int
    rope_theta: float
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one phase is trained: AdamW, linear warm-up, then a cosine down to a tenth of the peak learning rate.

    ``steps`` are those of the schedule. With ``stop_after`` fewer are taken, at the same learning rates: the beginning
    of the same phase, and not a shorter one.
    """

    steps: int
    peak_learning_rate: float
    warmup_steps: int = 50
    sequences_per_step: int = 8
    sequence_length: int = 128
    weight_decay: float = 0.1
    clip_gradient_norm: float = 1.0
    steps_between_evaluations: int = 50
    evaluation_sequences: int = EVALUATION_SEQUENCES
    stop_after: int | None = None

    @property
    def last_step(self) -> int:
        """The last step that is taken."""
        return self.steps if self.stop_after is None else min(self.steps, self.stop_after)


@dataclass(frozen=True, slots=True)
class Size:
    """One row of the table of sizes: an architecture and how it is trained from scratch."""

    architecture: Architecture
    pretrain: Recipe
    finetune: Recipe
    tokenizer_size: int = TOKENIZER_SIZE


SIZES = {
    # 2.6 M parameters. Seven query heads share each of two key-value heads; heads x head_dim (14 x 16) is the hidden
    # size, which llama.cpp insists on. 4,096 embedding rows leave 96 reserved slots above the tokenizer, as published
    # models have.
    "tiny": Size(
        Architecture(
            vocab_size=4_096,
            hidden_size=224,
            num_hidden_layers=4,
            num_attention_heads=14,
            num_key_value_heads=2,
            intermediate_size=448,
            max_position_embeddings=1_024,
            rope_theta=10_000.0,
        ),
        pretrain=Recipe(steps=300, peak_learning_rate=2e-3),
        finetune=Recipe(steps=500, peak_learning_rate=1e-3),
    ),
    # The shape of Qwen2.5-0.5B, 494 M parameters: for a GPU.
    "0.5b": Size(
        Architecture(
            vocab_size=151_936,
            hidden_size=896,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            intermediate_size=4_864,
            max_position_embeddings=32_768,
            rope_theta=1_000_000.0,
        ),
        pretrain=Recipe(steps=300, peak_learning_rate=6e-4),
        finetune=Recipe(steps=500, peak_learning_rate=2e-4),
    ),
}


def new_model(architecture: Architecture, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A model of this shape with random float32 weights, drawn from torch's global generator."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = asdict(architecture)
    rope = {"rope_type": "default", "rope_theta": shape.pop("rope_theta")}
    config = Qwen2Config(
        **shape,
        rope_parameters=rope,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def load_model(folder: Path) -> PreTrainedModel:
    """The checkpoint in ``folder``, in float32, every weight taken from the file.

    Raises:
        ValueError: the file lacks a weight of the model or holds one too many; transformers would fill the gap with
            random numbers and go on.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    faults = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    if faults:
        raise ValueError(f"{folder}: the checkpoint does not fit its own config.json: {faults}")
    loaded: PreTrainedModel = model
    return loaded


def save_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path, provenance: Mapping[str, str]
) -> None:
    """Save weights, config and tokenizer as a Hugging Face folder, provenance in the weights' own metadata.

    The rotary base is stated at the top level of config.json too: mlx-lm reads it there alone, and takes another in
    silence where transformers writes it under ``rope_parameters`` only.
    """
    model.config.rope_theta = model.config.rope_parameters["rope_theta"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for weights in folder.glob("*.safetensors"):
        _stamp(weights, provenance)


def stored_provenance(folder: Path) -> dict[str, str]:
    """What the weights in ``folder`` say about their own origin: license, data_source, data_license where known."""
    from safetensors import safe_open

    metadata: dict[str, str] = {}
    for weights in folder.glob("*.safetensors"):
        with safe_open(weights, framework="pt") as opened:
            metadata.update(opened.metadata() or {})
    return {key: metadata[key] for key in PROVENANCE if key in metadata}


def stored_dtype(folder: Path) -> str:
    """The one dtype ("float32", "bfloat16", ...) of the weights in ``folder``.

    Raises:
        ValueError: the weights are of several dtypes.
    """
    from safetensors import safe_open

    dtypes: set[str] = set()
    for weights in folder.glob("*.safetensors"):
        with safe_open(weights, framework="pt") as opened:
            dtypes.update(opened.get_slice(name).get_dtype() for name in opened.keys())  # noqa: SIM118 (no mapping)
    if len(dtypes) != 1:
        raise ValueError(f"{folder}: weights of dtypes {sorted(dtypes)}; expected one dtype")
    return _TORCH_NAMES[dtypes.pop()]


def _stamp(weights: Path, provenance: Mapping[str, str]) -> None:
    """Add to the metadata of a safetensors file: its header is rewritten, its tensors are copied as they are.

    The library's own writer puts metadata in random order, so that equal weights would get different digests.
    """
    stamped = weights.with_suffix(".stamped")
    with weights.open("rb") as source, stamped.open("wb") as target:
        length = int.from_bytes(source.read(8), "little")
        header = json.loads(source.read(length))
        metadata = {**header.pop("__metadata__", {}), **provenance}
        content = json.dumps({"__metadata__": dict(sorted(metadata.items())), **header}).encode()
        content += b" " * (-len(content) % 8)  # tensors begin at a multiple of eight bytes
        target.write(len(content).to_bytes(8, "little") + content)
        shutil.copyfileobj(source, target)
    stamped.replace(weights)
