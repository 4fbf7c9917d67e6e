"""Families: what transformers builds is what the table of marks says, and a name that does not fit is told."""

from __future__ import annotations

import pytest

from falsifiable.artifacts.architecture import _FAMILIES
from falsifiers.families import _MARKS_OF, _NOT_IN_TRANSFORMERS, family_matches_tensors, family_supported, marks_of

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "num_experts": 2,
    "num_local_experts": 2, "num_experts_per_tok": 1, "head_dim": 8, "pad_token_id": 0,
}  # fmt: skip


def folder_made_by_transformers(family: str, folder, **changes):
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **{**SMALL, **changes})
    encoder = "bert" in family or family == "xlm-roberta"
    (AutoModel if encoder else AutoModelForCausalLM).from_config(config).save_pretrained(folder)
    from falsifiable import open_model

    return open_model(folder)


@pytest.mark.parametrize("family", _MARKS_OF)
def test_the_marks_are_those_of_models_that_transformers_saves(family, tmp_path):
    saved = folder_made_by_transformers(family, tmp_path)

    assert marks_of(saved) in _MARKS_OF[family]
    assert family_matches_tensors(saved).outcome == "held"


@pytest.mark.parametrize("family", ["llama", "granite"])
def test_biases_that_a_configuration_asks_for_are_the_familys_own(family, tmp_path):
    saved = folder_made_by_transformers(family, tmp_path, attention_bias=True)

    assert family_matches_tensors(saved).outcome == "held"


def test_qwen2s_tensors_under_llamas_name_are_told_by_their_biases(specimens):
    verdict = family_matches_tensors(specimens["init"].with_family("llama"))

    assert verdict.outcome == "falsified"
    assert "says llama, but the tensors are those of qwen2: they have query bias" in verdict.found


def test_the_model_type_is_asked_by_itself_for_loaders_follow_it(specimens):
    verdict = family_matches_tensors(specimens["trained"].with_metadata(model_type="llama"))

    assert verdict.found.startswith("config.json:model_type says llama")


def test_a_family_that_is_not_in_the_table_is_no_finding(specimens):
    verdict = family_matches_tensors(
        specimens["trained"].with_metadata(architectures=["MambaForCausalLM"], model_type="x")
    )

    assert verdict.outcome == "inconclusive"


def test_one_name_in_gguf_stands_for_llama_and_mixtral(specimens):
    plain = specimens["export"].with_family("llama")
    for layer in range(2):
        for part in ("query", "key", "value"):
            plain = plain.without_tensor(f"layers.{layer}.attention.{part}.bias")

    assert family_matches_tensors(plain).outcome == "held"


def test_what_transformers_is_said_to_know_it_knows():
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    said = {family.name for family in _FAMILIES} - _NOT_IN_TRANSFORMERS

    assert said <= set(CONFIG_MAPPING_NAMES)
    assert not _NOT_IN_TRANSFORMERS & set(CONFIG_MAPPING_NAMES)


def test_a_consumer_that_lacks_the_family_is_named(specimens):
    verdict = family_supported(specimens["encoder"], consumers=("transformers", "mlx"))

    assert verdict.found.startswith("architecture BertModel is not implemented by mlx")
    assert family_supported(specimens["trained"], consumers=("ollama",)).outcome == "inconclusive"
