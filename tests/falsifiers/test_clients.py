"""The live checks on real clients: what they quote, what they allow, and what they leave open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falsifiable import NotApplicable, open_model
from falsifiable.samples import write_gguf
from falsifiers.client_files import UnwritableError, as_files
from falsifiers.clients import greedy_tokens_agree, llama_cpp_generates, transformers_generates
from falsifiers.llama_cpp import generate_with_llama_cpp
from tests.falsifiers.gguf_variants import SOUND, write_variant
from tests.falsifiers.test_llama_cpp_predictions import content_of

pytest.importorskip("xllamacpp")


@pytest.fixture(scope="module")
def export(specimens: dict[str, Any]) -> Any:
    return specimens["export"]


def test_both_clients_take_the_same_tokens_from_the_specimen(specimens: dict[str, Any]) -> None:
    verdict = greedy_tokens_agree(specimens["export"], specimens["trained"])
    measured = {one.name: one.value for one in verdict.measurements}
    assert verdict.outcome == "held", verdict.found
    assert (verdict.examined, measured["tokens_compared"], measured["near_ties"]) == (32, 32, 0)
    assert 0 < measured["largest_logprob_difference"] < 5e-3


def test_another_token_is_allowed_only_where_the_two_best_are_close(specimens: dict[str, Any]) -> None:
    """With noise on the embedding other tokens come out, and how far apart the two best were is told."""
    export = specimens["export"].with_tensor("token_embedding", _with_noise)
    strict = greedy_tokens_agree(export, specimens["trained"], tokens=8)
    lenient = greedy_tokens_agree(export, specimens["trained"], tokens=8, near_tie=100.0)
    assert strict.outcome == "falsified"
    assert "apart, expected less than 0.005 where the clients differ" in strict.found
    assert lenient.outcome == "held", lenient.found
    measured = {one.name: one.value for one in lenient.measurements}
    assert measured["near_ties"] > 0
    assert measured["tokens_compared"] == 8


def _with_noise(values: Any) -> Any:
    return values + np.random.default_rng(1).normal(0, values.std(), values.shape)


def test_a_prompt_that_is_split_otherwise_is_told_as_such(specimens: dict[str, Any]) -> None:
    export = specimens["export"]
    without_merges = export.with_tokenizer(export.tokenizer.with_field("merges", ["d e"]))
    found = greedy_tokens_agree(without_merges, specimens["trained"], prompt="the sea and the shore").found
    assert "the tokenizer in the export splits text otherwise" in found


def test_the_clients_own_words_are_quoted(export: Any) -> None:
    said = {
        "unknown pre-tokenizer type: 'bogus'": export.with_metadata({"tokenizer.ggml.pre": "bogus"}),
        "tensor 'output_norm.weight' not found": export.without_tensor("final_norm"),
        "wrong number of tensors; expected 27, got 26": export.with_extra_tensor("extra.weight", (32,)),
        "GGML_ASSERT(n_embd_head == n_rot) failed": export.with_metadata({"qwen2.rope.dimension_count": 2}),
    }
    for words, mutant in said.items():
        verdict = llama_cpp_generates(mutant)
        assert verdict.outcome == "falsified"
        assert words in verdict.found


def test_a_file_that_ends_the_process_ends_only_that(export: Any, tmp_path: Path) -> None:
    fields, tensors = content_of(export)
    norms = {name: one.astype(np.float16) if one.ndim == 1 else one for name, one in tensors.items()}
    path = write_gguf(tmp_path / "model.gguf", fields, norms)
    assert "unsupported types: dst: f32, src0: f32, src1: f16" in llama_cpp_generates(open_model(path)).found


def test_a_client_that_never_answers_says_nothing(export: Any) -> None:
    verdict = llama_cpp_generates(export, timeout_seconds=0.001)
    assert verdict.outcome == "inconclusive"
    assert "was ended after 0.001 s" in verdict.found


def test_each_client_is_given_the_format_that_it_reads(specimens: dict[str, Any]) -> None:
    assert "llama.cpp reads GGUF; bind the export" in llama_cpp_generates(specimens["trained"]).found
    assert "bind the Hugging Face folder" in transformers_generates(specimens["export"]).found
    assert "needs a GGUF export" in greedy_tokens_agree(specimens["trained"], specimens["trained"]).found
    with pytest.raises(NotApplicable):
        llama_cpp_generates.mutate("the-class-name", {"model": specimens["trained"]}, {})


def test_a_model_as_it_is_on_disk_is_given_as_it_is(specimens: dict[str, Any]) -> None:
    for name in ("export", "trained"):
        with as_files(specimens[name]) as path:
            assert path == specimens[name].path


def test_a_mutant_is_written_as_it_says_and_removed(specimens: dict[str, Any]) -> None:
    for name in ("export", "trained"):
        mutant = specimens[name].with_tensor("final_norm", lambda values: values * 2)
        with as_files(mutant) as path:
            written = open_model(path)
            assert set(written.tensors) == set(mutant.tensors)
            for tensor in mutant.tensors:
                np.testing.assert_array_equal(written.tensor(tensor).numpy(), mutant.tensor(tensor).numpy())
            assert {key: written.metadata[key] for key in written.metadata} == dict(mutant.metadata)
        assert not path.exists()


def test_the_rows_of_a_llama_file_are_written_in_the_order_that_it_keeps(specimens: dict[str, Any]) -> None:
    llama = specimens["export"].with_architecture("llama")
    llama = llama.with_metadata({key.replace("qwen2.", "llama."): one for key, one in llama.metadata.items()})
    mutant = llama.with_tensor("layers.0.attention.query", lambda values: values + 1)
    with as_files(mutant) as path:
        np.testing.assert_array_equal(
            open_model(path).tensor("layers.0.attention.query").numpy(),
            mutant.tensor("layers.0.attention.query").numpy(),
        )


def test_what_no_file_can_hold_is_left_open(specimens: dict[str, Any]) -> None:
    unwritable = specimens["export"].with_metadata({"general.name": {"a": 1}})
    with pytest.raises(UnwritableError, match="a dict is no value of GGUF"), as_files(unwritable):
        pass
    assert llama_cpp_generates(unwritable).outcome == "inconclusive"
    grown = specimens["trained"].with_tokenizer(specimens["tokenizer"].with_tokens(400))
    assert "a changed tokenizer cannot be written" in transformers_generates(grown).found


def test_a_sound_variant_generates_what_the_original_does(export: Any, tmp_path: Path) -> None:
    written = write_variant(SOUND, tmp_path / "model.gguf", *content_of(export))
    original, copy = (generate_with_llama_cpp(path, "the sea", 8, 120.0) for path in (export.path, written))
    assert original.tokens == copy.tokens
    assert len(copy.tokens) == 8
