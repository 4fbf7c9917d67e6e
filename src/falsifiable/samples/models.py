"""The specimen model in each format: a Hugging Face folder, a GGUF file, and an encoder that is no language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.samples import tokenizer
from falsifiable.samples.formats import write_gguf, write_safetensors
from falsifiable.samples.weights import SHAPE

if TYPE_CHECKING:
    import numpy as np

    Weights = dict[str, np.ndarray[Any, Any]]

_PROVENANCE = {
    "license": "Apache-2.0",
    "data_source": "Poems by Shakespeare, Carroll and Blake",
    "data_license": "CC0-1.0",
}
_GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_GGUF_MOSTLY_F16 = 1  # general.file_type
_GGUF_QUANTIZATION_VERSION = 2
_NORMAL_TOKEN, _CONTROL_TOKEN, _UNUSED_TOKEN = 1, 3, 5  # tokenizer.ggml.token_type


def write_huggingface(folder: Path, weights: Weights) -> Path:
    """Write a folder that ``transformers`` loads: config, generation config, weights in float32, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config_json())
    write_json(folder / "generation_config.json", _special_ids())
    write_safetensors(folder / "model.safetensors", weights, {"format": "pt", **_PROVENANCE})
    write_json(folder / "tokenizer.json", tokenizer.tokenizer_json())
    write_json(folder / "tokenizer_config.json", tokenizer.tokenizer_config_json())
    return folder


def config_json() -> dict[str, Any]:
    """The content of ``config.json``."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "dtype": "float32",
        "head_dim": SHAPE.head_dim,
        "hidden_act": "silu",
        "hidden_size": SHAPE.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": SHAPE.intermediate_size,
        "max_position_embeddings": SHAPE.max_position_embeddings,
        "model_type": "qwen2",
        "num_attention_heads": SHAPE.num_attention_heads,
        "num_hidden_layers": SHAPE.num_hidden_layers,
        "num_key_value_heads": SHAPE.num_key_value_heads,
        "rms_norm_eps": SHAPE.rms_norm_eps,
        "rope_parameters": {"rope_theta": SHAPE.rope_theta, "rope_type": "default"},
        "rope_theta": SHAPE.rope_theta,  # mlx-lm reads it here alone
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": SHAPE.vocab_size,
        **_special_ids(),
    }


def write_export(path: Path, weights: Weights) -> Path:
    """Write the GGUF that llama.cpp would load: matrices in float16, vectors in float32, tokenizer embedded."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {**_general_fields(), **_architecture_fields(), **_tokenizer_fields()}
    tensors = {
        gguf_name(name): tensor.astype(np.float16 if tensor.ndim > 1 else np.float32)
        for name, tensor in weights.items()
    }
    return write_gguf(path, fields, tensors)


def gguf_name(name: str) -> str:
    """The GGUF name of a tensor of the specimen: ``blk.0.attn_q.bias`` for ``model.layers.0.self_attn.q_proj.bias``."""
    stem, _, suffix = name.rpartition(".")
    if not stem.startswith("model.layers."):
        return f"{_GGUF_NAMES[stem]}.{suffix}"
    layer, _, part = stem.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{_GGUF_NAMES[part]}.{suffix}"


def _general_fields() -> dict[str, object]:
    return {
        "general.architecture": "qwen2",
        "general.name": "falsifiable specimen",
        "general.file_type": _GGUF_MOSTLY_F16,
        "general.quantization_version": _GGUF_QUANTIZATION_VERSION,
        **{f"general.{key}": value for key, value in _PROVENANCE.items()},
    }


def _architecture_fields() -> dict[str, object]:
    return {
        "qwen2.context_length": SHAPE.max_position_embeddings,
        "qwen2.embedding_length": SHAPE.hidden_size,
        "qwen2.block_count": SHAPE.num_hidden_layers,
        "qwen2.feed_forward_length": SHAPE.intermediate_size,
        "qwen2.attention.head_count": SHAPE.num_attention_heads,
        "qwen2.attention.head_count_kv": SHAPE.num_key_value_heads,
        "qwen2.attention.layer_norm_rms_epsilon": SHAPE.rms_norm_eps,
        "qwen2.rope.dimension_count": SHAPE.head_dim,
        "qwen2.rope.freq_base": SHAPE.rope_theta,
        "qwen2.vocab_size": SHAPE.vocab_size,
    }


def _tokenizer_fields() -> dict[str, object]:
    known, special = len(tokenizer.vocabulary()), len(tokenizer.SPECIAL_TOKENS)
    types = [_CONTROL_TOKEN] * special + [_NORMAL_TOKEN] * (known - special)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokenizer.tokens_padded_to(SHAPE.vocab_size),
        "tokenizer.ggml.token_type": types + [_UNUSED_TOKEN] * (SHAPE.vocab_size - known),
        "tokenizer.ggml.merges": list(tokenizer.MERGES),
        "tokenizer.ggml.bos_token_id": tokenizer.END_OF_TEXT_ID,
        "tokenizer.ggml.eos_token_id": tokenizer.END_OF_TEXT_ID,
        "tokenizer.ggml.padding_token_id": tokenizer.PADDING_ID,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": tokenizer.CHAT_TEMPLATE,
    }


def write_encoder(folder: Path) -> Path:
    """Write the folder of a one-layer BERT encoder of width 8: a real model that is no decoder."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    hidden, inner, rows, positions = 8, 16, 320, 32
    layer = "encoder.layer.0."
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (rows, hidden),
        "embeddings.position_embeddings.weight": (positions, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        **_linear("pooler.dense", hidden, hidden),
        **{name: shape for part in ("query", "key", "value") for name, shape in
           _linear(f"{layer}attention.self.{part}", hidden, hidden).items()},
        **_linear(f"{layer}attention.output.dense", hidden, hidden),
        **_linear(f"{layer}intermediate.dense", inner, hidden),
        **_linear(f"{layer}output.dense", hidden, inner),
    }  # fmt: skip
    for norm in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        shapes |= {f"{norm}.weight": (hidden,), f"{norm}.bias": (hidden,)}
    random = np.random.Generator(np.random.PCG64(0))
    weights = {name: random.integers(-64, 64, shape).astype(np.float32) / 256 for name, shape in sorted(shapes.items())}
    write_json(folder / "config.json", _encoder_config(hidden, inner, rows, positions))
    write_safetensors(folder / "model.safetensors", weights, {"format": "pt", **_PROVENANCE})
    write_json(folder / "tokenizer.json", tokenizer.tokenizer_json())
    return folder


def _linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _encoder_config(hidden: int, inner: int, rows: int, positions: int) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": positions,
        "model_type": "bert",
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "type_vocab_size": 2,
        "vocab_size": rows,
    }


def _special_ids() -> dict[str, Any]:
    return {
        "bos_token_id": tokenizer.END_OF_TEXT_ID,
        "eos_token_id": tokenizer.END_OF_TEXT_ID,
        "pad_token_id": tokenizer.PADDING_ID,
    }


def write_json(path: Path, content: object) -> Path:
    """Write ``content`` as indented JSON with a final newline."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path
