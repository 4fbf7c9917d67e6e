"""``transformers`` as the oracle: its own implementation of an architecture, given the very weights we read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falsifiable import Model

if TYPE_CHECKING:
    import torch

    from falsifiers.reference_decoder import Decoder

# Canonical name -> what transformers calls it in Llama, Mistral and Qwen2.
_WHOLE = {"token_embedding": "model.embed_tokens", "final_norm": "model.norm", "output": "lm_head"}
_PART = {
    "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj", "feed_forward.gate": "mlp.gate_proj", "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj", "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
}  # fmt: skip


def oracle_logits(model: Model, decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
    """Logits [batch, length, vocabulary] that ``transformers`` computes, in float32, from the weights of ``decoder``.

    The model is built without memory of its own and shares the decoder's tensors.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**_configuration(model, decoder))
    with torch.device("meta"):
        oracle = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    weights = {_oracle_name(name): tensor for name, tensor in decoder.weights.items()}
    weights.setdefault("lm_head.weight", decoder.weights["token_embedding"])
    oracle.load_state_dict(weights, assign=True, strict=True)
    device = decoder.weights["token_embedding"].device
    # The table of rotary frequencies is no weight and was left without memory.
    with device:
        oracle.model.rotary_emb = type(oracle.model.rotary_emb)(config)
    with torch.no_grad():
        found: torch.Tensor = oracle.eval()(input_ids=ids.to(device)).logits
    return found


def _configuration(model: Model, decoder: Decoder) -> dict[str, Any]:
    rows, hidden = decoder.weights["token_embedding"].shape
    return {
        "model_type": model.architecture.family,
        "vocab_size": rows,
        "hidden_size": hidden,
        "intermediate_size": decoder.weights["layers.0.feed_forward.gate"].shape[0],
        "num_hidden_layers": decoder.layers,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.key_value_heads,
        "head_dim": decoder.head_dim,
        "rms_norm_eps": decoder.rms_norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": decoder.rope_theta},
        "max_position_embeddings": model.config.max_position_embeddings or 2048,
        "attention_bias": bool(model.config.attention_bias),
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "sliding_window": None,
    }


def _oracle_name(canonical: str) -> str:
    stem, kind = (canonical.removesuffix(".bias"), "bias") if canonical.endswith(".bias") else (canonical, "weight")
    if stem in _WHOLE:
        return f"{_WHOLE[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"model.layers.{layer}.{_PART[part]}.{kind}"
