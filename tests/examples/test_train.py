"""The learning-rate schedule, the shuffled windows and the names of exported tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.pretrain.export import gguf_name
from examples.pretrain.manifest import shuffled_windows
from examples.pretrain.model import SIZES, Recipe
from examples.pretrain.train import learning_rate_at


def test_the_learning_rate_warms_up_and_then_falls_to_a_tenth() -> None:
    recipe = Recipe(steps=100, peak_learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate_at(step, recipe) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10:100] == sorted(rates[10:100], reverse=True)
    assert rates[99] == pytest.approx(0.1, abs=1e-3)
    assert rates[100] == 0.0


@given(steps=st.integers(0, 50), warmup=st.integers(0, 60))
def test_the_learning_rate_never_leaves_its_bounds(steps: int, warmup: int) -> None:
    recipe = Recipe(steps=steps, peak_learning_rate=3e-3, warmup_steps=warmup)
    rates = [learning_rate_at(step, recipe) for step in range(steps + 2)]
    assert all(0 <= rate <= 3e-3 * (1 + 1e-12) for rate in rates)


@given(st.integers(1, 2_000), st.integers(1, 64))
def test_shuffling_keeps_every_whole_window(count: int, length: int) -> None:
    tokens = np.arange(count, dtype=np.uint16)
    shuffled = shuffled_windows(tokens, length)
    assert shuffled.dtype == tokens.dtype
    assert sorted(shuffled) == list(range(count // length * length))
    starts = shuffled[::length]
    assert all(start % length == 0 for start in starts)
    np.testing.assert_array_equal(np.diff(shuffled.reshape(-1, length), axis=1), 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.layers.11.self_attn.k_proj.bias", "blk.11.attn_k.bias"),
        ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"),
    ],
)
def test_tensors_are_exported_under_the_names_llama_cpp_knows(name: str, expected: str) -> None:
    assert gguf_name(name) == expected


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_are_ones_that_llama_cpp_loads(name: str) -> None:
    shape = SIZES[name].architecture
    assert shape.hidden_size % shape.num_attention_heads == 0
    assert shape.num_attention_heads == 7 * shape.num_key_value_heads
    assert SIZES[name].tokenizer_size <= shape.vocab_size


def test_the_large_size_is_the_shape_of_qwen2_5_0_5b() -> None:
    shape = SIZES["0.5b"].architecture
    assert (shape.hidden_size, shape.num_hidden_layers, shape.intermediate_size) == (896, 24, 4_864)
    assert (shape.num_attention_heads, shape.num_key_value_heads, shape.vocab_size) == (14, 2, 151_936)
    assert (shape.max_position_embeddings, shape.rope_theta, shape.rms_norm_eps) == (32_768, 1e6, 1e-6)
    assert shape.tie_word_embeddings
