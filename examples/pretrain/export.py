"""Export: a Hugging Face folder of a Qwen2 model becomes one GGUF file that llama.cpp loads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.tokenizer import QWEN2_SPLIT

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

_FAMILY = "qwen2"
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
        NotExportableError: the folder holds another architecture than Qwen2, or a tokenizer that splits text otherwise.
    """
    from gguf import GGUFWriter

    config, tokenizer = _read_json(folder / "config.json"), _read_json(folder / "tokenizer.json")
    _check_exportable(folder, config, tokenizer)
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(target, _FAMILY)
    try:
        _add_general(writer, name, provenance)
        _add_architecture(writer, config)
        _add_tokenizer(writer, tokenizer, config)
        for tensor_name, tensor in _tensors(folder):
            writer.add_tensor(tensor_name, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _check_exportable(folder: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> None:
    if config["model_type"] != _FAMILY:
        raise NotExportableError(f"{folder}/config.json: architecture {config['model_type']!r}; expected {_FAMILY!r}")
    splits = tokenizer["pre_tokenizer"].get("pretokenizers", [])
    if not any(split.get("pattern") == {"Regex": QWEN2_SPLIT} for split in splits):
        raise NotExportableError(f"{folder}/tokenizer.json: splits text otherwise than Qwen2; expected {QWEN2_SPLIT!r}")


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


def _add_tokenizer(writer: GGUFWriter, stored: Mapping[str, Any], config: Mapping[str, Any]) -> None:
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
    writer.add_tokenizer_pre("qwen2")
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


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    import numpy as np
    from safetensors.torch import load_file

    for weights in sorted(folder.glob("*.safetensors")):
        for name, tensor in load_file(weights).items():
            dtype = np.float16 if tensor.ndim >= 2 else np.float32
            yield gguf_name(name), tensor.float().numpy().astype(dtype)


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
