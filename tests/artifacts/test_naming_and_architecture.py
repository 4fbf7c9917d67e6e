"""The tables: tensor names, and names of architectures."""

from __future__ import annotations

import pytest

from falsifiable.artifacts import GGUF_ARCHITECTURES, stored_name
from falsifiable.artifacts.architecture import architecture_of_config, architecture_of_gguf
from falsifiable.artifacts.naming import Dialect, canonical_name, canonical_names

SAME = [
    ("token_embedding", "model.embed_tokens.weight", "token_embd.weight"),
    ("output", "lm_head.weight", "output.weight"),
    ("final_norm", "model.norm.weight", "output_norm.weight"),
    ("layers.3.attention_norm", "model.layers.3.input_layernorm.weight", "blk.3.attn_norm.weight"),
    ("layers.3.attention.query", "model.layers.3.self_attn.q_proj.weight", "blk.3.attn_q.weight"),
    ("layers.3.attention.key.bias", "model.layers.3.self_attn.k_proj.bias", "blk.3.attn_k.bias"),
    ("layers.3.attention.value", "model.layers.3.self_attn.v_proj.weight", "blk.3.attn_v.weight"),
    ("layers.3.attention.output", "model.layers.3.self_attn.o_proj.weight", "blk.3.attn_output.weight"),
    ("layers.3.feed_forward_norm", "model.layers.3.post_attention_layernorm.weight", "blk.3.ffn_norm.weight"),
    ("layers.10.feed_forward.gate", "model.layers.10.mlp.gate_proj.weight", "blk.10.ffn_gate.weight"),
    ("layers.10.feed_forward.up", "model.layers.10.mlp.up_proj.weight", "blk.10.ffn_up.weight"),
    ("layers.10.feed_forward.down", "model.layers.10.mlp.down_proj.weight", "blk.10.ffn_down.weight"),
]


@pytest.mark.parametrize(("canonical", "huggingface", "gguf"), SAME)
def test_one_tensor_has_one_canonical_name(canonical: str, huggingface: str, gguf: str) -> None:
    names: dict[Dialect, str] = {"huggingface": huggingface, "gguf": gguf}
    for dialect, stored in names.items():
        assert canonical_name(stored, dialect) == canonical
        assert stored_name(canonical, dialect) == stored


@pytest.mark.parametrize(
    ("stored", "canonical"),
    [
        ("embed_tokens.weight", "token_embedding"),
        ("layers.0.self_attn.q_proj.weight", "layers.0.attention.query"),
        ("bert.embeddings.word_embeddings.weight", "token_embedding"),
        ("embeddings.LayerNorm.bias", "embedding_norm.bias"),
        ("bert.encoder.layer.2.output.dense.weight", "layers.2.feed_forward.down"),
        ("encoder.layer.2.attention.output.LayerNorm.weight", "layers.2.attention_norm"),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", None),
        ("model.layers.00.input_layernorm.weight", None),
        ("model.layers.0.mlp.experts.0.up_proj.weight", None),
        ("transformer.h.0.attn.c_attn.weight", None),
        ("weight", None),
    ],
)
def test_names_without_prefix_of_encoders_and_unknown_ones(stored: str, canonical: str | None) -> None:
    assert canonical_name(stored, "huggingface") == canonical


def test_of_two_names_of_one_tensor_the_first_keeps_the_canonical_name() -> None:
    assert canonical_names(["model.norm.weight", "norm.weight"], "huggingface") == {"final_norm": "model.norm.weight"}


def test_gemma_2_calls_the_norm_after_attention_what_llama_calls_the_one_before_the_feed_forward() -> None:
    prefix = "model.layers.0."
    names = canonical_names(
        [prefix + "post_attention_layernorm.weight", prefix + "pre_feedforward_layernorm.weight"], "huggingface"
    )
    assert names["layers.0.feed_forward_norm"] == prefix + "pre_feedforward_layernorm.weight"
    assert names["layers.0.attention_post_norm"] == prefix + "post_attention_layernorm.weight"


def test_names_that_no_dialect_has() -> None:
    assert stored_name("layers.0.nonesuch", "gguf") is None
    assert stored_name("nonesuch", "huggingface") is None


@pytest.mark.parametrize(
    ("hf_class", "family", "role", "gguf"),
    [
        ("LlamaForCausalLM", "llama", "decoder", "llama"),
        ("MistralForCausalLM", "mistral", "decoder", "llama"),
        ("Qwen2ForCausalLM", "qwen2", "decoder", "qwen2"),
        ("Qwen2Model", "qwen2", "decoder", "qwen2"),
        ("Qwen2ForSequenceClassification", "qwen2", "decoder", "qwen2"),
        ("Qwen3MoeForCausalLM", "qwen3_moe", "decoder", "qwen3moe"),
        ("Phi3ForCausalLM", "phi3", "decoder", "phi3"),
        ("GPT2LMHeadModel", "gpt2", "decoder", "gpt2"),
        ("BertForMaskedLM", "bert", "encoder", "bert"),
        ("BertModel", "bert", "encoder", "bert"),
        ("XLMRobertaModel", "xlm-roberta", "encoder", "bert"),
        ("T5ForConditionalGeneration", "t5", "encoder-decoder", "t5"),
        ("NonesuchForCausalLM", None, "decoder", None),
        ("Nonesuch", None, None, None),
    ],
)
def test_family_of_a_class(hf_class: str, family: str | None, role: str | None, gguf: str | None) -> None:
    found = architecture_of_config(hf_class, None)
    assert (found.stored, found.family, found.role, found.gguf) == (hf_class, family, role, gguf)


def test_without_a_class_the_model_type_decides_and_nothing_is_made_up() -> None:
    assert architecture_of_config(None, "qwen2").family == "qwen2"
    assert architecture_of_config(None, "qwen2").stored is None
    assert architecture_of_config(None, "nonesuch").family is None
    assert architecture_of_config(7, ["qwen2"]).family is None


@pytest.mark.parametrize(
    ("stored", "family", "role"),
    [
        ("llama", "llama", "decoder"),
        ("qwen2moe", "qwen2_moe", "decoder"),
        ("bert", "bert", "encoder"),
        ("gemma-embedding", "gemma-embedding", "encoder"),
        ("smallthinker", "smallthinker", "decoder"),
        ("clip", "clip", None),
        ("LlamaForCausalLM", "llama", "decoder"),
        ("nonesuch", None, None),
        ("", None, None),
    ],
)
def test_family_of_a_gguf_file(stored: str, family: str | None, role: str | None) -> None:
    found = architecture_of_gguf(stored)
    assert (found.stored, found.family, found.role) == (stored, family, role)


def test_the_list_of_architectures_is_that_of_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants")
    assert set(constants.MODEL_ARCH_NAMES.values()) >= GGUF_ARCHITECTURES
