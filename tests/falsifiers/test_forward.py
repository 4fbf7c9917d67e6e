"""The reference decoder: what it computes, what it refuses, and the numbers that rest on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from falsifiable import Criterion
from falsifiers.attention import grouped_query_equals_repeated, grouped_query_forward
from falsifiers.evaluation import EvaluationError, recomputed_loss
from falsifiers.initialization import step_zero_loss
from falsifiers.inventory import expected_tensors, parameters_in
from falsifiers.reference_decoder import UnfitError, load_decoder
from falsifiers.training_run import validation_loss


def test_both_formats_of_one_model_compute_the_same(specimens):
    assert recomputed_loss(specimens["export"], specimens["corpus"]) == pytest.approx(
        recomputed_loss(specimens["trained"], specimens["corpus"]), abs=1e-3
    )


@pytest.mark.parametrize("role", ["trained", "export"])
def test_the_forward_pass_is_that_of_transformers(specimens, role):
    verdict = grouped_query_forward(specimens[role])

    assert verdict.outcome == "held", verdict.found
    assert verdict.measurements[0].value > 0.999999


def test_the_shrunk_counterexample_is_put_in_words():
    verdict = grouped_query_equals_repeated(attention=lambda query, key, value: query, examples=5)

    assert verdict.outcome == "falsified"
    assert verdict.found.startswith(
        "1 query heads on 1 key-value heads, length 1, head_dim 2, float32, seed 0: cosine "
    )


def test_an_implementation_that_cannot_take_the_shapes_is_falsified_and_not_a_crash():
    verdict = grouped_query_equals_repeated(attention=lambda query, key, value: query @ key, examples=5)

    assert verdict.outcome == "falsified"


def test_a_property_leaves_nothing_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    grouped_query_equals_repeated(examples=2)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.with_architecture("MambaForCausalLM"), "MambaForCausalLM is not one of llama"),
        (lambda model: model.without_metadata("num_key_value_heads"), "does not state num_key_value_heads"),
        (lambda model: model.with_metadata(rope_scaling={"type": "yarn"}, rope_parameters=None), "are scaled"),
        (lambda model: model.with_metadata(use_sliding_window=True), "has a window"),
        (lambda model: model.with_metadata(hidden_act="relu"), "hidden_act is 'relu'"),
        (lambda model: model.with_extra_tensor("model.layers.0.self_attn.o_proj.bias", (56,)), "output has a bias"),
        (lambda model: model.without_tensor("layers.0.attention.key"), "layers.0.attention.key is missing"),
        (lambda model: model.with_config(intermediate_size=100), "the configuration implies [100, 56]"),
        (lambda model: model.with_config(hidden_size=57, head_dim=None), "is no multiple of num_attention_heads"),
    ],
)
def test_what_the_decoder_cannot_run_it_refuses_with_the_reason(specimens, change, said):
    model = change(specimens["trained"])

    with pytest.raises(UnfitError) as refused:
        load_decoder(model)

    assert said in str(refused.value)
    assert grouped_query_forward(model).outcome == "inconclusive"


def test_a_loss_needs_the_rule_and_enough_tokens(specimens):
    corpus, trained = specimens["corpus"], specimens["trained"]
    without_rule = replace(corpus, evaluation=None)
    too_long = replace(corpus, evaluation=replace(corpus.evaluation, sequences=10_000))

    with pytest.raises(EvaluationError, match="must give sequences and sequence_length"):
        recomputed_loss(trained, without_rule)
    with pytest.raises(EvaluationError, match="the evaluation reads"):
        recomputed_loss(trained, too_long)
    with pytest.raises(EvaluationError, match="has no split test"):
        recomputed_loss(trained, corpus, "test")
    assert validation_loss(specimens["run"], trained, without_rule).outcome == "inconclusive"
    assert step_zero_loss(specimens["run"], specimens["init"], without_rule).outcome == "inconclusive"


def test_a_metric_that_was_not_recorded_cannot_be_compared(specimens):
    run = specimens["run"].without_field("metrics.val_loss").without_field("metrics.init_val_loss")

    assert validation_loss(run, specimens["trained"], specimens["corpus"]).outcome == "inconclusive"
    assert step_zero_loss(run, specimens["init"], specimens["corpus"]).outcome == "inconclusive"


def test_a_better_cosine_than_can_be_reached_is_not_met(specimens):
    verdict = grouped_query_forward(specimens["trained"], cosine=Criterion(above=1.1))

    assert "with transformers on the same weights, expected above 1.1" in verdict.found


@pytest.mark.parametrize(("family", "biased"), [("qwen2", True), ("llama", False), ("mistral", False)])
@pytest.mark.parametrize("tied", [True, False])
def test_the_inventory_is_that_of_transformers(family, biased, tied):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {
        "vocab_size": 40, "hidden_size": 56, "num_hidden_layers": 3, "num_attention_heads": 7, "num_key_value_heads": 1,
        "intermediate_size": 24,
    }  # fmt: skip
    config = AutoConfig.for_model(family, **shape, head_dim=8, tie_word_embeddings=tied)
    with torch.device("meta"):
        oracle = AutoModelForCausalLM.from_config(config)
    theirs = [tuple(parameter.shape) for parameter in oracle.parameters()]

    ours = expected_tensors(shape, biased=biased, separate_output=not tied)

    assert sorted(ours.values()) == sorted(theirs)
    assert parameters_in(ours) == oracle.num_parameters()


def test_the_oracle_reads_the_configuration_for_itself(specimens, monkeypatch):
    monkeypatch.setattr("falsifiers.reference_decoder._refuse_variants", lambda model: None)

    verdict = grouped_query_forward(specimens["trained"].with_metadata(hidden_act="relu"))

    assert verdict.outcome == "falsified"
    assert "with transformers on the same weights" in verdict.found


def test_a_configuration_that_transformers_does_not_take_is_no_verdict(specimens):
    verdict = grouped_query_forward(specimens["trained"].with_metadata(model_type="no-such-model"))

    assert verdict.outcome == "inconclusive"
    assert "transformers builds no model" in verdict.found
