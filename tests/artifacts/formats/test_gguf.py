"""Reading GGUF files that the gguf package wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable.artifacts import ArtifactError, open_model
from falsifiable.artifacts.tensors import permuted, unpermuted

gguf = pytest.importorskip("gguf")

HIDDEN, HEADS, KEY_VALUE_HEADS, ROWS = 64, 4, 2, 40
TOKENS = [f"token {index}" for index in range(ROWS - 1)] + ["é"]


def write(path: Path, architecture: str = "llama", **tensors: tuple[Any, Any]) -> Path:
    """A small model; ``tensors`` maps a name (dots as double underscores) to values and quantisation type."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e6)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * ROWS)
    writer.add_token_scores([0.5] * ROWS)
    writer.add_bool("general.flag", True)
    writer.add_array("general.flags", [True, False])
    for name, (values, kind) in tensors.items():
        data = gguf.quants.quantize(values, kind)
        writer.add_tensor(name.replace("__", "."), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def normal(*shape: int) -> Any:
    return numpy.random.default_rng(sum(shape)).normal(size=shape).astype(numpy.float32)


def test_config_comes_from_the_keys_of_the_architecture(tmp_path: Path) -> None:
    model = open_model(write(tmp_path / "model.gguf", "qwen2", token_embd__weight=(normal(ROWS, HIDDEN), 0)))
    assert model.format == "gguf"
    assert model.architecture.family == "qwen2"
    assert model.architecture.hf_class == "Qwen2ForCausalLM"
    assert model.architecture.role == "decoder"
    config = model.config
    assert (config.hidden_size, config.num_hidden_layers, config.intermediate_size) == (HIDDEN, 1, 96)
    assert (config.num_attention_heads, config.num_key_value_heads) == (HEADS, KEY_VALUE_HEADS)
    assert (config.max_position_embeddings, config.rope_theta) == (128, 1e6)
    assert config.rms_norm_eps == pytest.approx(1e-5)
    assert config.sources["hidden_size"] == "qwen2.embedding_length"
    # stated by no key, so not known
    assert (config.vocab_size, config.head_dim, config.tie_word_embeddings) == (None, None, None)
    assert config.derived_head_dim() == HIDDEN // HEADS


def test_metadata_is_as_stored(tmp_path: Path) -> None:
    metadata = open_model(write(tmp_path / "model.gguf")).metadata
    assert metadata["general.architecture"] == "llama"
    assert metadata["general.flag"] is True
    assert metadata["general.flags"] == [True, False]
    tokens: Any = metadata["tokenizer.ggml.tokens"]
    assert tokens == TOKENS
    assert tokens.element_type == "STRING"
    assert (len(tokens), tokens[-1], tokens[1:3]) == (ROWS, "é", ["token 1", "token 2"])
    scores: Any = metadata["tokenizer.ggml.scores"]
    assert (scores.element_type, scores[0]) == ("FLOAT32", 0.5)
    assert tokens != TOKENS[:-1]
    assert tokens != "text"
    assert repr(tokens) == "<40 STRING: 'token 0', 'token 1', 'token 2', ...>"
    with pytest.raises(IndexError, match="index 40 of an array of 40 items"):
        tokens[ROWS]


def test_shapes_are_row_major_and_tensors_lie_where_the_package_says(tmp_path: Path) -> None:
    path = write(
        tmp_path / "model.gguf",
        token_embd__weight=(normal(ROWS, HIDDEN), 0),
        blk__0__ffn_up__weight=(normal(96, HIDDEN), gguf.GGMLQuantizationType.Q8_0),
        blk__0__attn_norm__weight=(normal(HIDDEN), 0),
    )
    model = open_model(path)
    assert model.tensors["token_embd.weight"].shape == (ROWS, HIDDEN)
    assert model.embedding_rows == ROWS
    assert model.parameters == ROWS * HIDDEN + 96 * HIDDEN + HIDDEN
    for theirs in gguf.GGUFReader(path).tensors:
        mine = model.tensors[theirs.name]
        assert mine.dtype == theirs.tensor_type.name
        assert (mine.offset, mine.nbytes) == (theirs.data_offset, theirs.n_bytes)
        assert mine.shape == tuple(reversed(theirs.shape.tolist()))


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_values_are_those_of_the_gguf_package(kind: str, tmp_path: Path) -> None:
    number = gguf.GGMLQuantizationType[kind]
    path = write(tmp_path / "model.gguf", blk__0__ffn_up__weight=(normal(48, HIDDEN), number))
    tensor = open_model(path).tensor("layers.0.feed_forward.up")
    theirs = gguf.GGUFReader(path).tensors[0]
    expected = gguf.quants.dequantize(theirs.data, number)
    assert tensor.dtype == kind
    assert tensor.numpy().dtype == numpy.float32
    numpy.testing.assert_array_equal(tensor.numpy(), expected)


def test_query_and_key_of_llama_come_back_in_hugging_face_order(tmp_path: Path) -> None:
    query, key, bias = normal(HIDDEN, HIDDEN), normal(HIDDEN // 2, HIDDEN), normal(HIDDEN)
    stored = {
        "blk__0__attn_q__weight": (permuted(query, HEADS), 0),
        "blk__0__attn_k__weight": (permuted(key, KEY_VALUE_HEADS), 0),
        "blk__0__attn_q__bias": (permuted(bias, HEADS), 0),
        "blk__0__attn_v__weight": (key, 0),
    }
    llama = open_model(write(tmp_path / "llama.gguf", "llama", **stored))
    numpy.testing.assert_array_equal(llama.tensor("layers.0.attention.query").numpy(), query)
    numpy.testing.assert_array_equal(llama.tensor("layers.0.attention.key").numpy(), key)
    numpy.testing.assert_array_equal(llama.tensor("layers.0.attention.query.bias").numpy(), bias)
    numpy.testing.assert_array_equal(llama.tensor("layers.0.attention.value").numpy(), key)
    qwen2 = open_model(write(tmp_path / "qwen2.gguf", "qwen2", **stored))
    numpy.testing.assert_array_equal(qwen2.tensor("layers.0.attention.query").numpy(), permuted(query, HEADS))


def test_order_of_a_head_is_two_halves_against_neighbouring_pairs() -> None:
    halves = numpy.arange(12)  # two heads of six rows: 0 1 2 and 3 4 5 rotate together
    pairs = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert permuted(halves, 2).tolist() == pairs
    assert unpermuted(numpy.array(pairs), 2).tolist() == halves.tolist()


def test_query_rows_that_no_head_count_explains_are_an_error_when_read(tmp_path: Path) -> None:
    model = open_model(write(tmp_path / "model.gguf", blk__0__attn_q__weight=(normal(HIDDEN, HIDDEN), 0)))
    with pytest.raises(ArtifactError, match=r"64 rows of 'blk.0.attn_q.weight' cannot be put into .* with None heads"):
        model.without_metadata("llama.attention.head_count").tensor("blk.0.attn_q.weight").numpy()


def test_head_counts_may_differ_by_layer(tmp_path: Path) -> None:
    """As DeciLM models state them; the same number in all layers is the number of the model."""
    query = normal(HIDDEN, HIDDEN)
    model = open_model(write(tmp_path / "model.gguf", blk__0__attn_q__weight=(permuted(query, HEADS), 0)))
    by_layer = model.with_metadata({"llama.attention.head_count": [HEADS, 8]})
    assert by_layer.config.num_attention_heads is None
    numpy.testing.assert_array_equal(by_layer.tensor("layers.0.attention.query").numpy(), query)
    assert model.with_metadata({"llama.attention.head_count": [HEADS, HEADS]}).config.num_attention_heads == HEADS


def test_type_that_the_gguf_package_cannot_decode_says_so_when_read(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("w", numpy.zeros((1, 40), dtype=numpy.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = open_model(tmp_path / "model.gguf")
    assert model.tensors["w"].shape == (1, 32)
    with pytest.raises(
        ArtifactError, match="tensor 'w': the installed gguf package cannot decode elements of type Q8_1"
    ):
        model.fingerprint("w")


def test_semantic_faults_open(tmp_path: Path) -> None:
    """What a GGUF file says about itself is for falsifiers to judge, not for the reader."""
    values = normal(ROWS - 1, HIDDEN)  # fewer rows than tokens
    values[0, 0] = numpy.nan
    model = open_model(write(tmp_path / "model.gguf", "LlamaForCausalLM", token_embd__weight=(values, 0)))
    assert model.architecture.stored == "LlamaForCausalLM"
    assert model.architecture.family == "llama"
    assert open_model(write(tmp_path / "unknown.gguf", "nonesuch")).architecture.family is None


def test_part_of_a_split_model_is_refused_without_the_others(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m-00001-of-00003.gguf", "llama")
    writer.add_uint16("split.no", 0)
    writer.add_uint16("split.count", 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ArtifactError, match=r"of 3 parts .*m-00002-of-00003.gguf.* --merge"):
        open_model(tmp_path / "m-00001-of-00003.gguf")
