"""Export: a Hugging Face folder of a Qwen2 or Llama model becomes one GGUF file that llama.cpp loads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.tokenizer import QWEN2_SPLIT

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

# llama.cpp rotates neighbouring pairs of a head where Hugging Face rotates its two halves, except for Qwen2.
_REORDERED = {"qwen2": False, "llama": True}
_TENSOR_NAMES = {
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


class NotExportableError(ValueError):
    """The model is sound but cannot be written as GGUF by this module."""


def export_gguf(folder: Path, target: Path, *, name: str, provenance: Mapping[str, str]) -> None:
    """Write the model in ``folder`` to ``target`` as GGUF F16: matrices in float16, norms and biases in float32.

    The tokenizer goes into the file, its token list padded to the rows of the embedding.

    Raises:
        NotExportableError: the folder holds another architecture, or a tokenizer that splits text in a way that this
            module has no GGUF name for.
    """
    from gguf import GGUFWriter

    config, tokenizer = _read_json(folder / "config.json"), _read_json(folder / "tokenizer.json")
    if config["model_type"] not in _REORDERED:
        found = f"{folder}/config.json: architecture {config['model_type']!r}"
        raise NotExportableError(f"{found}; expected one of {', '.join(_REORDERED)}")
    pre_tokenizer = _pre_tokenizer(folder, tokenizer)
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(target, config["model_type"])
    try:
        _add_general(writer, name, provenance)
        _add_architecture(writer, config)
        _add_tokenizer(writer, tokenizer, config, pre_tokenizer)
        for tensor_name, tensor in _tensors(folder, config):
            writer.add_tensor(tensor_name, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _pre_tokenizer(folder: Path, tokenizer: Mapping[str, Any]) -> str:
    """llama.cpp's name for how the tokenizer splits text before it merges."""
    pre = tokenizer["pre_tokenizer"]
    if any(split.get("pattern") == {"Regex": QWEN2_SPLIT} for split in pre.get("pretokenizers", [])):
        return "qwen2"
    if pre["type"] == "ByteLevel" and pre.get("use_regex"):
        return "gpt-2"
    raise NotExportableError(f"{folder}/tokenizer.json: splits text otherwise than Qwen2 ({QWEN2_SPLIT!r}) or GPT-2")


def _add_general(writer: GGUFWriter, name: str, provenance: Mapping[str, str]) -> None:
    from gguf import GGML_QUANT_VERSION, LlamaFileType

    writer.add_name(name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for key, value in provenance.items():
        writer.add_string(f"general.{key}", value)


def _add_architecture(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(
    writer: GGUFWriter, stored: Mapping[str, Any], config: Mapping[str, Any], pre_tokenizer: str
) -> None:
    from gguf import TokenType

    # Every row of the embedding needs a token, or llama.cpp refuses the file: reserved slots are padding nobody emits.
    rows = config["vocab_size"]
    tokens = [f"[PAD{row}]" for row in range(rows)]
    types = [TokenType.UNUSED] * rows
    for token, row in stored["model"]["vocab"].items():
        tokens[row], types[row] = token, TokenType.NORMAL
    for added in stored["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    merges = stored["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in merges])
    writer.add_add_bos_token(False)
    for key, add in (
        ("bos_token_id", writer.add_bos_token_id),
        ("eos_token_id", writer.add_eos_token_id),
        ("pad_token_id", writer.add_pad_token_id),
    ):
        if config.get(key) is not None:
            add(config[key])


def _tensors(folder: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    import numpy as np
    from safetensors import safe_open

    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    reordered = _REORDERED[config["model_type"]]
    for weights in sorted(folder.glob("*.safetensors")):
        with safe_open(weights, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - it is no mapping
                values = stored.get_tensor(name).float().numpy()
                part = name.split(".")[-2]
                if reordered and part in heads:
                    values = _neighbouring_pairs(values, heads[part])
                yield gguf_name(name), values.astype(np.float16 if values.ndim >= 2 else np.float32)


def _neighbouring_pairs(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Rows of q or k, of which each head holds two halves, so that what was apart by half a head stands together."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def gguf_name(name: str) -> str:
    """The GGUF name of a tensor of a Hugging Face checkpoint.

    >>> gguf_name("model.layers.3.self_attn.q_proj.bias")
    'blk.3.attn_q.bias'
    """
    stem, _, suffix = name.rpartition(".")
    if stem.startswith("model.layers."):
        layer, _, part = stem.removeprefix("model.layers.").partition(".")
        return f"blk.{layer}.{_TENSOR_NAMES[part]}.{suffix}"
    return f"{_TENSOR_NAMES[stem]}.{suffix}"


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
