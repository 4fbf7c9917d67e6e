"""``transformers`` as the oracle: its own implementation of an architecture, given the very weights we read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falsifiable import Model
from falsifiers.reference_decoder import UnfitError

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

    Raises:
        UnfitError: ``transformers`` builds no model from this configuration, or one with other tensors.
    """
    import torch

    device = decoder.weights["token_embedding"].device
    with torch.no_grad():
        found: torch.Tensor = oracle(model, decoder)(input_ids=ids.to(device), use_cache=False).logits
    return found


def cached_oracle_logits(model: Model, decoder: Decoder, ids: torch.Tensor, **told: torch.Tensor) -> torch.Tensor:
    """The same logits as ``transformers`` computes them while it generates: one token at a time, on its own cache.

    ``told`` are further arguments of every step, such as its position, which is otherwise counted by the cache.

    Raises:
        UnfitError: as :func:`oracle_logits`.
    """
    import torch

    device = decoder.weights["token_embedding"].device
    told = {name: one.to(device) for name, one in told.items()}
    network, cache, steps = oracle(model, decoder), None, []
    with torch.no_grad():
        for one in ids.to(device).split(1, dim=1):
            step = network(input_ids=one, past_key_values=cache, use_cache=True, **told)
            cache = step.past_key_values
            steps.append(step.logits)
    return torch.cat(steps, dim=1)


def oracle(model: Model, decoder: Decoder) -> Any:
    """The network that ``transformers`` builds from the configuration of ``model``, with the weights of ``decoder``.

    The model is built without memory of its own and shares the decoder's tensors. A folder is built from its own
    config.json, every key of it, so that what this project reads otherwise, or does not read at all, shows.

    Raises:
        UnfitError: ``transformers`` builds no model from this configuration, or one with other tensors.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    stored = _stored_configuration(model) if model.format == "huggingface" else {}
    tied = bool(stored.pop("tie_word_embeddings", False))
    weights = {_oracle_name(name): tensor for name, tensor in decoder.weights.items()}
    if tied or "lm_head.weight" not in weights:
        weights["lm_head.weight"] = decoder.weights["token_embedding"]
    try:
        config = AutoConfig.for_model(**{**(stored or _configuration(model, decoder)), "tie_word_embeddings": False})
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
        network.load_state_dict(weights, assign=True, strict=True)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, ImportError) as error:
        said = " ".join(str(error).split())[:200]
        raise UnfitError(f"transformers builds no model of these tensors from the configuration: {said}") from error
    device = decoder.weights["token_embedding"].device
    # The table of rotary frequencies is no weight and was left without memory.
    with device:
        network.model.rotary_emb = type(network.model.rotary_emb)(config)
    return network.eval()


def _stored_configuration(model: Model) -> dict[str, Any]:
    """config.json as stored, less what would load code or kernels of others or change the type of the weights."""
    unwanted = (
        "auto_map",
        "quantization_config",
        "attn_implementation",
        "dtype",
        "torch_dtype",
        "transformers_version",
    )
    kept = {
        key: value
        for key, value in model.metadata.items()
        if key not in unwanted and not key.startswith(("_", "generation_config."))
    }
    return {"model_type": model.architecture.family, **kept}


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
