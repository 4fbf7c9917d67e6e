"""Mutants: models changed in memory, which is what counterexamples are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from falsifiable.artifacts import ArtifactError, KnownContent, Model, open_model
from falsifiable.artifacts.dtypes import ELEMENT_TYPES, decode, encode
from falsifiable.artifacts.fingerprints.fingerprint import fingerprint_of_values

gguf = pytest.importorskip("gguf")


@pytest.fixture
def folder_model(tmp_path: Path) -> Model:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"architectures": ["Qwen2ForCausalLM"], "hidden_size": 4, "rope_parameters": {"rope_theta": 10000.0}}'
    )
    tensors = {
        "model.embed_tokens.weight": numpy.ones((6, 4), dtype=numpy.float32),
        "model.norm.weight": numpy.ones(4, dtype=numpy.float16),
    }
    save_file(tensors, folder / "model.safetensors")
    return open_model(folder)


@pytest.fixture
def gguf_model(tmp_path: Path) -> Model:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_embedding_length(8)
    writer.add_head_count(2)
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", numpy.ones((2, 8), dtype=numpy.float32))
    writer.add_tensor("blk.0.attn_q.weight", numpy.arange(64, dtype=numpy.float32).reshape(8, 8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return open_model(path)


def nan_in_the_middle(values: Any) -> Any:
    values.flat[values.size // 2] = numpy.nan
    return values


def test_a_mutant_leaves_the_model_as_it_was(gguf_model: Model) -> None:
    before = dict(gguf_model.metadata), dict(gguf_model.tensors), gguf_model.config, gguf_model.digest
    gguf_model.with_metadata({"general.name": "x"}).without_metadata("general.name").with_config(hidden_size=7)
    gguf_model.without_tensor("token_embedding").with_extra_tensor("more", (2, 2)).with_architecture("bert")
    gguf_model.with_tensor("token_embedding", nan_in_the_middle).fingerprints  # noqa: B018
    gguf_model.with_tokenizer(None)
    assert (dict(gguf_model.metadata), dict(gguf_model.tensors), gguf_model.config, gguf_model.digest) == before
    assert gguf_model.fingerprints["token_embd.weight"].finite


def test_config_and_the_stored_key_change_together(gguf_model: Model, folder_model: Model) -> None:
    mutant = gguf_model.with_config(hidden_size=9, num_key_value_heads=3)
    assert (mutant.config.hidden_size, mutant.metadata["llama.embedding_length"]) == (9, 9)
    assert mutant.metadata["llama.attention.head_count_kv"] == 3
    other = folder_model.with_config(hidden_size=5, rope_theta=2.0, vocab_size=6)
    assert (other.config.hidden_size, other.metadata["hidden_size"]) == (5, 5)
    assert (other.config.rope_theta, other.metadata["rope_parameters"]) == (2.0, {"rope_theta": 2.0})
    assert other.config.sources["vocab_size"] == "config.json:vocab_size"
    assert folder_model.with_config(rope_theta=None).config.rope_theta is None


def test_metadata_change_shows_in_the_config(gguf_model: Model, folder_model: Model) -> None:
    assert gguf_model.without_metadata("llama.embedding_length").config.hidden_size is None
    assert gguf_model.with_metadata({"llama.embedding_length": 3}).config.hidden_size == 3
    assert folder_model.with_metadata(hidden_size=3).config.hidden_size == 3
    assert folder_model.without_metadata("architectures").architecture.stored is None


def test_a_change_that_cannot_be_made_says_so(gguf_model: Model) -> None:
    with pytest.raises(ValueError, match="tie_word_embeddings cannot be changed: this GGUF file has no key for it"):
        gguf_model.with_config(tie_word_embeddings=True)
    with pytest.raises(ValueError, match="has no field 'hiden_size'"):
        gguf_model.with_config(hiden_size=1)
    with pytest.raises(ValueError, match="names no architecture"):
        gguf_model.without_metadata("general.architecture").with_config(hidden_size=1)
    with pytest.raises(ValueError, match="has no metadata 'nonesuch' to remove"):
        gguf_model.without_metadata("nonesuch")
    with pytest.raises(ValueError, match="already has a tensor"):
        gguf_model.renamed_tensor("token_embedding", "blk.0.attn_q.weight")
    with pytest.raises(ValueError, match="cannot be of type 'Q4_K'"):
        gguf_model.with_extra_tensor("w", (4, 4), "Q4_K")
    with pytest.raises(ValueError, match=r"gave shape \(16,\), the tensor has \(2, 8\)"):
        gguf_model.with_tensor("token_embedding", numpy.ravel).tensor("token_embedding").numpy()


def test_architecture_renamed_leaves_the_prefix_of_the_keys(gguf_model: Model) -> None:
    mutant = gguf_model.with_architecture("LlamaForCausalLM")
    assert (mutant.architecture.stored, mutant.architecture.family) == ("LlamaForCausalLM", "llama")
    assert mutant.config.hidden_size is None
    assert "llama.embedding_length" in mutant.metadata


def test_a_function_gets_a_copy_of_the_values_and_functions_follow_one_another(folder_model: Model) -> None:
    mutant = folder_model.with_tensor("token_embedding", nan_in_the_middle).with_tensor(
        "token_embedding", lambda x: x + 1
    )
    values = mutant.tensor("model.embed_tokens.weight").numpy()
    assert numpy.isnan(values).sum() == 1
    assert (values[0] == 2).all()
    assert (folder_model.tensor("token_embedding").numpy() == 1).all()


def test_fingerprints_of_a_mutant_follow_its_values(folder_model: Model) -> None:
    mutant = folder_model.with_tensor("final_norm", nan_in_the_middle)
    prints = mutant.fingerprints
    assert (prints["model.norm.weight"].nonfinite, prints["model.norm.weight"].first_nonfinite) == (1, 2)
    assert prints["model.embed_tokens.weight"] == folder_model.fingerprints["model.embed_tokens.weight"]


def test_an_identical_rewrite_keeps_the_hash(folder_model: Model, gguf_model: Model) -> None:
    same = folder_model.with_tensor("final_norm", numpy.copy)
    assert same.fingerprint("final_norm") == folder_model.fingerprint("final_norm")
    # also where the values are handed out in another order than they are stored in
    permuted = gguf_model.with_tensor("layers.0.attention.query", numpy.copy)
    assert permuted.fingerprint("blk.0.attn_q.weight") == gguf_model.fingerprint("blk.0.attn_q.weight")


@given(bits=st.lists(st.integers(0, 2**16 - 1), min_size=2, max_size=40))
@settings(deadline=None)
def test_bfloat16_values_are_written_back_as_they_were(bits: list[int]) -> None:
    kind = ELEMENT_TYPES["BF16"]
    stored = numpy.array([one for one in bits if (one & 0x7FFF) <= 0x7F80], dtype="<u2")  # NaN payloads may change
    assert encode(decode(stored.tobytes(), kind), kind) == stored.tobytes()
    assert numpy.isnan(decode(encode(numpy.array([numpy.nan]), kind), kind)).all()


def test_bfloat16_rounds_to_the_nearest_even() -> None:
    torch = pytest.importorskip("torch")
    values = numpy.random.default_rng(0).normal(size=1000).astype(numpy.float32)
    expected = torch.tensor(values).to(torch.bfloat16).view(torch.int16).numpy().tobytes()
    assert encode(values, ELEMENT_TYPES["BF16"]) == expected


def test_changed_values_of_a_quantised_tensor_have_a_hash_of_their_own() -> None:
    assert fingerprint_of_values(numpy.ones(32), "Q8_0").blake3 != fingerprint_of_values(numpy.zeros(32), "Q8_0").blake3


def test_tensors_come_go_and_change_names(gguf_model: Model) -> None:
    mutant = gguf_model.without_tensor("token_embedding")
    assert not mutant.has_tensor("token_embedding")
    assert (mutant.embedding_rows, list(mutant.fingerprints)) == (None, ["blk.0.attn_q.weight"])
    mutant = gguf_model.renamed_tensor("token_embedding", "token_embedding.weight")
    assert mutant.tensors["token_embedding.weight"].canonical is None
    assert (mutant.tensor("token_embedding.weight").numpy() == 1).all()
    mutant = gguf_model.with_extra_tensor("output.weight", (2, 8), "F16")
    assert mutant.tensor("output").shape == (2, 8)
    assert mutant.fingerprint("output").zero_share == 1.0
    assert mutant.parameters == gguf_model.parameters + 16
    assert gguf_model.with_extra_tensor("token_embedding", (3, 8)).embedding_rows == 3


def test_an_absent_tensor_is_an_error_with_the_nearest_names(gguf_model: Model) -> None:
    with pytest.raises(ArtifactError, match=r"no tensor 'token_embed.weight' among 2. The nearest names are token_emb"):
        gguf_model.tensor("token_embed.weight")


def test_tokenizer_taken_away_leaves_no_metadata_of_it(gguf_model: Model, folder_model: Model) -> None:
    mutant = gguf_model.with_tokenizer(None)
    assert mutant.tokenizer is None
    assert not [key for key in mutant.metadata if key.startswith("tokenizer.")]
    assert folder_model.with_tokenizer(None).tokenizer is None


def test_tokenizer_given_to_a_gguf_model_shows_in_its_metadata(gguf_model: Model) -> None:
    tokenizer = gguf_model.tokenizer
    assert tokenizer is not None
    mutant = gguf_model.with_tokenizer(tokenizer.with_tokens(5).with_eos_token_id(77))
    assert len(mutant.metadata["tokenizer.ggml.tokens"]) == 5  # type: ignore[arg-type]
    assert mutant.metadata["tokenizer.ggml.eos_token_id"] == 77
    assert mutant.tokenizer is not None
    assert mutant.tokenizer.size == 5


def test_digest_of_a_mutant_reads_no_file_and_names_what_was_done(folder_model: Model) -> None:
    mutant = folder_model.without_tensor("final_norm").with_config(hidden_size=5)
    assert mutant.digest == "mutant:folder+without_tensor(model.norm.weight)+with_config(hidden_size=5)"
    base = folder_model.digest
    assert folder_model.without_tensor("final_norm").digest == f"mutant:{base}+without_tensor(model.norm.weight)"
    assert mutant.file_digests == folder_model.file_digests


def test_what_is_known_is_not_read_again(folder_model: Model) -> None:
    known = KnownContent(folder_model.file_digests, folder_model.fingerprints)
    (folder_model.path / "model.safetensors").touch()
    again = open_model(folder_model.path, known=known)
    weights = again.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes())  # reading it now would be an error
    assert again.digest == folder_model.digest
    assert again.fingerprints == folder_model.fingerprints
    assert again.without_tensor("final_norm").digest.startswith(f"mutant:{folder_model.digest}+")


def test_a_tensor_as_its_file_keeps_it(folder_model: Model) -> None:
    name = folder_model.canonical_names["final_norm"]
    info = folder_model.tensors[name]
    stored = folder_model.stored_bytes(name)
    assert stored == info.file.read_bytes()[info.offset : info.offset + info.nbytes]
    mutant = folder_model.with_tensor(name, lambda values: values + 1)
    assert mutant.stored_bytes(name) is None
    assert mutant.as_stored(name).tolist() == (folder_model.as_stored(name) + 1).tolist()
    assert mutant.with_extra_tensor("more", (2,)).stored_bytes("more") is None
    assert (mutant.is_mutant, folder_model.is_mutant) == (True, False)


def test_what_files_of_a_format_call_a_tensor(folder_model: Model, gguf_model: Model) -> None:
    assert folder_model.usual_name("layers.7.attention.query.bias") == "model.layers.7.self_attn.q_proj.bias"
    assert gguf_model.usual_name("layers.7.attention.query.bias") == "blk.7.attn_q.bias"
    assert gguf_model.usual_name("no such tensor") == "no such tensor"
